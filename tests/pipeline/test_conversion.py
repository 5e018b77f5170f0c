"""What a finished job becomes: one table for every caller, since page, HTTP, Gradio API and MCP all come here."""

from typing import Any

import pytest

from vimix.errors import UsageError
from vimix.options import Options
from vimix.pipeline.conversion import convert

PAINT = "data:image/png;base64,iVBORw0KGgo=@1.5"
STICKER = Options(format="webm", fit="telegram-sticker", fps=20, quality="fast", point=("0.5,0.5",))


@pytest.mark.parametrize(
    ("made", "asked", "expected"),
    [
        (Options(), {"format": "mp4"}, {"format": "mp4", "background": "#ffffff"}),
        (Options.parse({"background": "in/abc"}), {"format": "gif"}, {"format": "gif", "background": "in/abc"}),
        (Options.parse({"background": "in/abc"}), {"format": "mp4"}, {"format": "mp4", "background": "in/abc"}),
        (Options(width=320), {"width": "none"}, {"width": None}),
        (Options(width=320), {"width": ""}, {"width": 320}),
        (STICKER, {"format": "gif"}, {"format": "gif", "fit": None}),
        (STICKER, {"quality": "best", "point": "0.1,0.1"}, {"quality": "fast", "point": ["0.5,0.5"]}),
        (STICKER, {"point": "0.1,0.1;-0.2,0.3,1"}, {"point": ["0.5,0.5", "-0.2,0.3,1"]}),
        (Options(point=("-0.2,0.3",)), {"format": "gif"}, {"point": ["-0.2,0.3"]}),
        (Options(), {"paint": PAINT}, {"paint": [PAINT]}),
        (Options(refine="clean"), {"refine": "matting"}, {"refine": "clean"}),
        (Options(fps=10), {"fps": 30}, {"fps": 10.0}),
        (Options(), {"invert": True, "stroke": "4"}, {"invert": True, "stroke": 4}),
    ],
)
def test_what_is_asked_for_changes_and_what_the_matte_decides_stays(
    made: Options, asked: dict[str, Any], expected: dict[str, Any]
) -> None:
    options = convert(made, asked).options.model_dump(mode="json")
    assert {name: options[name] for name in expected} == expected


def test_what_had_to_change_is_said() -> None:
    assert list(convert(Options(), {"format": "mp4"}).remarks) == ["MP4 has no transparency: the background is white."]


def test_a_change_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UsageError):
        convert(Options(), {"format": "bmp"})
