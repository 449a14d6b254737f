"""What `dump` says is what the target says of itself, frame by frame and line by line."""

import pytest

from livetop.sampling.dump import dump_process
from tests.targets import Target

THREADS = 50


@pytest.fixture(scope="module")
def parked(any_build):
    with Target("parked.py", THREADS, python=any_build.path) as target:
        yield target


def frames_of(found):
    return {
        thread["tid"]: [(frame["file"], frame["function"], frame["line"]) for frame in thread["frames"]]
        for thread in found["threads"]
    }


@pytest.mark.parametrize("exact", [True, False], ids=["exact", "nonblocking"])
def test_every_frame_of_every_thread(parked, any_build, exact):
    found = dump_process(parked.pid, exact)
    assert found["pid"] == parked.pid
    assert found["python"] == any_build.version
    expected = {
        int(tid): [tuple(frame) for frame in frames] for tid, frames in parked.ready["threads"].items()
    }
    assert len(expected) > THREADS + 30
    assert max(map(len, expected.values())) > 1500
    dumped = frames_of(found)
    assert dumped.keys() == expected.keys()
    for tid, frames in expected.items():
        assert dumped[tid] == frames
    assert {frame["kind"] for thread in found["threads"] for frame in thread["frames"]} == {"python"}
    # Nobody holds the GIL, nobody runs.
    assert not any(thread["holds_gil"] for thread in found["threads"])
    assert {thread["state"] for thread in found["threads"]} <= {"idle", "wait"}


def test_what_parked_threads_wait_for(parked, any_build):
    waits = {
        thread["frames"][0]["function"]: (thread["state"], thread["waiting_on"])
        for thread in dump_process(parked.pid)["threads"]
    }
    assert waits["park"] == ("idle", "lock")
    assert waits["selected"] == ("idle", "epoll_wait")
    # Up to 3.10 a code object knows no more of its name.
    assert waits.get("EpollSelector.select", waits.get("select")) == ("idle", "epoll_wait")
    assert waits["slept"] == ("wait", "sleep")


def test_again_and_again_it_is_the_same(parked):
    first = dump_process(parked.pid)
    for _ in range(3):
        assert dump_process(parked.pid) == first
    assert parked.untraced
