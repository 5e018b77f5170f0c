"""Clicks, boxes and strokes as text."""

import base64
from pathlib import Path

import pytest

from vimix.errors import UsageError
from vimix.options import Options
from vimix.points import MOST_PAINTS, PAINT_BYTES, Point, parse_paints, read_paint

SMALLEST = b"\x89PNG\r\n\x1a\n" + b"rest"
ADDRESS = "data:image/png;base64," + base64.b64encode(SMALLEST).decode()


@pytest.mark.parametrize(
    ("text", "keep", "canonical"),
    [
        ("-0.3,0.8,1.5", False, "-0.3,0.8,1.5"),
        ("-0,0", False, "-0,0"),
        ("0.3,0.8", True, "0.3,0.8"),
        (" -0.1,0.2,0.3,0.4 ", False, "-0.1,0.2,0.3,0.4"),
    ],
)
def test_a_minus_says_what_is_not_meant(text: str, keep: bool, canonical: str) -> None:
    point = Point.parse(text)
    assert (point.keep, str(point)) == (keep, canonical)
    assert Point.parse(str(point)) == point


@pytest.mark.parametrize("text", ["--0.1,0.2", "0.1,-0.2", "-2,0.5", "-", "-nan,0.5"])
def test_what_is_no_point_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not x,y"):
        Point.parse(text)


def test_clicks_on_what_is_not_meant_leave_the_stored_matte_useful() -> None:
    plain, marked = Options.parse({}), Options.parse({"point": "-0.3,0.8,1.5", "paint": ADDRESS})
    assert marked.matting() == plain.matting()
    assert marked.digest() != plain.digest()
    assert [str(point) for point in marked.unwanted] == ["-0.3,0.8,1.5"]
    assert Options.parse({"point": ["0.5,0.5", "-0.3,0.8"]}).matting()["point"] == ["0.5,0.5"]


def test_painted_pictures_are_addresses_with_a_time_or_without() -> None:
    assert parse_paints(f"{ADDRESS} {ADDRESS}@1.5") == (ADDRESS, f"{ADDRESS}@1.5")
    assert Options.parse({"paint": [ADDRESS, f"{ADDRESS}@2"]}).paint == (ADDRESS, f"{ADDRESS}@2")
    assert Options.parse({"paint": ""}).paint == ()


TOO_MANY = " ".join([ADDRESS] * (MOST_PAINTS + 1))


@pytest.mark.parametrize("text", ["/etc/passwd", "mask.png@1", "data:text/html,hello", ADDRESS + "@x", TOO_MANY])
def test_a_file_name_or_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="paint"):
        Options.parse({"paint": text})


def test_a_picture_that_is_too_large_is_refused() -> None:
    with pytest.raises(UsageError, match="512 KB"):
        Options.parse({"paint": "data:image/png;base64," + "A" * (PAINT_BYTES * 4 // 3 + 400)})


def test_files_are_read_for_whoever_may_name_them(tmp_path: Path) -> None:
    (tmp_path / "mask@2.png").write_bytes(SMALLEST)
    (tmp_path / "text.png").write_bytes(b"hello")
    assert read_paint(str(tmp_path / "mask@2.png")) == ADDRESS
    assert read_paint(f"{tmp_path / 'mask@2.png'}@1.25") == f"{ADDRESS}@1.25"
    assert read_paint(ADDRESS) == ADDRESS
    with pytest.raises(UsageError, match="not a PNG"):
        read_paint(str(tmp_path / "text.png"))
    with pytest.raises(UsageError, match="cannot be read"):
        read_paint(str(tmp_path / "nothing.png"))
