"""Two hundred damaged variants of each of five containers; every bug that a longer run found is named here."""

import pytest

from tests.hostile.fuzz import KINDS, fuzz

VARIANTS = 200


@pytest.mark.parametrize("kind", KINDS)
def test_damage_ends_in_frames_or_in_a_sentence(kind: str) -> None:
    *bugs, total = fuzz(kind, seed=1, count=VARIANTS)
    assert not bugs
    assert isinstance(total, dict)
    assert sum(total.values()) == VARIANTS
    assert total["frames"] > VARIANTS / 8, "damage so heavy proves little"
