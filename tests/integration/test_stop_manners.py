"""What livetop does, and does not do, to a thread that it stops."""

from __future__ import annotations

from pathlib import Path
from time import monotonic, sleep

import pytest

from livetop.native.modules import Modules
from livetop.sampling.attach import attach
from livetop.sampling.budget import PauseBudget
from livetop.sampling.sampler import Sampler
from livetop.sampling.schedule import Schedule

RATE = 200.0


def sampled(pid: int, native: str, ticks: int, share: float = 1.0) -> Sampler:
    """A sampler that has ticked so often."""
    process, memory, runtime = attach(pid, nonblocking=False)
    now = monotonic()
    sampler = Sampler(process, runtime, memory, PauseBudget(share, now), now, native)
    schedule = Schedule(RATE, now)
    for tick in range(ticks):
        sleep(max(0.0, schedule.due - monotonic()))
        now = monotonic()
        late = schedule.advance(now)
        sampler.tick(now, schedule.moment, late)
        if tick % 50 == 49:
            sampler.settle(now)
    return sampler


@pytest.mark.parametrize("native", ["split", "frames"])
def test_nothing_is_looked_up_while_a_thread_stands_still(start, few, monkeypatch, native):
    """Reading all mappings of a large process takes milliseconds."""
    target = start("calls.py", "mixed", python=few.path)
    status = Path(f"/proc/{target.pid}/task/{target.pid}/status")
    asked: list[str] = []

    def watched(name: str):
        real = getattr(Modules, name)

        def ask(self, *args):
            # Not TracerPid: one that was told to stop and has not yet is traced, and runs.
            state = next(line for line in status.read_text().splitlines() if line.startswith("State"))
            asked.append(state.split()[1])
            return real(self, *args)

        return ask

    for name in ("stack_end", "refresh", "find"):
        monkeypatch.setattr(Modules, name, watched(name))
    sampler = sampled(target.pid, native, 200)
    counters = sampler.counters
    sampler.close()
    assert asked
    assert "t" not in asked
    assert counters.unwound > 0.9 * (counters.unwound + counters.unwind_failed)


def test_a_thread_that_can_be_read_without_stops_is_stopped_for_half_of_its_samples(start, few):
    """However large the budget: so many tell whose time it is."""
    target = start("calls.py", "calm", python=few.path)
    sampler = sampled(target.pid, "split", 100)
    counters = sampler.counters
    before = counters.samples, counters.exact
    thread = next(iter(sampler.roster.threads.values()))
    assert thread.calm
    schedule = Schedule(RATE, monotonic())
    for _ in range(400):
        sleep(max(0.0, schedule.due - monotonic()))
        now = monotonic()
        late = schedule.advance(now)
        sampler.tick(now, schedule.moment, late)
    samples, exact = counters.samples - before[0], counters.exact - before[1]
    sampler.close()
    assert 0.35 * samples < exact < 0.65 * samples
