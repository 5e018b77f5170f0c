"""What is asked for is one canonical value, and every fault in it is said at once."""

import pytest

from vimix.errors import UsageError
from vimix.options import Options
from vimix.points import Point


def test_equal_requests_are_equal_bytes() -> None:
    loose = Options.parse({"fps": "30", "background": "FF00AA", "point": ["0.50,.5", ""], "end": "", "start": 1})
    exact = Options.parse({"fps": 30.0, "background": "#ff00aa", "point": "0.5,0.5", "start": 1.0})
    assert loose == exact
    assert loose.digest() == exact.digest()
    assert Options.parse({"fps": 29}).digest() != exact.digest()


def test_finishing_does_not_change_the_matte() -> None:
    plain = Options().matting()
    assert Options.parse({"background": "blur", "stroke": 3, "lossless": True, "crop": "subject"}).matting() == plain
    assert Options.parse({"quality": "best"}).matting() != plain
    assert Options.parse({"refine": "off"}).matting() == plain
    assert Options.parse({"refine": "matting"}).matting() != plain


@pytest.mark.parametrize(
    ("format", "most"),
    [("webp", 20), ("gif", 20), ("apng", 20), ("png", 20), ("sprites", 20), ("webm", None), ("png-zip", None)],
)
def test_whole_picture_formats_are_held_to_twenty_frames(format: str, most: float | None) -> None:
    assert Options.parse({"format": format}).max_fps == most
    assert Options.parse({"format": format, "fps": "source"}).max_fps is None
    assert Options.parse({"format": format, "fps": 50}).max_fps == 50


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"fps": 0}, "fps"),
        ({"fps": "often"}, "fps"),
        ({"width": 8}, "width"),
        ({"start": 3, "end": 2}, "end must be after start"),
        ({"format": "mp4"}, "background"),
        ({"background": "#12"}, "#rrggbb"),
        ({"point": "2,3"}, "'2,3' is not"),
        ({"point": "nan,0"}, "point"),
        ({"steady": "nan"}, "steady"),
        ({"colour": 1}, "colour"),
        ({"model": "../etc"}, "model"),
    ],
)
def test_a_fault_is_named(given: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        Options.parse(given)
    assert said in caught.value.public


def test_all_faults_are_reported_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        Options.parse({"width": 8, "quality": "great", "stroke": -1})
    assert all(name in caught.value.public for name in ("width", "quality", "stroke"))


def test_points_are_clicks_or_boxes_in_order_of_time() -> None:
    points = Options.parse({"point": ["0.1,0.2,4", "0.6,0.7,0.2,0.3,1", "0.5,0.5"]}).points
    assert [point.time for point in points] == [0, 1, 4]
    assert [point.is_box for point in points] == [False, True, False]
    assert Options.parse({"point": "['0.1,0.2,4', '0.5,0.5']"}) == Options.parse({"point": [(0.1, 0.2, 4), (0.5, 0.5)]})
    assert points[1] == Point(x0=0.2, y0=0.3, x1=0.6, y1=0.7, time=1)
    assert str(points[1]) == "0.2,0.3,0.6,0.7,1"
