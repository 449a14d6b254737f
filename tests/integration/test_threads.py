"""Threads as the target itself knows them: ids, names, states; those that come and go leave nothing."""

import os

import pytest

from livetop.sampling.attach import attach
from livetop.sampling.budget import PauseBudget
from livetop.sampling.dump import dump_process
from livetop.sampling.sampler import Sampler
from livetop.target.text import escape


@pytest.fixture
def named(start, any_build):
    return start("named_threads.py", python=any_build.path)


def _kernel_name(pid, tid):
    with open(f"/proc/{pid}/task/{tid}/comm") as file:
        return file.read().rstrip("\n")


def test_ids_names_and_states(named):
    """Every version: what the kernel calls a thread only counts where the program gives it no name."""
    threads = {thread["tid"]: thread for thread in dump_process(named.pid)["threads"]}
    expected = {
        int(tid): escape(name)[:200] if name is not None else _kernel_name(named.pid, tid)
        for tid, name in named.ready["threads"].items()
    }
    assert {tid: thread["name"] for tid, thread in threads.items()} == expected
    states = {int(tid): state for tid, state in named.ready["states"].items()}
    assert {tid: threads[tid]["state"] for tid in states} == states
    assert not any(threads[tid]["holds_gil"] for tid in states)


def test_threads_that_come_and_go_leave_nothing_behind(start, few):
    target = start("named_threads.py", python=few.path)
    process, memory, runtime = attach(target.pid, nonblocking=True)
    sampler = Sampler(process, runtime, memory, PauseBudget(0.0, 0.0), 0.0)
    now = 0.0

    def look():
        nonlocal now
        now += 1.5
        sampler.poll(now)
        sampler.settle(now)
        sampler.roster.born.clear()
        sampler.roster.renamed.clear()
        return len(os.listdir("/proc/self/fd")), len(sampler.roster.threads), len(sampler.roster.by_state)

    before = len(os.listdir("/proc/self/fd"))
    first = [look() for _ in range(3)][-1]
    for _ in range(5):
        target.say("churn", 200)
        for _ in range(20):
            look()
        assert target.read() == len(target.ready["threads"]) - 1
    files, *threads = [look() for _ in range(4)][-1]
    assert threads == list(first[1:]) == 2 * [len(target.ready["threads"])]
    # Up to three for each that is there; a thousand have come and gone.
    assert files <= before + 3 * first[1] + 3
    sampler.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_threads_without_python_are_counted_and_shown_on_demand(start):
    target = start("named_threads.py", "3")
    found = dump_process(target.pid)
    assert found["without_python"] == 3
    assert len(found["threads"]) == len(target.ready["threads"])
    found = dump_process(target.pid, native=True)
    assert "without_python" not in found
    others = [thread for thread in found["threads"] if str(thread["tid"]) not in target.ready["threads"]]
    assert [(thread["state"], thread["waiting_on"], thread["holds_gil"]) for thread in others] == 3 * [
        ("idle", "signal", False)
    ]
    assert all(frame["kind"] == "native" for thread in others for frame in thread["frames"])
