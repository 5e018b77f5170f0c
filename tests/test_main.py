"""The command line: every format by its name, exit codes, JSON events, and nothing left when it is interrupted."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageSequence

from tests.clips import draw
from tests.web.drawn import draw as draw_balls
from vimix import remove_background
from vimix.__main__ import main
from vimix.cli.cut import INTERRUPTED
from vimix.errors import UsageError
from vimix.pipeline.card import inspect

FRAMES, FPS = 12, 12


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disc before a green screen, with sound: keyed, so no network is needed."""
    return draw(tmp_path_factory.mktemp("cli") / "clip.mp4", frames=FRAMES, fps=FPS, screen=True, audio=True).path


@pytest.mark.parametrize(
    ("name", "arguments", "format"),
    [
        ("out.webp", [], "webp"),
        ("out.webm", [], "webm"),
        ("out.gif", [], "gif"),
        ("out.png", [], "apng"),
        ("out.mov", [], "mov"),
        ("out.mov", ["--format", "hevc"], "hevc"),
        ("out.zip", [], "png-zip"),
        ("out.zip", ["--format", "bundle"], "bundle"),
        ("out.zip", ["--format", "sprites"], "sprites"),
        ("out.mp4", ["--background", "blur"], "mp4"),
        ("out.mp4", ["--format", "matte"], "matte"),
    ],
)
def test_every_format_is_made_whole(clip: Path, tmp_path: Path, name: str, arguments: list[str], format: str) -> None:
    out = tmp_path / name
    assert main([str(clip), str(out), *arguments]) == 0
    output = inspect(out)["output"]
    assert output["format"] == format
    assert output["frames"] == FRAMES
    assert output["seconds"] == pytest.approx(FRAMES / FPS, abs=1 / FPS)
    assert (output["width"], output["height"]) == (96, 64)
    assert output["alpha"] == (format not in ("mp4", "matte"))
    assert output["audio"] == (format in ("webm", "mov", "hevc", "mp4", "bundle"))
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("rims", [["--stroke", "3"], ["--stroke", "2", "--shadow", "3"]])
def test_width_is_that_of_the_file_with_its_outline_and_shadow(clip: Path, tmp_path: Path, rims: list[str]) -> None:
    out = tmp_path / "out.webp"
    assert main([str(clip), str(out), "--crop", "subject", "--width", "60", *rims]) == 0
    assert inspect(out)["output"]["width"] == 60


def test_a_folder_for_models_that_cannot_be_made_is_named(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VIMIX_MODEL_DIR", "/dev/null/models")
    assert main([str(clip), str(tmp_path / "out.webp"), "--model", "u2netp"]) == 4
    assert "/dev/null/models" in capsys.readouterr().err


def test_corrections_of_a_cut(tmp_path: Path) -> None:
    """A red ball that moves and a blue one that stays, before a screen: the blue one goes, the red one returns."""
    clip, out = draw_balls(tmp_path / "clip.mp4", wall=(20, 176, 72), second=True), tmp_path / "out.webp"
    strokes = Image.new("RGBA", (320, 180))
    ImageDraw.Draw(strokes).ellipse((212, 62, 268, 118), fill=(0, 255, 0, 255))
    strokes.save(tmp_path / "strokes.png")

    def blue_is_there(*more: str) -> list[bool]:
        assert main([str(clip), str(out), "--model", "chroma", *more]) == 0
        with Image.open(out) as result:
            alphas = [frame.convert("RGBA").getchannel("A") for frame in ImageSequence.Iterator(result)]
        return [int(str(alpha.getpixel((240, 90)))) > 128 for alpha in alphas]

    assert all(blue_is_there("--end", "1"))
    assert not any(blue_is_there("--end", "1", "--point", "-0.75,0.5,0.5"))
    kept = blue_is_there("--point", "-0.75,0.5", "--paint", f"{tmp_path / 'strokes.png'}@1.9")
    assert (kept[0], kept[-1]) == (False, True)


def test_events_and_card_as_json(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(clip), str(tmp_path / "out.webp"), "--json", "--start", "0.5"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["done"] for line in lines if line["event"] == "progress"] == list(range(1, FRAMES // 2 + 1))
    card = lines[-1]["card"]
    assert lines[-1] == {"event": "done", "path": str(tmp_path / "out.webp"), "card": card, **card}
    assert set(card) == {
        "job", "input", "output", "model", "engine", "options", "timings", "frames_per_second", "flicker", "coverage",
        "doubtful_frames", "cached", "plays_in", "complies", "warnings", "expires",
    }  # fmt: skip
    assert card["model"] == "chroma"
    assert card["input"]["frames"] == FRAMES
    assert card["output"]["frames"] == FRAMES // 2
    assert card["coverage"] > 0.05
    assert str(tmp_path) not in json.dumps(card)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["{clip}", "out.xyz"], 2, "--format"),
        (["{clip}", "out.webp", "--fps", "100"], 2, "fps"),
        (["{clip}", "out.webp", "--model", "nonsense"], 2, "nonsense"),
        (["{clip}", "out.mp4"], 2, "background"),
        (["{clip}", "out.webp", "--start", "9"], 2, "1 s long"),
        (["{clip}", "no/such/folder/out.webp"], 2, "folder"),
        (["{clip}", "out.webp", "--fit", "lots"], 2, "500KB"),
        (["{clip}", "out.webp", "--fit", "telegram-sticker"], 2, ".webm"),
        (["{clip}", "{clip}", "--format", "webm"], 2, "another name"),
        (["{clip}", ".", "--format", "webm"], 2, "not a file"),
        (["{clip}", "out.mp4", "--background", "green"], 2, "a colour (#rrggbb)"),
        (["missing.mp4", "out.webp"], 3, "no such file"),
        ([__file__, "out.webp"], 3, "text"),
        (["{clip}", "out.mp4", "--background", __file__], 3, "text"),
        (["inspect", __file__], 3, "text"),
        (["{clip}"], 2, "output"),
    ],
)
def test_a_refusal_is_one_sentence_and_its_code(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    arguments: list[str], code: int, said: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main([argument.replace("{clip}", str(clip)) for argument in arguments]) == code
    told = capsys.readouterr().err
    assert said in told
    assert len(told.strip().splitlines()) == 1
    assert "Traceback" not in told
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_leaves_nothing(tmp_path: Path, number: int) -> None:
    long = draw(tmp_path / "long.mp4", frames=200, fps=30, screen=True).path
    out = tmp_path / "out"
    out.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "vimix", str(long), str(out / "out.webm"), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(out)},
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # under nohup it would rightly be ignored
    )
    assert process.stdout
    assert "progress" in process.stdout.readline()
    process.send_signal(number)
    _, told = process.communicate(timeout=20)
    assert process.returncode == INTERRUPTED
    assert told.strip() == "Interrupted; nothing was left behind."
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(("redirect", "code"), [("<&- 2>&-", 0), (">&- 2>&-", 0), ("> /dev/full", 5)])
def test_closed_and_full_outputs_harm_no_file(clip: Path, tmp_path: Path, redirect: str, code: int) -> None:
    out = tmp_path / "out.mov"
    command = f'"{sys.executable}" -m vimix "{clip}" "{out}" --json {redirect}'
    ended = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, text=True)
    assert ended.returncode == code, ended.stderr
    assert "Traceback" not in ended.stderr
    assert list(tmp_path.iterdir()) == ([] if code else [out])
    if not code:
        assert inspect(out)["output"]["frames"] == FRAMES


@pytest.mark.parametrize(("name", "format"), [
    ("out.webp", "webp"), ("out.webm", "webm"), ("out.gif", "gif"), ("out.png", "apng"), ("out.mov", "mov"),
    ("out.mov", "hevc"), ("out.zip", "png-zip"), ("out.zip", "bundle"), ("out.zip", "sprites"), ("out.mp4", "mp4"),
    ("out.mp4", "matte"),
])  # fmt: skip
def test_a_full_disk_is_told_and_nothing_left(clip: Path, tmp_path: Path, name: str, format: str) -> None:
    out = tmp_path / name
    command = f'ulimit -f 0; "{sys.executable}" -m vimix "{clip}" "{out}" --format {format} --background blur'
    ended = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert ended.returncode == 5, ended
    assert len(ended.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_models_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert {"isnet-general-use", "u2net", "portrait", "chroma"} <= set(rows)
    assert rows["isnet-general-use"]["licence"] == "MIT"


def test_a_byte_budget_is_kept(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.webp"
    assert main([str(clip), str(out), "--fit", "6KB", "--crop", "subject"]) == 0
    assert out.stat().st_size <= 6000
    sticker = tmp_path / "out.webm"
    assert main([str(clip), str(sticker), "--fit", "telegram-sticker"]) == 0
    card = inspect(sticker)
    assert card["complies"]["telegram-sticker"] is True


def test_a_budget_is_used_by_the_picture_too(tmp_path: Path) -> None:
    """A video's size is known only once it is whole, and 3 s of sound as usual would take half of this."""
    long = draw(tmp_path / "clip.mp4", frames=72, fps=24, size=(640, 480), screen=True, audio=True).path
    for name, audio in (("out.webm", True), ("out.mov", False)):
        budget = 45_000 if audio else 90_000
        assert main([str(long), str(tmp_path / name), "--fit", f"{budget // 1000}KB"]) == 0
        output = inspect(tmp_path / name)["output"]
        assert 0.5 * budget < output["bytes"] <= budget
        assert output["audio"] == audio


def test_in_python_the_format_follows_the_name_too(clip: Path, tmp_path: Path) -> None:
    assert remove_background(clip, tmp_path / "out.gif", end=0.5)["output"]["format"] == "gif"
    assert remove_background(clip, tmp_path / "out.gif", end=0.5, format="webm")["output"]["format"] == "webm"
    with pytest.raises(UsageError, match="another name"):
        remove_background(clip, clip, format="webm")
