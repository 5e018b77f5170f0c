"""Two hundred damaged variants of each of five containers; every bug that a longer run found is named here."""

from pathlib import Path

import pytest

from tests.hostile.fuzz import KINDS, SEEDS, damaged, fuzz, outcome

VARIANTS = 200


@pytest.mark.parametrize("kind", KINDS)
def test_damage_ends_in_frames_or_in_a_sentence(kind: str) -> None:
    *bugs, total = fuzz(kind, seed=1, count=VARIANTS)
    assert not bugs
    assert isinstance(total, dict)
    assert sum(total.values()) == VARIANTS
    assert total["frames"] > VARIANTS / 8, "damage so heavy proves little"


@pytest.mark.parametrize(
    ("kind", "seed", "number", "bug"),
    [
        ("gif", 2, 743, "an alarm for bombs that is no OSError"),
        ("heic", 1, 12, "EXIF that is none"),
        ("heic", 1, 296, "a kind of side data that PyAV does not know"),
        ("gif", 2, 3317, "an assertion on a palette that is missing"),
    ],
)
def test_bugs_that_fuzzing_found(tmp_path: Path, kind: str, seed: int, number: int, bug: str) -> None:
    drawn = SEEDS[kind](tmp_path).path
    path = tmp_path / f"variant{drawn.suffix}"
    path.write_bytes(damaged(drawn.read_bytes(), f"{kind} {seed} {number}"))
    assert outcome(path) in ("frames", "Refused", "Unreadable"), bug
