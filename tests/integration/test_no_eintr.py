"""A system call that a stop falls into is never seen to fail: raw epoll_wait, for long and for 50 µs."""

import mmap

import pytest

from tests.engines import Engine
from tests.targets import Target


@pytest.mark.parametrize(("kind", "waits", "stops"), [("long", 100, 0), ("racing", 20_000, 1500)])
@pytest.mark.parametrize("shape", ["split", "frames"])
def test_no_wait_is_interrupted(tmp_path, kind, waits, stops, shape):
    """Looking and stopping race when waits are short: then the thread must be put back into its wait."""
    path = tmp_path / "board"
    path.write_bytes(bytes(16))
    with Target("epoll_waits.py", path, kind) as target, path.open("rb") as file:
        board = memoryview(mmap.mmap(file.fileno(), 16, prot=mmap.PROT_READ)).cast("Q")
        with Engine(pid=target.pid, rate=2000.0, max_pause=1.0, max_cpu=2.0, native=shape) as engine:
            engine.until(lambda: board[0] >= waits and engine.total("stops") >= stops)
        assert board[1] == 0
        assert target.untraced
