"""Names of files in the store, and for equal work: no other module makes any.

Whatever changes a result is in its name: the input, the options and the code itself, with the tables it reads.
"""

import hashlib
import json
from functools import lru_cache
from pathlib import Path

import vimix
from vimix.options import Options

_NOT_IN_RESULTS = ("web", "jobs", "stores")
_INPUT = "in/"


@lru_cache
def code_version(home: Path = Path(vimix.__file__).parent) -> str:
    """A hash over all code and data files of the package that have a part in a result, so that no version number is
    ever forgotten."""
    digest = hashlib.sha256()
    for file in sorted(home.rglob("*")):
        name = file.relative_to(home)
        if file.is_file() and name.parts[0] not in _NOT_IN_RESULTS and "__pycache__" not in name.parts:
            digest.update(f"{name.as_posix()} {file.stat().st_size} ".encode() + file.read_bytes())
    return digest.hexdigest()


def input_key(sha256: str) -> str:
    """`in/<sha256>`: a file that a visitor sent, by its content."""
    return f"{_INPUT}{sha256}"


def is_input(key: str) -> bool:
    """Whether it names a file that a visitor sent."""
    return key.startswith(_INPUT)


def input_sha256(key: str) -> str:
    """The content's hash that an input's key names."""
    return key.removeprefix(_INPUT)


def result_key(work_key: str) -> str:
    """`out/<hash>`: the result of that work."""
    return f"out/{work_key}"


def card_key(work_key: str) -> str:
    """`out/<hash>.card`, beside the result."""
    return f"out/{work_key}.card"


def partial_key(job: str) -> str:
    """`out/<job>`: what a cancelled job had done."""
    return f"out/{job}"


def preview_key(job: str) -> str:
    """`out/<job>.preview`: the newest finished frame of a job, running or ended."""
    return f"out/{job}.preview"


def matte_key(input_sha256: str, options: Options) -> str:
    """`matte/<hash>`: equal where one matte serves."""
    return f"matte/{_digest(input_sha256, options.matting(), code_version())}"


def work_key(matte: str, options: Options) -> str:
    """The hash in `result_key` and `card_key`: equal where one result serves."""
    return _digest(matte, options.model_dump(mode="json"))


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
