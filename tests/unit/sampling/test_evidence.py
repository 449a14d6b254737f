"""What exact samples say: parts of samples to seconds, and the kernel's own count of its time."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetop.profile.states import State
from livetop.sampling.account import UNREAD, Account, Cells
from livetop.sampling.evidence import Evidence
from livetop.sampling.kernel_time import KernelTime, fault_seconds

STATES = (State.PYTHON, State.NATIVE, State.SYSTEM)
MS = 1_000_000

samples = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.sampled_from(STATES),
        st.sampled_from(["", "libz", "numpy"]),
        st.floats(0, 2),
        st.floats(0, 1),
    ),
    max_size=20,
)


def settled(evidence: Evidence[str], rate: float) -> dict[tuple[str, int, str], tuple[float, float, float]]:
    found: dict[tuple[str, int, str], tuple[float, float, float]] = {}

    def add(key: str, state: int, library: str, count: float, seconds: float, squared: float) -> None:
        assert (key, state, library) not in found
        found[key, state, library] = count, seconds, squared

    evidence.settle(rate, add)
    return found


@given(samples, st.floats(0.01, 3))
def test_parts_of_samples_become_seconds_and_lose_none(taken, rate):
    evidence: Evidence[str] = Evidence()
    for key, state, library, weight, part in taken:
        evidence.note(key, State.SYSTEM, "", weight, part)
        evidence.note(key, state, library, weight, 1.0 - part)
    found = settled(evidence, rate)
    for key in "abc":
        here = [sample for sample in taken if sample[0] == key]
        assert sum(cell[1] for place, cell in found.items() if place[0] == key) == pytest.approx(
            rate * sum(weight for *_, weight, _ in here)
        )
        # The parts of a sample have its square between them.
        assert sum(cell[2] for place, cell in found.items() if place[0] == key) == pytest.approx(
            rate * rate * sum(weight * weight for *_, weight, _ in here)
        )
        # A sample is counted at most once, though it has two parts.
        assert sum(cell[0] for place, cell in found.items() if place[0] == key) <= len(here)
    assert all(min(cell) >= 0 for cell in found.values())
    # All of it is told once.
    assert settled(evidence, rate) == {}


def test_a_part_of_nothing_is_nothing():
    evidence: Evidence[str] = Evidence()
    evidence.note("a", State.SYSTEM, "", 0.5, 0.0)
    evidence.note("a", State.SYSTEM, "", 0.5, -0.1)
    assert settled(evidence, 1.0) == {}


def test_the_larger_part_of_a_sample_is_counted():
    evidence: Evidence[str] = Evidence()
    evidence.note("a", State.SYSTEM, "", 0.5, 0.7)
    evidence.note("a", State.PYTHON, "", 0.5, 0.3)
    found = settled(evidence, 2.0)
    assert found["a", State.SYSTEM, ""] == pytest.approx((1, 0.7, 0.7))
    assert found["a", State.PYTHON, ""] == pytest.approx((0, 0.3, 0.3))


def test_what_was_seen_at_one_place_moves_to_another():
    evidence: Evidence[str] = Evidence()
    evidence.note("gone", State.NATIVE, "libz", 1.0)
    evidence.note("gone", State.PYTHON, "", 2.0)
    evidence.note("kept", State.NATIVE, "libz", 3.0)
    evidence.rename("gone", "kept")
    evidence.rename("never met", "kept")
    assert settled(evidence, 1.0) == {
        ("kept", State.NATIVE, "libz"): (2, 4.0, 10.0),
        ("kept", State.PYTHON, ""): (1, 2.0, 4.0),
    }


def test_an_account_shares_its_own_time_out_over_what_was_seen():
    """Evidence is in seconds of own time: as many as the place has, where all samples were exact."""
    account = Account(0.0, (0, 0))
    cells: Cells = {}
    for now, key, state, library in (
        (0.1, "a", State.PYTHON, ""),
        (0.2, "a", State.NATIVE, "libz"),
        (0.3, "b", State.SYSTEM, ""),
    ):
        weight = account.ran(key, now, 0.0, True)
        assert weight == pytest.approx(0.1)
        account.evidence.note(key, state, library, weight)
    account.settle(0.3, (150 * MS, 0), cells)
    assert cells["a", State.OWN, ""][1] == pytest.approx(0.1)
    assert cells["a", State.PYTHON, ""][:2] == pytest.approx([1, 0.05])
    assert cells["a", State.NATIVE, "libz"][:2] == pytest.approx([1, 0.05])
    assert cells["b", State.SYSTEM, ""][:2] == pytest.approx([1, 0.05])


def test_a_sample_drawn_for_others_has_their_weight():
    account = Account(0.0, (0, 0))
    assert account.ran("a", 0.1, 0.02, True, scale=5.0) == pytest.approx(0.4)
    assert account.passed(0.3, 0.0) == pytest.approx(0.2)
    # A stop that came late is charged with what was passed over meanwhile.
    account.runs("b", 0.2, True)
    cells: Cells = {}
    account.settle(0.3, (300 * MS, 0), cells)
    own = {key: cell[1] for (key, state, _), cell in cells.items() if state == State.OWN}
    assert own["a"] / own["b"] == pytest.approx(2.0)


def test_waiting_keeps_its_reasons_apart():
    account = Account(0.0, (0, 0))
    cells: Cells = {}
    account.slept("a", State.WAIT, 0.1, 0.0, reason="read of /var/log/x")
    account.slept("a", State.WAIT, 0.4, 0.0, reason="sleep")
    account.sleeps_on(0.9)
    account.settle(1.0, (0, 0), cells)
    assert cells["a", State.WAIT, "read of /var/log/x"][1] == pytest.approx(1 / 9)
    assert cells["a", State.WAIT, "sleep"][1] == pytest.approx(8 / 9)
    account.slept("gone", State.GIL, 1.5, 0.0, reason="GIL")
    account.evidence.note("gone", State.PYTHON, "", 0.1)
    account.rename({"gone"})
    account.settle(2.0, (0, 0), cells)
    assert cells[UNREAD, State.GIL, "GIL"][1] == pytest.approx(1.0)
    assert not [key for key, *_ in cells if key == "gone"]


# ---------------------------------------------------------------------- kernel time that no stop can see


class Thread:
    """A thread with lines that fault so often, each fault taking so long, as its stops show it."""

    def __init__(self, cost: float, lines: dict[str, float], seed: int = 1) -> None:
        self.cost = cost
        self.lines = lines
        self.kernel: KernelTime[str] = KernelTime()
        self._random = random.Random(seed)
        self._counted = 0.0

    def second(self, *, in_calls: float = 0.0, doubtful: float = 0.0, real: float = 1.0) -> dict[str, float]:
        """A second of own time, in equal parts at its lines; returns the system seconds that are found.

        `in_calls` more seconds are seen in system calls, `doubtful` more in what may be one: of these `real`
        is the part that was.
        """
        found = dict.fromkeys(self.lines, 0.0)
        weight = 0.01
        for _ in range(int(1 / weight / len(self.lines))):
            for line, faults in self.lines.items():
                noisy = faults * self._random.uniform(0.5, 1.5)
                found[line] += weight * self.kernel.in_fault(line, weight, noisy)
        found["call"] = in_calls and in_calls * self.kernel.in_call("call", in_calls, False)
        found["doubtful"] = doubtful and doubtful * self.kernel.in_call("doubtful", doubtful, True)
        system = in_calls + doubtful * real
        system += sum(min(1.0, faults * self.cost) / len(self.lines) for faults in self.lines.values())
        # In steps, as the kernel counts.
        self._counted += system
        whole, self._counted = int(self._counted * 100) / 100, self._counted % 0.01
        self.kernel.settle(1.0, whole, 1.0 + in_calls + doubtful)
        return found


def average(thread: Thread, settle: int = 20, seconds: int = 30, **call: float) -> dict[str, float]:
    """System seconds a second by line, once it has had time to learn."""
    for _ in range(settle):
        thread.second(**call)
    found = [thread.second(**call) for _ in range(seconds)]
    return {line: sum(second[line] for second in found) / seconds for line in found[0]}


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_what_the_kernel_counted_goes_to_the_lines_that_faulted(factor):
    cost = factor * fault_seconds()
    rate = 0.4 / cost
    found = average(Thread(cost, {"touches": rate, "adds": 0.0}))
    assert found["adds"] == 0.0
    assert found["touches"] == pytest.approx(0.2, rel=0.15)


def test_lines_that_fault_share_by_how_fast_they_do():
    cost = fault_seconds()
    found = average(Thread(cost, {"much": 0.6 / cost, "little": 0.15 / cost, "none": 0.0}))
    assert found["none"] == 0.0
    assert found["much"] + found["little"] == pytest.approx(0.25, rel=0.15)
    assert found["much"] / found["little"] == pytest.approx(4.0, rel=0.2)


def test_no_line_has_more_kernel_time_than_time():
    """Faults that are dearer than their lines have room for."""
    thread = Thread(1e-3, {"touches": 1e6, "adds": 0.0})
    for _ in range(20):
        assert 0.0 <= thread.kernel.in_fault("touches", 0.01, 1e6) <= 1.0
        found = thread.second(in_calls=0.5)
        assert found["touches"] <= 0.5 + 1e-9


def test_system_calls_that_were_seen_are_not_charged_to_faults_too():
    cost = fault_seconds()
    found = average(Thread(cost, {"touches": 0.4 / cost, "adds": 0.0}), in_calls=0.7)
    assert found["call"] == pytest.approx(0.7)
    assert found["touches"] == pytest.approx(0.2, rel=0.2)


@pytest.mark.parametrize("real", [0.0, 0.3, 1.0])
def test_doubtful_stops_count_as_far_as_the_kernel_agrees(real):
    thread = Thread(fault_seconds(), {"adds": 0.0})
    for _ in range(60):
        thread.second(doubtful=0.5, real=real)
    assert thread.kernel.keeps == pytest.approx(real, abs=0.05)
    assert thread.kernel.in_call("call", 0.01, False) == 1.0
    # Another program from here on: what was learned wears off.
    for _ in range(60):
        thread.second(doubtful=0.5, real=1.0 - real)
    assert thread.kernel.keeps == pytest.approx(1.0 - real, abs=0.1)


def test_a_stop_without_a_look_at_its_faults_has_those_of_its_place():
    cost = fault_seconds()
    thread = Thread(cost, {"touches": 0.4 / cost, "adds": 0.0})
    for _ in range(20):
        thread.second()
    assert thread.kernel.in_fault("touches", 0.01, None) == pytest.approx(0.4, rel=0.2)
    assert thread.kernel.in_fault("adds", 0.01, None) == 0.0
    assert thread.kernel.in_fault("never seen", 0.01, None) == 0.0


# The kernel counts nanoseconds; a sample that comes after time that nobody watched stands for none at all.
WEIGHTS = st.one_of(st.just(0.0), st.floats(1e-9, 10))


@given(
    st.lists(
        st.tuples(WEIGHTS, st.floats(0, 1e9), st.floats(0, 10), st.booleans(), st.floats(0, 20_000)),
        max_size=20,
    )
)
def test_whatever_it_is_told_parts_are_parts(steps):
    """Counters that jump, times that stand still."""
    kernel: KernelTime[str] = KernelTime()
    for weight, faults, system, doubtful, elapsed in steps:
        assert 0.0 <= kernel.in_fault("a", weight, faults) <= 1.0
        assert 0.0 <= kernel.in_fault("a", weight, None) <= 1.0
        assert 0.0 <= kernel.in_call("a", weight, doubtful) <= 1.0
        kernel.stayed("a", weight, int(faults), weight / 2)
        kernel.settle(system / 10, system, elapsed)
        assert 0.0 <= kernel.keeps <= 1.0
        assert kernel.per_fault >= 0.0


def test_a_fault_costs_something_here():
    assert 1e-7 <= fault_seconds() < 1e-4
