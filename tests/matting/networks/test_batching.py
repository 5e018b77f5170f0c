import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from vimix.matting.networks.batching import batched


def picture(value: int, width: int = 4) -> np.ndarray:
    return np.full((2, width, 3), value, np.uint8)


def test_a_crowd_is_answered_in_batches_each_with_its_own() -> None:
    first, rest = threading.Event(), threading.Event()
    sizes = []

    def run(pictures: np.ndarray) -> np.ndarray:
        sizes.append(len(pictures))
        if len(sizes) == 1:
            first.set()
            assert rest.wait(10)
        return pictures[:, :, :, 0]

    look = batched(run, most=4)
    with ThreadPoolExecutor(9) as pool:
        lone = pool.submit(look, picture(0))
        assert first.wait(10)
        crowd = [pool.submit(look, picture(value, 4 if value < 8 else 6)) for value in range(1, 9)]
        while len(batched_waiting(look)) < 8:
            pass
        rest.set()
        assert lone.result().max() == 0
        assert [int(future.result().max()) for future in crowd] == list(range(1, 9))
    assert sum(sizes) == 9
    assert max(sizes) == 4
    assert len(sizes) <= 5  # the lone one, seven in two or three, and the one of another size


def batched_waiting(look: object) -> list[object]:
    """The wishes that wait, out of the closure."""
    return next(cell.cell_contents for cell in look.__closure__ if isinstance(cell.cell_contents, list))


def test_a_failure_is_told_to_all_it_struck_and_to_no_other() -> None:
    def run(pictures: np.ndarray) -> np.ndarray:
        if pictures.max() == 9:
            raise ValueError("nine")
        return pictures[:, :, :, 0]

    look = batched(run)
    with pytest.raises(ValueError, match="nine"):
        look(picture(9))
    assert look(picture(1)).max() == 1
