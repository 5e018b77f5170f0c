"""Many callers, one accelerator: whoever comes first runs what all that wait have brought.

No thread of its own: while one caller runs a batch the others queue up behind it, and the next takes all of them at
once. So a lone caller waits for nobody, and a crowd is answered in batches as large as the crowd.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future

import numpy as np

from vimix.frame import Pixels

MOST = 16
"""Pictures in a batch; above this a GPU gains nothing and memory grows."""


def batched(run: Callable[[Pixels], Pixels], most: int = MOST) -> Callable[[Pixels], Pixels]:
    """From a function of (N, H, W, 3) to (N, H, W), one of (H, W, 3) to (H, W) that any number of threads may call."""
    waiting: list[tuple[Pixels, Future[Pixels]]] = []
    turn = threading.Lock()
    change = threading.Lock()

    def look(rgb: Pixels) -> Pixels:
        answer: Future[Pixels] = Future()
        with change:
            waiting.append((rgb, answer))
        with turn:
            if not answer.done():
                serve(rgb.shape, answer)
        return answer.result()

    def serve(shape: tuple[int, ...], first: "Future[Pixels]") -> None:
        with change:
            alike = [wish for wish in waiting if wish[0].shape == shape]
            batch = sorted(alike, key=lambda wish: wish[1] is not first)[:most]
            waiting[:] = [wish for wish in waiting if all(wish is not taken for taken in batch)]
        try:
            for (_, answer), alpha in zip(batch, run(np.stack([rgb for rgb, _ in batch])), strict=True):
                answer.set_result(alpha)
        except BaseException as error:
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(error)

    return look
