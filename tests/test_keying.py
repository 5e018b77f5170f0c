"""The measurement of the keyer tells an exact alpha from others."""

import numpy as np

from bench import keying


def test_the_keyer_is_measured_against_an_exact_alpha() -> None:
    rows = keying.clip("slants", "shadow", 18, seed=3, pictures=None)
    assert len(rows) == keying.FRAMES
    assert all(0 < row["edges"] < 0.2 and row["rest"] < 0.02 and row["shadow"] < 0.3 for row in rows)
    frame = keying.staged("slants", "shadow", 3, 0)
    exact = (frame.alpha * 255 + 0.5).astype(np.uint8)
    assert max(keying.measured(frame, exact).values()) < 0.003
    none = np.zeros_like(exact)
    assert keying.measured(frame, none)["edges"] > 0.2
    assert "shadow crf 18" in "\n".join(keying.table(rows))
