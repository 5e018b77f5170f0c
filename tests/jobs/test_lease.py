"""A lease says whose a running job is, and survives being text."""

import os
import subprocess

import pytest

from vimix.jobs.lease import Lease, folder_name


@pytest.mark.parametrize("host", ["worker", "worker.example.org", "", "...."])
def test_its_text_says_all_of_it(host: str) -> None:
    lease = Lease(host, "4026531836", 17, "0123456789abcdef")
    assert Lease.parse(str(lease)) == lease


@pytest.mark.parametrize("text", ["", "me", "a.b.c.d", "..."])
def test_other_texts_are_none(text: str) -> None:
    assert Lease.parse(text) is None
    assert folder_name("job", text) == f"job.{text}"


def test_each_is_another_and_names_this_process() -> None:
    first, second = Lease.new(), Lease.new()
    assert first != second
    assert first.pid == os.getpid()
    assert folder_name("job", str(first)) == f"job.{first.nonce}"


def test_an_ended_process_is_seen_on_its_own_machine_only() -> None:
    ours = Lease.new()
    assert not ours.holder_is_gone()
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert Lease(ours.host, ours.namespace, ended.pid, "n").holder_is_gone()
    assert not Lease("another", ours.namespace, ended.pid, "n").holder_is_gone()
    assert not Lease(ours.host, "another", ended.pid, "n").holder_is_gone()
