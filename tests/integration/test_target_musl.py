"""A target with Alpine's C library: made by `python -m tests.build_targets musl-3.13`."""

from __future__ import annotations

import pytest
from test_unwinding_live import Stops

from livetop.cpython.native_ids import NativeIds
from livetop.sampling.dump import dump_process
from livetop.target.memory import RemoteMemory
from livetop.target.tasks import innermost_tids, list_tids
from tests import build_targets
from tests.targets import Target


@pytest.fixture(scope="module")
def python() -> str:
    if "musl-3.13" not in build_targets.built():
        pytest.skip("no Python with musl here: python -m tests.build_targets musl-3.13 makes one")
    return build_targets.built()["musl-3.13"][0]


def frames_of(found):
    return {
        str(thread["tid"]): [[one["file"], one["function"], one["line"]] for one in thread["frames"]]
        for thread in found["threads"]
    }


@pytest.mark.parametrize("exact", [True, False], ids=["exact", "nonblocking"])
def test_every_frame_of_every_thread(python, exact):
    with Target("parked.py", 20, python=python) as target:
        found = dump_process(target.pid, exact)
        assert frames_of(found) == target.ready["threads"]
        assert target.untraced


def test_c_frames_are_found_though_the_library_has_no_frame_information(python):
    """musl has none: who called its functions is guessed, and checked by unwinding from there."""
    with Target("contained.py", python=python) as target:
        found = dump_process(target.pid, native=True)
        by_id = {thread["tid"]: thread["frames"] for thread in found["threads"]}
        for tid, frames in by_id.items():
            native = [one for one in frames if one["kind"] == "native"]
            assert "libc.so" in native[0]["file"] and native[0]["function"] != "memset"
            if tid != target.pid:
                assert any("lock" in one["function"].lower() for one in native), native
        assert target.untraced


def test_a_running_threads_stack_is_read_down_to_the_loop(python):
    """Most of its time is musl's own memcpy and pow, which have no frame information."""
    with Target("in_libc.py", python=python) as target:
        stops = Stops(target.pid)
        taken = stops.many(60)
        walks = [stops.unwinder.walk(*stop) for stop in taken]
        stops.close()
        assert target.untraced
    assert sum(walk.guessed for walk in walks) > 10
    assert sum(walk.complete and walk.loop >= 0 for walk in walks) >= 0.95 * len(walks)


def test_the_records_of_threads_hold_their_ids_elsewhere(python):
    """`struct pthread` of musl is not glibc's; before CPython 3.11 nothing else tells a thread's id."""
    with Target("contained.py", python=python) as target:
        wanted = {int(native): ident for native, ident in target.ready["idents"].items()}
        ids = NativeIds(RemoteMemory(target.pid), lambda: innermost_tids(target.pid, list_tids(target.pid)))
        assert ids.of(list(wanted.values())) == list(wanted)
        assert ids.offset in (48, 56)
