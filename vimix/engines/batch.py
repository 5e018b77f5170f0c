"""Many callers, one accelerator: whoever comes first runs what all that wait have brought.

No thread of its own: while one caller runs a batch the others queue up behind it, and the next takes all of them at
once. So a lone caller waits for nobody, and a crowd is answered in batches as large as the crowd.
"""

import threading
from collections.abc import Callable

import numpy as np

from vimix.frame import Pixels

MOST = 16
"""Pictures in a batch; above this a GPU gains nothing and memory grows."""


class _Wish:
    __slots__ = ("alpha", "error", "rgb")

    def __init__(self, rgb: Pixels) -> None:
        self.rgb = rgb
        self.alpha: Pixels | None = None
        self.error: BaseException | None = None


def batched(run: Callable[[Pixels], Pixels], most: int = MOST) -> Callable[[Pixels], Pixels]:
    """From a function of (N, H, W, 3) to (N, H, W), one of (H, W, 3) to (H, W) that any number of threads may call."""
    waiting: list[_Wish] = []
    turn = threading.Lock()
    change = threading.Lock()

    def look(rgb: Pixels) -> Pixels:
        wish = _Wish(rgb)
        with change:
            waiting.append(wish)
        with turn:
            if wish.alpha is None and wish.error is None:
                _serve(wish)
        if wish.error is not None:
            raise wish.error
        assert wish.alpha is not None
        return wish.alpha

    def _serve(first: _Wish) -> None:
        with change:
            alike = [wish for wish in waiting if wish.rgb.shape == first.rgb.shape and wish is not first]
            batch = [first, *alike[: most - 1]]
            for wish in batch:
                waiting.remove(wish)
        try:
            for wish, alpha in zip(batch, run(np.stack([wish.rgb for wish in batch])), strict=True):
                wish.alpha = alpha
        except BaseException as error:
            for wish in batch:
                wish.error = error

    return look
