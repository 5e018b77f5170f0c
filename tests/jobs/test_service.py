"""What the service promises, over both homes of jobs."""

import asyncio
import hashlib
import json
import time
from pathlib import Path

import pytest

from tests.jobs.counting_work import clip, result_of
from tests.jobs.deployment import WORK, Place, ended, submit, until
from vimix.errors import Busy, Gone, NotFound, UsageError
from vimix.jobs import keys
from vimix.jobs.model import State
from vimix.jobs.worker import serve
from vimix.jobs.worker.child_process import Bounds
from vimix.jobs.worker.recovery import expire_old


def test_a_job_runs_and_is_seen_everywhere_from_its_start(place: Place, tmp_path: Path) -> None:
    async def story() -> None:
        async with place.service(1) as service, place.service(0) as other:
            ticket = await submit(service, clip(tmp_path / "cat.mp4", frames=15, each=0.05))
            assert not ticket.cached
            async with asyncio.timeout(15):
                seen = [snapshot async for snapshot in other.watch(ticket.job)]
            assert [snapshot.done for snapshot in seen] == sorted(snapshot.done for snapshot in seen)
            assert any(0 < snapshot.done < 15 and snapshot.fps and snapshot.preview_version for snapshot in seen)
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
        async with place.service(1) as service:
            ticket = await submit(service, clip(tmp_path / "a", frames=300, each=0.005))
            pictures = set()
            async for snapshot in service.watch(ticket.job):
                if snapshot.preview_version and (picture := service.preview(ticket.job)):
                    pictures.add(picture)
                    assert picture[8:12] == b"WEBP"
                    assert len(picture) <= 30_000
            assert pictures
            job = service.job(ticket.job)
            told = [event for _, event in service.events(ticket.job) if event["ev"] == "progress"]
            seconds = job.updated - (job.started or 0)
            assert 3 <= len(told) <= seconds * 5 + 2
            assert told[-1]["preview"] <= seconds * 4 + 2

    asyncio.run(story())


def test_an_ended_job_keeps_its_preview_until_it_is_deleted(place: Place, tmp_path: Path) -> None:
    async def story() -> None:
        async with place.service(1) as service:
            ticket = await submit(service, clip(tmp_path / "a", frames=2))
            await ended(service, ticket.job)
            await until(lambda: not list((service.settings.data_dir / "jobs").iterdir()))
            picture = service.preview(ticket.job)
            assert picture is not None
            assert picture[:4] == b"RIFF"
            stopped = await submit(service, clip(tmp_path / "b", frames=400))
            await until(lambda: service.snapshot(stopped.job).done > 0)
            service.cancel(stopped.job, stopped.token)
            await until(lambda: service.snapshot(stopped.job).partial)
            assert service.preview(stopped.job) is not None
            key = keys.preview_key(ticket.job)
            assert service.files.head(key) is not None
            service.delete(ticket.job, ticket.token)
            assert service.files.head(key) is None

    asyncio.run(story())


def test_equal_work_is_shared_and_never_repeated(place: Place, tmp_path: Path) -> None:
    async def story() -> None:
        async with place.service(2) as service:
            tally = tmp_path / "tally"
            same = clip(tmp_path / "a", frames=10, each=0.05, fault="none", tally=str(tally))
            first = await submit(service, same)
            other_name = tmp_path / "other.mp4"
            other_name.write_bytes(same.read_bytes())
            second = await submit(service, other_name)
            stranger = await submit(service, same, visitor="stranger")
            assert len({ticket.job for ticket in (first, second, stranger)}) == 3
            assert len({ticket.token for ticket in (first, second, stranger)}) == 3
            for ticket, name in ((first, "a"), (second, "other.mp4"), (stranger, "a")):
                job = await ended(service, ticket.job)
                assert (job.state, job.input_name) == (State.DONE, name)
            again = await submit(service, same)
            assert again.cached
            assert tally.read_text() == "x"
            assert service.result(again.job)[1] == service.result(first.job)[1]
            assert {job.id for job in service.recent("anyone")} == {first.job, second.job, again.job}
            with pytest.raises(NotFound):
                service.delete(first.job, stranger.token)

    asyncio.run(story())


@pytest.mark.parametrize("way", ["cancel", "delete"])
def test_ending_ones_own_job_leaves_anothers_for_the_same_bytes(place: Place, tmp_path: Path, way: str) -> None:
    async def story() -> None:
        async with place.service(1) as service:
            same = clip(tmp_path / "a", frames=20, each=0.02)
            first = await submit(service, same)
            await until(lambda: service.snapshot(first.job).done > 2)
            second = await submit(service, same)
            with pytest.raises(NotFound):
                service.delete(first.job, second.token)
            getattr(service, way)(first.job, first.token)
            assert (await ended(service, second.job)).state is State.DONE
            file = service.result(second.job)[1]
            assert file is not None
            assert file.read_bytes() == result_of(same.read_bytes(), 20)

    asyncio.run(story())


def test_a_small_job_does_not_wait_for_all_of_another_visitors(place: Place, tmp_path: Path) -> None:
    async def story() -> None:
        async with place.service(1) as service:
            long = [await submit(service, clip(tmp_path / f"l{n}", frames=15, n=n), visitor="many") for n in range(4)]
            small = await submit(service, clip(tmp_path / "s", frames=1), visitor="few")
            jobs = [await ended(service, ticket.job) for ticket in (*long, small)]
            order = sorted(range(5), key=lambda at: jobs[at].started or 0)
            assert order.index(4) <= 1

    asyncio.run(story())


def test_a_visitor_has_a_share_of_the_queue(place: Place, tmp_path: Path) -> None:
    place.more = {"queue_max": 6, "queue_per_visitor": 4}

    async def story() -> None:
        async with place.service(0) as service:
            for number in range(3):  # half of the queue, which is less than four
                await submit(service, clip(tmp_path / f"c{number}", n=number))
            with pytest.raises(Busy, match="already have 3 clips") as busy:
                await submit(service, clip(tmp_path / "more"))
            assert busy.value.retry_after >= 5
            await submit(service, clip(tmp_path / "more"), visitor="other")

    asyncio.run(story())


def test_a_finished_result_that_the_store_lost_is_made_again(place: Place, tmp_path: Path) -> None:
    async def story() -> None:
        async with place.service(1) as service:
            ticket = await submit(service, clip(tmp_path / "a"))
            job = await ended(service, ticket.job)
            assert job.result_key
            service.files.delete(job.result_key)
            with pytest.raises(Gone):
                service.result(ticket.job)
            again = await submit(service, tmp_path / "a")
            assert not again.cached
            assert (await ended(service, again.job)).card["cached"] == "matte"  # type: ignore[index]

    asyncio.run(story())


def test_convert_reuses_the_matte(place: Place, tmp_path: Path) -> None:
    async def story() -> None:
        async with place.service(1) as service:
            ticket = await submit(service, clip(tmp_path / "a"), format="webm", model="u2net", quality="best")
            await ended(service, ticket.job)
            paper = tmp_path / "paper.png"
            paper.write_bytes(b"paper")
            other = service.convert(
                ticket.job,
                {"format": "gif", "width": 100, "quality": "fast", "background": "paper.png"},
                visitor="anyone",
                background=paper,
            )
            job = await ended(service, other.job)
            assert job.options["quality"] == "best"
            assert job.options["background"] == f"in/{hashlib.sha256(b'paper').hexdigest()}"
            assert job.card is not None
            assert job.card["cached"] == "matte"
            assert job.card["output"]["format"] == "gif"

    asyncio.run(story())


def test_a_preset_is_settled_when_the_work_comes_in(place: Place, tmp_path: Path) -> None:
    async def story() -> None:
        async with place.service(1) as service:
            file = clip(tmp_path / "a")
            sticker = await submit(service, file, format="gif", fit="telegram-sticker")
            job = await ended(service, sticker.job)
            assert (job.options["format"], job.options["end"], job.options["fps"]) == ("webm", 3, 30)
            assert job.card is not None
            assert job.card["output"]["format"] == "webm"
            assert job.card["warnings"] == ["Telegram sticker needs webm, so webm was made."]
            again = await submit(service, file, format="webm", fit="telegram-sticker")
            assert again.cached  # the same file, asked for in other words
            same = service.job(again.job)
            assert same.card is not None
            assert same.card["warnings"] == []
            whole = await ended(service, (await submit(service, file, format="webm")).job)
            assert whole.matte_key != job.matte_key
            assert whole.card is not None
            assert whole.card["cached"] is None  # three seconds of a matte do not serve all of the clip
            other = service.convert(sticker.job, {"format": "gif"}, visitor="anyone")
            converted = await ended(service, other.job)
            assert (converted.options["end"], converted.options["fps"]) == (3, None)
            assert converted.card is not None
            assert converted.card["cached"] == "matte"

    asyncio.run(story())


def test_a_background_must_come_with_its_name(place: Place, tmp_path: Path) -> None:
    async def story() -> None:
        async with place.service(0) as service:
            with pytest.raises(UsageError):
                await submit(service, clip(tmp_path / "a"), background="sea.png")

    asyncio.run(story())


def test_no_visitor_runs_more_than_their_share(place: Place, tmp_path: Path) -> None:
    async def story() -> None:
        async with place.service(3) as service:
            mine = [await submit(service, clip(tmp_path / f"m{n}", frames=20, each=0.05, n=n)) for n in range(3)]
            theirs = await submit(service, clip(tmp_path / "t", frames=20, each=0.05), visitor="other")
            await until(lambda: service.counts().running == 3)
            states = [service.job(ticket.job).state for ticket in (*mine, theirs)]
            assert states == [State.RUNNING, State.RUNNING, State.QUEUED, State.RUNNING]
            waiting = service.snapshot(mine[2].job)
            assert waiting.queue_position == 1
            for ticket in (*mine, theirs):
                assert (await ended(service, ticket.job)).state is State.DONE

    asyncio.run(story())


def test_a_full_backlog_answers_at_once(place: Place, tmp_path: Path) -> None:
    async def story() -> None:
        async with place.service(0) as service:
            clips = [clip(tmp_path / f"c{n}", n=n) for n in range(200)]
            began = time.monotonic()
            answers = await asyncio.gather(
                *(submit(service, one, visitor=one.name) for one in clips), return_exceptions=True
            )
            seconds = time.monotonic() - began
            turned_away = [answer for answer in answers if isinstance(answer, Busy)]
            taken = [answer for answer in answers if not isinstance(answer, BaseException)]
            assert (len(taken), len(turned_away)) == (50, 150)
            assert all(busy.retry_after >= 5 and "waiting" in busy.public for busy in turned_away)
            assert len({ticket.job for ticket in taken}) == 50
            assert sorted(service.snapshot(ticket.job).queue_position or 0 for ticket in taken) == list(range(1, 51))
            print(f"200 submissions answered in {seconds:.2f} s")
            assert seconds < 15

    asyncio.run(story())


@pytest.mark.parametrize("slow", [0, 1, 60], ids=["willing", "slow", "stubborn"])
def test_cancel_frees_the_slot_within_a_second(place: Place, tmp_path: Path, slow: int) -> None:
    async def story() -> None:
        async with place.service(1, bounds=Bounds(finish=2)) as service:
            long = clip(tmp_path / "a", frames=1000, each=0.02, starts=True, slow=slow)
            ticket = await submit(service, long)
            await until(lambda: service.snapshot(ticket.job).done > 3)
            with pytest.raises(NotFound):
                service.cancel(ticket.job, "guessed")
            began = time.monotonic()
            assert service.cancel(ticket.job, ticket.token).state is State.CANCELLED
            await until(lambda: service.pool.idle == 1)
            seconds = time.monotonic() - began
            print(f"slot free after {seconds:.2f} s")
            assert seconds < 1
            async for snapshot in service.watch(ticket.job):
                assert snapshot.state is State.CANCELLED
            assert snapshot.partial is (slow < 2)
            if snapshot.partial:
                job, file, _ = service.result(ticket.job)
                assert file is not None
                assert file.read_bytes() == result_of(long.read_bytes(), job.card["frames"])  # type: ignore[index]
                assert service.files.head(job.matte_key) is None
            await until(lambda: len(place.left_running()) <= (2 if snapshot.partial else 0))
            after = await submit(service, clip(tmp_path / "b"))
            assert (await ended(service, after.job)).state is State.DONE

    asyncio.run(story())


def test_a_waiting_job_is_cancelled_without_a_start(place: Place, tmp_path: Path) -> None:
    async def story() -> None:
        async with place.service(0) as service:
            ticket = await submit(service, clip(tmp_path / "a"))
            service.cancel(ticket.job, ticket.token)
            job = service.job(ticket.job)
            assert (job.state, job.attempts) == (State.CANCELLED, 0)

    asyncio.run(story())


def test_deleting_takes_everything_that_nobody_else_needs(place: Place, tmp_path: Path) -> None:
    async def story() -> None:
        async with place.service(1) as service:
            same = clip(tmp_path / "a")
            mine = await submit(service, same)
            job = await ended(service, mine.job)
            theirs = await submit(service, same, visitor="other")
            assert theirs.cached
            assert job.result_key
            service.delete(mine.job, mine.token)
            with pytest.raises(Gone):
                service.job(mine.job)
            assert service.result(theirs.job)[1] is not None
            service.delete(theirs.job, theirs.token)
            keys = (job.input_key, job.matte_key, job.result_key, f"{job.result_key}.card")
            assert [key for key in keys if service.files.head(key)] == []
            with pytest.raises(NotFound):
                service.job("0" * 32)

    asyncio.run(story())


def test_inputs_of_live_jobs_are_in_use(place: Place, tmp_path: Path) -> None:
    async def story() -> None:
        async with place.service(0) as service:
            ticket = await submit(service, clip(tmp_path / "a"))
            assert service.job(ticket.job).input_key in service.in_use()
            service.cancel(ticket.job, ticket.token)
            assert service.in_use() == set()

    asyncio.run(story())


def test_the_child_holds_no_secret(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planted = ["S3_ACCESS_KEY", "S3_SECRET_KEY", "REDIS_URL", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"]
    for name in (*planted, "AWS_SECRET_ACCESS_KEY", "MODAL_TOKEN_SECRET"):
        monkeypatch.setenv(name, "redis://secret")
    place.more = {"s3_access_key": "", "s3_secret_key": ""}

    async def story() -> None:
        async with place.service(1) as service:
            tally = tmp_path / "environment"
            ticket = await submit(service, clip(tmp_path / "a", fault="environment", tally=str(tally)))
            assert (await ended(service, ticket.job)).state is State.DONE
            environment = json.loads(tally.read_text())
            assert "PATH" in environment
            assert not [name for name, value in environment.items() if "SECRET" in name or "redis://secret" in value]
            assert environment["TMPDIR"].startswith(str(place.settings.data_dir / "jobs" / ticket.job))

    asyncio.run(story())


def test_results_expire_and_are_forgotten(place: Place, tmp_path: Path) -> None:
    async def story() -> None:
        async with place.service(1) as service:
            done = await submit(service, clip(tmp_path / "a"))
            await ended(service, done.job)
            waiting = service.jobs.get(done.job)
            assert waiting
            assert (waiting.expires or 0) == pytest.approx(time.time() + 24 * 3600, abs=60)
            expire_old(service.jobs, ttl=24 * 3600)
            assert service.job(done.job).state is State.DONE
            service.jobs.change(done.job, {State.DONE}, expires=time.time() - 1)
            expire_old(service.jobs, ttl=0.6 * (time.time() - waiting.created))
            with pytest.raises(Gone):
                service.job(done.job)
            expire_old(service.jobs, ttl=0)
            with pytest.raises(NotFound):
                service.job(done.job)

    asyncio.run(story())


def test_a_worker_paid_by_the_second_ends_when_nothing_waits(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "EMPTY_FOR", 0.5)

    async def story() -> None:
        async with place.service(0) as service:
            ticket = await submit(service, clip(tmp_path / "a"))
            serving = asyncio.to_thread(serve.serve, place.settings, until_empty=True, work=WORK)
            assert await asyncio.wait_for(serving, 15) == 0
            assert service.job(ticket.job).state is State.DONE

    asyncio.run(story())
