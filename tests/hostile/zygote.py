"""Runs one hostile input after another, each in a fresh process that costs a fork instead of a start.

Reads a JSON line `{"do": "cut" | "read", "path", "folder"}`, answers with `{code, stderr, stdout, seconds, mb}`. `cut`
is the command line itself; `read` opens the clip and pulls its frames to the end, under the default limits. Memory is
what the work added to the peak.
"""

import json
import os
import resource
import signal
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # a fork carries no threads over

TIMEOUT = 20
"""Seconds within which everybody is owed an answer."""


def read(path: Path) -> int:
    """Pull every frame; prints what came as JSON, or one sentence on stderr with exit code 3."""
    from vimix.errors import VimixError
    from vimix.media.decode import open_source
    from vimix.media.limits import Limits, guard

    limits = Limits()
    try:
        source = open_source(path, limits=limits)
        count, seconds, sizes = 0, 0.0, set()
        with closing(guard(limits)(source.frames())) as frames:
            for frame in frames:
                count += 1
                seconds = float(frame.time + frame.duration)
                sizes.add(frame.alpha.shape[::-1])
    except VimixError as error:
        print(error.public, file=sys.stderr)
        return error.exit_code
    print(json.dumps({"frames": count, "seconds": seconds, "sizes": sorted(sizes), "warnings": source.warnings}))
    return 0


def _child(order: dict[str, str], out: Path) -> int:
    signal.alarm(TIMEOUT)
    os.chdir(order["folder"])
    os.environ["TMPDIR"] = tempfile.tempdir = order["folder"]  # so that what is left behind is found
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(out / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
    try:
        if order["do"] == "read":
            code = read(Path(order["path"]))
        else:
            from vimix.__main__ import main

            code = main([order["path"], str(Path(order["folder"]) / "out.webp"), "--model", "portrait"])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return code


def serve(out: Path) -> None:
    """Answer orders until there are no more."""
    import vimix.pipeline.run  # noqa: F401  paid once

    print(json.dumps({"ready": True}), flush=True)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for line in sys.stdin:
        began = time.monotonic()
        child = os.fork()
        if child == 0:
            code = 99
            try:
                code = _child(json.loads(line), out)
            except BaseException:  # a traceback is an answer too, and a wrong one
                import traceback

                traceback.print_exc(file=sys.stderr)
                sys.stderr.flush()
            os._exit(code)
        _, status, usage = os.wait4(child, 0)
        answer = {
            "code": os.waitstatus_to_exitcode(status),
            "stdout": (out / "stdout").read_text(),
            "stderr": (out / "stderr").read_text(),
            "seconds": time.monotonic() - began,
            "mb": max(0, usage.ru_maxrss - before) / 1024,
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
