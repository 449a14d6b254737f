"""C frames in the call tree: the stacks are longer, and every table is what it was without them."""

from __future__ import annotations

import pytest
from model_builder import Builder

from livetop.profile.diff import diff
from livetop.profile.model import Profile
from livetop.profile.rows import By, Query, Table
from livetop.profile.snapshot import pack, unpack
from livetop.profile.states import State


class Mixed(Builder):
    """A builder that can leave the C frames of its stacks out."""

    def __init__(self, native: bool, node_cap: int = 10_000) -> None:
        super().__init__(node_cap)
        self.native = native

    def node(self, stack: str) -> int:
        frames = stack.split()
        return super().node(" ".join(frame for frame in frames if self.native or not frame.startswith("c.")))


STACKS = (
    ("main:1 work:10", 0.2),
    ("main:1 work:10 c.sorted", 0.1),
    ("main:1 work:10 c.sorted c.binarysort c.compare", 0.2),
    ("main:1 work:10 c.sorted key:30", 0.1),
    ("main:1 work:10 c.sorted key:30 c.len", 0.05),
    # A recursion through C: the outer work has the total.
    ("main:1 work:10 c.sorted key:30 c.call work:10 c.sorted", 0.15),
    ("main:1 c.exec load:40", 0.1),
    ("c.start_thread c.blas_worker c.dgemm", 0.1),
)


def sampled(native: bool, node_cap: int = 10_000) -> Profile:
    made = Mixed(native, node_cap)
    for _ in range(40):
        made.add(
            *(made.cell(stack, share / 4) for stack, share in STACKS),
            *(made.cell(stack, share / 40, State.NATIVE, library="libc") for stack, share in STACKS[1:3]),
            made.cell("main:1 work:10", 0.01, State.PYTHON),
        )
    return made.profile


def figures(table: Table) -> dict[tuple[str, int | None], tuple[float, ...]]:
    return {
        (row.function, row.line): (
            row.own, row.total, row.own_share, row.native or 0.0, row.own_low or 0.0, row.native_high or 0.0
        )
        for row in table.rows
    }  # fmt: skip


@pytest.mark.parametrize("by", ["line", "function", "thread", "library"])
@pytest.mark.parametrize("window", [None, 5.0])
def test_tables_are_equal_with_and_without_c_frames(by: By, window: float | None) -> None:
    query = Query(by, window)
    with_them, without = (figures(sampled(native).rows(query)) for native in (True, False))
    # Without Python there is only the process, or the outermost C frame.
    outermost = with_them.pop(("start_thread", None), None)
    assert outermost == without.pop(("[no stack]", None), outermost)
    assert {place: pytest.approx(values) for place, values in without.items()} == with_them


def test_callers_and_callees_pass_over_c_frames() -> None:
    answers = []
    for native in (True, False):
        profile = sampled(native)
        for name in ("key", "work", "load"):
            (row,) = [row for row in profile.rows(Query(window=None)).rows if row.function == name]
            answers.append(profile.row_details(row.key, Query(window=None)))
    assert answers[:3] == answers[3:]
    assert [label.split()[0] for label, _ in answers[0].callers] == ["work"]


def test_the_heat_of_the_source_is_the_same() -> None:
    heats = []
    for native in (True, False):
        profile = sampled(native)
        row = next(row for row in profile.rows(Query(window=None)).rows if row.function == "work")
        heats.append(profile.heat(row.file_id, Query(window=None)))
    assert heats[0] == {line: pytest.approx(heat) for line, heat in heats[1].items()}


def test_a_snapshot_keeps_c_frames() -> None:
    profile = sampled(True)
    again = unpack(pack(profile))
    for by in ("line", "function"):
        assert again.rows(Query(by, None)).rows == profile.rows(Query(by, None)).rows  # type: ignore[arg-type]
    kinds = [again.names.function(node.function).kind for node in again.tree.live.values()]
    assert kinds.count("native") > 5


def test_profiles_with_and_without_c_frames_can_be_compared() -> None:
    for by in ("line", "function"):
        found = diff(sampled(False), sampled(True), by=by)  # type: ignore[arg-type]
        changed = {row.function for row in found.rows if abs(row.delta) > 1e-9}
        assert changed == {"[no stack]", "start_thread"}


def test_folding_leaves_the_time_with_the_line_that_called() -> None:
    made = Mixed(True, node_cap=100)
    for at in range(300):
        made.add(made.cell(f"main:1 work:10 c.f{at} c.g{at}", 0.01), made.cell("main:1 work:10", 0.0001))
    rows = {row.function: row for row in made.profile.rows(Query(window=None)).rows}
    assert len(made.profile.tree.live) <= 101
    assert rows["work"].own == pytest.approx(300 * 0.0101)
    assert rows["main"].total == pytest.approx(300 * 0.0101)
    assert set(rows) == {"main", "work"}


def test_folding_moves_c_frames_with_the_line_they_belong_to() -> None:
    made, plain = Mixed(True, node_cap=100), Mixed(False, node_cap=100)
    for builder in (made, plain):
        for at in range(200):
            builder.add(
                builder.cell(f"main:1 f{at}:20 c.sorted c.compare", 0.01),
                builder.cell(f"main:1 f{at}:20", 0.005),
            )
    for builder in (made, plain):
        table = builder.profile.rows(Query(window=None))
        assert sum(row.own for row in table.rows) == pytest.approx(200 * 0.015)
        assert not any(row.kind == "native" for row in table.rows)
        (main,) = [row for row in table.rows if row.function == "main"]
        assert main.total == pytest.approx(200 * 0.015)
