"""No file of a visitor is decoded in the web process: nothing under web/ reaches a decoder or a network, by any call.

What the names of the code can show is checked here; `tests/jobs/test_previews.py` has files that crash, hang and fill
memory in the children that decode.
"""

import ast

import pytest

from tests.web.reachability import modules, paths_to

OPENERS = (
    "av.open", "PIL.Image.open", "PIL.ImageFile", "cv2.imread", "cv2.imdecode", "cv2.VideoCapture", "pillow_heif",
    "imageio_ffmpeg", "onnx", "onnxruntime", "openvino", "rembg", "vimix.media.demuxer.opened",
    "vimix.matting.registry.prepare", "vimix.matting.registry.play_back", "vimix.matting.registry.warm_up",
    "vimix.pipeline.run.run", "vimix.pipeline.run.cut_out", "vimix.pipeline.preview.ANSWERS",
)  # fmt: skip
"""What decodes pictures or video, or runs a network; and the ways of ours to it."""
WITH_REASON = {
    "vimix.sinks:FORMATS": "its rows have names, suffixes and media types; sinks are opened by children, to write",
    "vimix.matting.registry:ENGINES": "engines are asked for their tables and to fetch weights; children prepare them",
    "vimix.jobs.worker.zerogpu:on_gpu": "ZeroGPU calls it in a process of its own, with pictures at a network's size",
    "vimix.web.ui.sharing:_shared": "it opens preview pictures, which our children have encoded, as WebP only",
}
"""Definitions that are not followed any further."""


def opens(name: str) -> bool:
    return any(f"{name}.".startswith(f"{opener}.") for opener in OPENERS)


def of_the_web() -> list[str]:
    return [
        f"{name}:{defined}"
        for name, module in modules().items()
        if name.startswith("vimix.web.")
        for defined in module.defined
    ]


def test_nothing_of_the_web_reaches_a_decoder_or_a_network() -> None:
    assert len(of_the_web()) > 200
    found = paths_to(opens, of_the_web(), without=frozenset(WITH_REASON))
    assert not found, "\n".join(" -> ".join(way) for way in found.values())


@pytest.mark.parametrize("name", WITH_REASON)
def test_each_exception_is_needed(name: str) -> None:
    assert paths_to(opens, of_the_web(), without=frozenset(WITH_REASON) - {name})


def test_no_engine_is_prepared_in_the_web_process() -> None:
    for name, module in modules().items():
        if name.startswith(("vimix.web.", "vimix.jobs.")) and name != "vimix.jobs.worker.child_main":
            calls = [node.func for node in ast.walk(module.tree) if isinstance(node, ast.Call)]
            assert not any(isinstance(call, ast.Attribute) and call.attr in ("prepare", "single") for call in calls), (
                name
            )


def test_previews_are_opened_as_webp_only() -> None:
    calls = [node for node in ast.walk(modules()["vimix.web.ui.sharing"].tree) if isinstance(node, ast.Call)]
    (opened,) = (call for call in calls if ast.unparse(call.func) == "Image.open")
    assert {each.arg: ast.unparse(each.value) for each in opened.keywords} == {"formats": "['WEBP']"}


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("vimix.pipeline.preview:filmstrip", "av.open"),
        ("vimix.pipeline.preview:filmstrip", "PIL.Image.open"),
        ("vimix.pipeline.preview:preview", "openvino"),
        ("vimix.matting.video.marked_regions:read", "PIL.Image.open"),
    ],
)
def test_what_does_decode_is_found(start: str, end: str) -> None:
    assert paths_to(lambda name: f"{name}.".startswith(f"{end}."), [start])
