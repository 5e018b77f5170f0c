import numpy as np
import pytest
from PIL import Image

from vimix.engines.still import lanczos


@pytest.mark.parametrize(("before", "after"), [(1280, 512), (720, 512), (512, 1280), (33, 512), (1, 5), (500, 3)])
def test_the_matrix_resizes_as_pil_does(before: int, after: int) -> None:
    line = np.random.default_rng(before).integers(0, 256, (1, before), np.uint8)
    expected = np.asarray(Image.fromarray(line).resize((after, 1), Image.Resampling.LANCZOS))[0]
    ours = (lanczos(before, after) @ line[0].astype(np.float32)).round().clip(0, 255)
    assert np.abs(ours - expected).max() <= 1
