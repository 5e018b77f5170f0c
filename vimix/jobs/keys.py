"""Names for equal work. Whatever changes a result is in its name: the input, the options and the code itself."""

import hashlib
import json
from functools import lru_cache
from pathlib import Path

import vimix
from vimix.options import Options

_NOT_IN_RESULTS = ("web", "jobs", "stores")


@lru_cache
def code_version() -> str:
    """A hash over all source that has a part in a result: no version number is ever forgotten."""
    home = Path(vimix.__file__).parent
    digest = hashlib.sha256()
    for file in sorted(home.rglob("*.py")):
        if file.relative_to(home).parts[0] not in _NOT_IN_RESULTS:
            digest.update(file.read_bytes())
    return digest.hexdigest()


def matte_key(input_sha256: str, options: Options) -> str:
    """`matte/<hash>`: equal where one matte serves."""
    return f"matte/{_digest(input_sha256, options.matting(), code_version())}"


def work_key(matte: str, options: Options) -> str:
    """The hash in `out/<hash>`, and in `out/<hash>.card` beside it: equal where one result serves."""
    return _digest(matte, options.model_dump(mode="json"))


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
