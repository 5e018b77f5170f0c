"""A job with the real pipeline in the child: a drawn clip on a green screen, so no weights are needed."""

import asyncio
from pathlib import Path

from PIL import Image

from tests.clips import draw
from tests.jobs.deployment import ended, submit
from vimix.events import Done, FinishEarly, Progress
from vimix.jobs.model import State
from vimix.jobs.service import open_service
from vimix.options import Options
from vimix.pipeline.request import Resources
from vimix.pipeline.run import run
from vimix.settings import Settings


def test_a_clip_becomes_a_picture_and_then_another_without_an_engine(tmp_path: Path) -> None:
    async def story() -> None:
        service = open_service(Settings(data_dir=tmp_path / "data"), workers=1)
        await service.start()
        try:
            clip = draw(tmp_path / "disc.mp4", frames=8, fps=16, size=(320, 240), screen=True)
            ticket = await submit(service, clip.path, model="chroma")
            job = await ended(service, ticket.job, within=60)
            assert (job.state, job.error) == (State.DONE, None)
            file = service.result(ticket.job)[1]
            assert file is not None
            with Image.open(file) as picture:
                assert (picture.format, picture.size, picture.n_frames) == ("WEBP", (320, 240), 8)  # type: ignore[attr-defined]
            other = service.convert(ticket.job, {"format": "gif", "width": 160}, visitor="anyone")
            converted = await ended(service, other.job, within=60)
            assert converted.state is State.DONE
            assert converted.card is not None
            assert converted.card["cached"] == "matte"
            assert converted.card["output"]["width"] == 160
            broken = tmp_path / "broken.mp4"
            broken.write_bytes(b"not a clip")
            refused = await ended(service, (await submit(service, broken)).job, within=60)
            assert (refused.state, refused.attempts) == (State.FAILED, 1)
            assert refused.error
        finally:
            await service.stop(within=0)

    asyncio.run(story())


def test_what_is_done_by_a_cancel_is_a_whole_file(tmp_path: Path) -> None:
    clip = draw(tmp_path / "disc.mp4", frames=60, fps=16, size=(96, 64), screen=True)
    out = tmp_path / "disc.webp"
    running = run(clip.path, out, Options(model="chroma"), Resources(tmp_path), matte=tmp_path / "matte")
    while not (isinstance(event := next(running), Progress) and event.done == 5):
        pass
    done = running.throw(FinishEarly())
    assert isinstance(done, Done)
    assert list(running) == []
    with Image.open(out) as picture:
        assert picture.n_frames == done.card["output"]["frames"] == 5  # type: ignore[attr-defined]
    assert not (tmp_path / "matte").exists()
