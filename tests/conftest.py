"""Where VIMIX_NO_SKIPS is set, as in CI on Linux, a skipped test fails: only a GPU and an image may be absent."""

import os
import re
from collections.abc import Generator

import pytest

MAY_BE_ABSENT = re.compile(
    r"GPU|CUDA|NVIDIA|no image is named|not part of the project|(shared|real) clips are not here", re.IGNORECASE
)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: "pytest.CallInfo[None]"
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if os.environ.get("VIMIX_NO_SKIPS") and report.skipped and not hasattr(report, "wasxfail"):
        said = str(report.longrepr)
        if not MAY_BE_ABSENT.search(said):
            report.outcome, report.longrepr = "failed", f"skipped where nothing may be: {said}"
    return report
