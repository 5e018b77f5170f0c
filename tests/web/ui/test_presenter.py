from dataclasses import replace
from typing import Any

import pytest

from vimix.jobs.model import Job, Snapshot, State
from vimix.matting.networks.catalogue import MODELS
from vimix.options import Options
from vimix.web.ui import presenter
from vimix.web.ui.i18n import SPANISH

JOB = Job(
    id="a" * 32, token_hash="", options=Options().model_dump(mode="json"), input_key="in/0", input_name="my dog.mp4",
    work_key="", matte_key="", visitor="", created=0.0, updated=0.0, state=State.DONE, result_key="out/0", expires=5.0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("given", "saved"),
    [
        ("my dog.mp4", "my dog-cutout.webp"),
        ("../../etc/passwd", "passwd-cutout.webp"),
        ("C:\\clips\\dog.mov", "dog-cutout.webp"),
        ("", "clip-cutout.webp"),
        ("x" * 300 + ".mp4", "x" * 80 + "-cutout.webp"),
    ],
)
def test_results_are_saved_under_the_clips_own_name(given: str, saved: str) -> None:
    assert presenter.download_name(replace(JOB, input_name=given)) == saved


def test_a_preview_that_is_too_large_is_not_sent() -> None:
    assert presenter.data_uri(b"x" * presenter.MAX_PREVIEW) is not None
    assert presenter.data_uri(b"x" * (presenter.MAX_PREVIEW + 1)) is None
    assert presenter.data_uri(None) is None


def test_the_card_in_plain_words_copes_with_what_is_missing() -> None:
    assert presenter.facts({})["doubtful"] == []
    card: dict[str, Any] = {
        "doubtful_frames": [{"frame": 3, "time": 0.25}, 1.5],
        "coverage": 0.001,
        "complies": {"telegram-sticker": "too long", "whatsapp-sticker": True},
        "flicker": {"before": 2.0, "after": 1.0},
    }
    facts = presenter.facts(card)
    assert facts["doubtful"] == [0.25, 1.5]
    assert facts["nothing"]
    assert [row["reasons"] for row in facts["fits"]] == [["too long"], []]
    assert facts["stability"] == "good"


def test_every_model_is_listed_by_what_it_is_good_for() -> None:
    assert presenter.MODELS_FOR.keys() == MODELS.keys()
    assert set(presenter.MODELS_FOR.values()) <= SPANISH.keys()
    assert len(set(presenter.MODELS_FOR.values())) == len(MODELS)


def test_flicker_is_said_in_a_word() -> None:
    assert [presenter.stability(value) for value in (None, 0.0, 6.0, 6.1, 12.0, 30.0)] == [
        None, "good", "good", "fair", "fair", "low",
    ]  # fmt: skip
    assert presenter.facts({"flicker": 20.0})["stability"] == "low"


def test_a_cancelled_job_offers_what_was_done() -> None:
    shot = Snapshot(JOB.id, State.CANCELLED, 12, 30, partial=True)
    assert presenter.whole(replace(JOB, state=State.CANCELLED), shot, None)["url"] == f"r/{JOB.id}"
    shot = Snapshot(JOB.id, State.CANCELLED, 0, 30)
    assert "url" not in presenter.whole(replace(JOB, state=State.CANCELLED), shot, None)
