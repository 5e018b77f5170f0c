"""A generator run to its end gives its value, or raises its error."""

from collections.abc import Generator

import pytest

from vimix.events import Note, returned


def steps(fail: bool) -> Generator[Note, None, int]:
    yield Note("one")
    if fail:
        raise ValueError("broken")
    yield Note("two")
    return 7


def test_its_value_is_given() -> None:
    assert returned(steps(fail=False)) == 7


def test_its_error_is_raised() -> None:
    with pytest.raises(ValueError, match="broken"):
        returned(steps(fail=True))
