"""What a file is, by its bytes."""

import io
from pathlib import Path

import pytest
from PIL import Image

from vimix.errors import Refused
from vimix.media.file_type import sniff


def jpeg(**how: object) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((64, 48), 90).convert("RGB").save(buffer, "JPEG", **how)
    return buffer.getvalue()


@pytest.mark.parametrize("how", [{}, {"progressive": True}, {"restart_marker_blocks": 1}])
def test_what_lies_behind_a_picture_is_no_part_of_it(how: dict[str, object], tmp_path: Path) -> None:
    path = tmp_path / "motion.jpg"
    path.write_bytes(jpeg(**how) + b"\0\0\0\x18ftypmp42" + b"\xff\xda\0\x0c" * 5000)
    assert sniff(path).name == "jpeg"


def test_a_thumbnail_with_many_scans_is_no_part_either(tmp_path: Path) -> None:
    picture = jpeg()
    segment = b"Exif\0\0" + b"\xff\xda\0\x0c" * 300
    (tmp_path / "in.jpg").write_bytes(
        picture[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + picture[2:]
    )
    assert sniff(tmp_path / "in.jpg").name == "jpeg"


def test_a_picture_of_far_too_many_scans_is_refused(tmp_path: Path) -> None:
    picture = jpeg()
    scan = picture.index(b"\xff\xda")
    end = picture.rindex(b"\xff\xd9")
    (tmp_path / "in.jpg").write_bytes(picture[:scan] + picture[scan:end] * 300 + b"\xff\xd9")
    with pytest.raises(Refused, match="stored in 300 passes"):
        sniff(tmp_path / "in.jpg")
