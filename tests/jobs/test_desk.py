"""What the desk promises, over both homes of jobs."""

import asyncio
import hashlib
import json
import time
from pathlib import Path

import pytest

from tests.jobs.places import WORK, Place, ended, submit, until
from tests.jobs.works import clip, result_of
from vimix.errors import Busy, Gone, NotFound, UsageError
from vimix.jobs import worker
from vimix.jobs.model import State
from vimix.jobs.reconcile import forget
from vimix.jobs.slot import Bounds
from vimix.options import Options


def test_a_job_runs_and_is_seen_everywhere_from_its_start(place: Place, tmp_path: Path) -> None:
    async def story() -> None:
        async with place.desk(1) as desk, place.desk(0) as other:
            ticket = await submit(desk, clip(tmp_path / "cat.mp4", frames=15, each=0.05))
            assert not ticket.cached
            async with asyncio.timeout(15):
                seen = [shot async for shot in other.watch(ticket.job)]
            assert [shot.done for shot in seen] == sorted(shot.done for shot in seen)
            assert any(0 < shot.done < 15 and shot.fps and shot.preview_version for shot in seen)
            assert seen[-1].state is State.DONE
            assert seen[-1].done == seen[-1].total == 15
            job, file, link = other.result(ticket.job)
            assert file is not None
            assert file.read_bytes() == result_of((tmp_path / "cat.mp4").read_bytes(), 15)
            assert link is None
            assert job.card is not None
            assert job.card["job"] == ticket.job
            told = [event["ev"] for _, event in other.events(ticket.job)]
            assert told[0] == "note"
            assert told[-1] == "state"
            await until(lambda: list((place.settings.data_dir / "jobs").iterdir()) == [])

    asyncio.run(story())


def test_progress_and_preview_are_thinned(place: Place, tmp_path: Path) -> None:
    async def story() -> None:
        async with place.desk(1) as desk:
            ticket = await submit(desk, clip(tmp_path / "a", frames=300, each=0.005))
            pictures = set()
            async for shot in desk.watch(ticket.job):
                if shot.preview_version and (picture := desk.preview(ticket.job)):
                    pictures.add(picture)
                    assert picture[8:12] == b"WEBP"
                    assert len(picture) <= 30_000
            assert pictures
            job = desk.job(ticket.job)
            told = [event for _, event in desk.events(ticket.job) if event["ev"] == "progress"]
            seconds = job.updated - (job.started or 0)
            assert 3 <= len(told) <= seconds * 5 + 2
            assert told[-1]["preview"] <= seconds * 4 + 2

    asyncio.run(story())


def test_equal_work_is_joined_and_never_repeated(place: Place, tmp_path: Path) -> None:
    async def story() -> None:
        async with place.desk(2) as desk:
            tally = tmp_path / "tally"
            same = clip(tmp_path / "a", frames=10, each=0.05, fault="none", tally=str(tally))
            first = await submit(desk, same)
            joined = await submit(desk, same)
            stranger = await submit(desk, same, visitor="stranger")
            assert joined.job == first.job
            assert joined.token != first.token
            assert stranger.job != first.job
            await ended(desk, first.job)
            theirs = await ended(desk, stranger.job)
            assert theirs.state is State.DONE
            again = await submit(desk, same)
            assert again.cached
            assert tally.read_text() == "x"
            assert desk.result(again.job)[1] == desk.result(first.job)[1]
            assert {job.id for job in desk.recent("anyone")} == {first.job, again.job}
            desk.cancel(first.job, joined.token)
            with pytest.raises(NotFound):
                desk.cancel(first.job, stranger.token)

    asyncio.run(story())


def test_a_finished_result_that_the_store_lost_is_made_again(place: Place, tmp_path: Path) -> None:
    async def story() -> None:
        async with place.desk(1) as desk:
            ticket = await submit(desk, clip(tmp_path / "a"))
            job = await ended(desk, ticket.job)
            assert job.result_key
            desk.files.delete(job.result_key)
            with pytest.raises(Gone):
                desk.result(ticket.job)
            again = await submit(desk, tmp_path / "a")
            assert not again.cached
            assert (await ended(desk, again.job)).card["cached"] == "matte"  # type: ignore[index]

    asyncio.run(story())


def test_convert_reuses_the_matte(place: Place, tmp_path: Path) -> None:
    async def story() -> None:
        async with place.desk(1) as desk:
            ticket = await submit(desk, clip(tmp_path / "a"), format="webm", model="u2net", quality="best")
            await ended(desk, ticket.job)
            paper = tmp_path / "paper.png"
            paper.write_bytes(b"paper")
            other = desk.convert(
                ticket.job,
                Options.parse({"format": "gif", "width": 100, "quality": "fast", "background": "paper.png"}),
                visitor="anyone",
                background=paper,
            )
            job = await ended(desk, other.job)
            assert job.options["quality"] == "best"
            assert job.options["background"] == f"in/{hashlib.sha256(b'paper').hexdigest()}"
            assert job.card is not None
            assert job.card["cached"] == "matte"
            assert job.card["output"]["format"] == "gif"

    asyncio.run(story())


def test_a_preset_is_settled_when_the_work_comes_in(place: Place, tmp_path: Path) -> None:
    async def story() -> None:
        async with place.desk(1) as desk:
            file = clip(tmp_path / "a")
            sticker = await submit(desk, file, format="gif", fit="telegram-sticker")
            job = await ended(desk, sticker.job)
            assert (job.options["format"], job.options["end"], job.options["fps"]) == ("webm", 3, 30)
            assert job.card is not None
            assert job.card["output"]["format"] == "webm"
            assert job.card["warnings"] == ["Telegram sticker takes webm: webm was made."]
            again = await submit(desk, file, format="webm", fit="telegram-sticker")
            assert again.cached  # the same file, asked for in other words
            same = desk.job(again.job)
            assert same.card is not None
            assert same.card["warnings"] == []
            whole = await ended(desk, (await submit(desk, file, format="webm")).job)
            assert whole.matte_key != job.matte_key
            assert whole.card is not None
            assert whole.card["cached"] is None  # three seconds of a matte do not serve all of the clip
            other = desk.convert(sticker.job, Options.parse({"format": "gif"}), visitor="anyone")
            converted = await ended(desk, other.job)
            assert (converted.options["end"], converted.options["fps"]) == (3, None)
            assert converted.card is not None
            assert converted.card["cached"] == "matte"

    asyncio.run(story())


def test_a_background_must_come_with_its_name(place: Place, tmp_path: Path) -> None:
    async def story() -> None:
        async with place.desk(0) as desk:
            with pytest.raises(UsageError):
                await submit(desk, clip(tmp_path / "a"), background="sea.png")

    asyncio.run(story())


def test_no_visitor_runs_more_than_their_share(place: Place, tmp_path: Path) -> None:
    async def story() -> None:
        async with place.desk(3) as desk:
            mine = [await submit(desk, clip(tmp_path / f"m{n}", frames=20, each=0.05, n=n)) for n in range(3)]
            theirs = await submit(desk, clip(tmp_path / "t", frames=20, each=0.05), visitor="other")
            await until(lambda: desk.counts().running == 3)
            states = [desk.job(ticket.job).state for ticket in (*mine, theirs)]
            assert states == [State.RUNNING, State.RUNNING, State.QUEUED, State.RUNNING]
            waiting = desk.snapshot(mine[2].job)
            assert waiting.queue_position == 1
            for ticket in (*mine, theirs):
                assert (await ended(desk, ticket.job)).state is State.DONE

    asyncio.run(story())


def test_a_full_backlog_answers_at_once(place: Place, tmp_path: Path) -> None:
    async def story() -> None:
        async with place.desk(0) as desk:
            clips = [clip(tmp_path / f"c{n}", n=n) for n in range(200)]
            began = time.monotonic()
            answers = await asyncio.gather(*(submit(desk, one) for one in clips), return_exceptions=True)
            seconds = time.monotonic() - began
            turned_away = [answer for answer in answers if isinstance(answer, Busy)]
            taken = [answer for answer in answers if not isinstance(answer, BaseException)]
            assert (len(taken), len(turned_away)) == (50, 150)
            assert all(busy.retry_after >= 5 and "waiting" in busy.public for busy in turned_away)
            assert len({ticket.job for ticket in taken}) == 50
            assert sorted(desk.snapshot(ticket.job).queue_position or 0 for ticket in taken) == list(range(1, 51))
            print(f"200 submissions answered in {seconds:.2f} s")
            assert seconds < 15

    asyncio.run(story())


@pytest.mark.parametrize("slow", [0, 1, 60], ids=["willing", "slow", "stubborn"])
def test_cancel_frees_the_slot_within_a_second(place: Place, tmp_path: Path, slow: int) -> None:
    async def story() -> None:
        async with place.desk(1, bounds=Bounds(finish=2)) as desk:
            long = clip(tmp_path / "a", frames=1000, each=0.02, starts=True, slow=slow)
            ticket = await submit(desk, long)
            await until(lambda: desk.snapshot(ticket.job).done > 3)
            with pytest.raises(NotFound):
                desk.cancel(ticket.job, "guessed")
            began = time.monotonic()
            assert desk.cancel(ticket.job, ticket.token).state is State.CANCELLED
            await until(lambda: desk.crew.idle == 1)
            seconds = time.monotonic() - began
            print(f"slot free after {seconds:.2f} s")
            assert seconds < 1
            async for shot in desk.watch(ticket.job):
                assert shot.state is State.CANCELLED
            assert shot.partial is (slow < 2)
            if shot.partial:
                job, file, _ = desk.result(ticket.job)
                assert file is not None
                assert file.read_bytes() == result_of(long.read_bytes(), job.card["frames"])  # type: ignore[index]
                assert desk.files.head(job.matte_key) is None
            await until(lambda: len(place.left_running()) <= (2 if shot.partial else 0))
            after = await submit(desk, clip(tmp_path / "b"))
            assert (await ended(desk, after.job)).state is State.DONE

    asyncio.run(story())


def test_a_waiting_job_is_cancelled_without_a_start(place: Place, tmp_path: Path) -> None:
    async def story() -> None:
        async with place.desk(0) as desk:
            ticket = await submit(desk, clip(tmp_path / "a"))
            desk.cancel(ticket.job, ticket.token)
            job = desk.job(ticket.job)
            assert (job.state, job.attempts) == (State.CANCELLED, 0)

    asyncio.run(story())


def test_deleting_takes_everything_that_nobody_else_needs(place: Place, tmp_path: Path) -> None:
    async def story() -> None:
        async with place.desk(1) as desk:
            same = clip(tmp_path / "a")
            mine = await submit(desk, same)
            job = await ended(desk, mine.job)
            theirs = await submit(desk, same, visitor="other")
            assert theirs.cached
            assert job.result_key
            desk.delete(mine.job, mine.token)
            with pytest.raises(Gone):
                desk.job(mine.job)
            assert desk.result(theirs.job)[1] is not None
            desk.delete(theirs.job, theirs.token)
            keys = (job.input_key, job.matte_key, job.result_key, f"{job.result_key}.card")
            assert [key for key in keys if desk.files.head(key)] == []
            with pytest.raises(NotFound):
                desk.job("0" * 32)

    asyncio.run(story())


def test_inputs_of_live_jobs_are_in_use(place: Place, tmp_path: Path) -> None:
    async def story() -> None:
        async with place.desk(0) as desk:
            ticket = await submit(desk, clip(tmp_path / "a"))
            assert desk.job(ticket.job).input_key in desk.in_use()
            desk.cancel(ticket.job, ticket.token)
            assert desk.in_use() == set()

    asyncio.run(story())


def test_the_child_holds_no_secret(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planted = ["S3_ACCESS_KEY", "S3_SECRET_KEY", "REDIS_URL", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"]
    for name in (*planted, "AWS_SECRET_ACCESS_KEY", "MODAL_TOKEN_SECRET"):
        monkeypatch.setenv(name, "redis://secret")
    place.more = {"s3_access_key": "", "s3_secret_key": ""}

    async def story() -> None:
        async with place.desk(1) as desk:
            tally = tmp_path / "environment"
            ticket = await submit(desk, clip(tmp_path / "a", fault="environment", tally=str(tally)))
            assert (await ended(desk, ticket.job)).state is State.DONE
            environment = json.loads(tally.read_text())
            assert "PATH" in environment
            assert not [name for name, value in environment.items() if "SECRET" in name or "redis://secret" in value]
            assert environment["TMPDIR"].startswith(str(place.settings.data_dir / "jobs" / ticket.job))

    asyncio.run(story())


def test_results_expire_and_are_forgotten(place: Place, tmp_path: Path) -> None:
    async def story() -> None:
        async with place.desk(1) as desk:
            done = await submit(desk, clip(tmp_path / "a"))
            await ended(desk, done.job)
            waiting = desk.jobs.get(done.job)
            assert waiting
            assert (waiting.expires or 0) == pytest.approx(time.time() + 24 * 3600, abs=60)
            forget(desk.jobs, ttl=24 * 3600)
            assert desk.job(done.job).state is State.DONE
            desk.jobs.change(done.job, {State.DONE}, expires=time.time() - 1)
            forget(desk.jobs, ttl=0.6 * (time.time() - waiting.created))
            with pytest.raises(Gone):
                desk.job(done.job)
            forget(desk.jobs, ttl=0)
            with pytest.raises(NotFound):
                desk.job(done.job)

    asyncio.run(story())


def test_a_worker_paid_by_the_second_ends_when_nothing_waits(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "EMPTY_FOR", 0.5)

    async def story() -> None:
        async with place.desk(0) as desk:
            ticket = await submit(desk, clip(tmp_path / "a"))
            serving = asyncio.to_thread(worker.serve, place.settings, until_empty=True, work=WORK)
            assert await asyncio.wait_for(serving, 15) == 0
            assert desk.job(ticket.job).state is State.DONE

    asyncio.run(story())
