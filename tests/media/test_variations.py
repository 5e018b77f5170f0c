import pytest

from tests.media.variations import KINDS, disagreements


@pytest.mark.parametrize("kind", KINDS)
def test_another_reader_reads_the_same(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = disagreements(kind, each=10, seed=1)
    print(f"{kind}: {len(found)} disagreements")
    assert found == []
