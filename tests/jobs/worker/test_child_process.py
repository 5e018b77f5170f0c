"""What a child is given: an environment by allow-list, in which it finds this code wherever it was started."""

import subprocess
import sys
from pathlib import Path

import vimix
from vimix.jobs.worker.child_process import child_environment


def test_a_child_finds_this_code_from_any_folder(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-c", "import vimix; print(vimix.__file__)"],
        cwd=tmp_path, env=child_environment({}), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert Path(told.stdout.strip()) == Path(vimix.__file__)
    assert (Path(child_environment({})["PYTHONPATH"]) / "vimix" / "__init__.py").is_file()


def test_credentials_are_not_passed_on() -> None:
    given = child_environment(
        {"S3_SECRET_KEY": "x", "REDIS_URL": "x", "PATH": "/bin", "LC_ALL": "C", "PYTHONPATH": "/a"}
    )
    assert not {"S3_SECRET_KEY", "REDIS_URL"} & set(given)
    assert (given["PATH"], given["LC_ALL"]) == ("/bin", "C")
    assert given["PYTHONPATH"].endswith(":/a")
