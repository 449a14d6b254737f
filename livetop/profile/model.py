"""The model of what a process did: definitions in, per-second cells in, tables out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping

from livetop.profile import details, tables
from livetop.profile.cells import MICRO2, NANO, STATES, Cell, merge, scaled, split_of
from livetop.profile.ended import fold_ended
from livetop.profile.fold import fold
from livetop.profile.history import Block, History
from livetop.profile.info import (
    Details,
    LineHeat,
    ProcessInfo,
    SamplingTotals,
    TaskList,
    ThreadInfo,
    ThreadUse,
    TimelinePoint,
    Totals,
    sane,
    sane_time,
)
from livetop.profile.names import UNKNOWN, FileInfo, FunctionInfo, Names
from livetop.profile.rows import Key, Query, Row, Table
from livetop.profile.states import State
from livetop.profile.text import printable
from livetop.profile.timeline import Timeline
from livetop.profile.tree import Tree
from livetop.profile.view import View, normalised

CellTuple = tuple[int, int, int, int, int, float, float]
"""(node, thread, state, library, count, weight in seconds, squared in seconds²), in model ids."""

UseTuple = tuple[int, str, float, float, float, float, float, int, bool]
"""(thread, state, own, queued, gil, wait, idle, samples, holds_gil): seconds, in model ids."""

LIVE_VIEWS = 6
MORE_NODES = 5
"""How many times as many live nodes there may be where there are many processes."""
KNOWN_NODES = 8
"""Definitions kept for each live node allowed."""

_HEAT = {State.OWN: 1.0, State.QUEUED: 0.1, State.GIL: 0.1, State.WAIT: 0.1, State.IDLE: 0.1}
_HEAT_OF = tuple(_HEAT.get(state, 0.0) / NANO for state in State)


class Profile:
    """One or more processes' time. All ids are the model's own, positive, and never used twice.

    Bounded whatever the target does: at most `node_cap` live nodes, ten minutes of seconds and sixty
    coarser blocks, and so many names of each sort; what is too much becomes [other].
    """

    def __init__(self, node_cap: int = 10_000) -> None:
        self.node_cap = max(100, node_cap)
        self.names = Names()
        self.tree = Tree(self.names.other, self.node_cap * KNOWN_NODES, self.names.kind)
        self.history = History()
        self.sampling = SamplingTotals()
        self.tasks: TaskList | None = None
        """The tasks that a live target has; None while nobody asks for them. No snapshot holds them."""
        self._timeline = Timeline()
        self._views: OrderedDict[tuple[Query, bool], View] = OrderedDict()
        self._tables: dict[Query, Table] = {}

    # ------------------------------------------------------------ definitions

    @property
    def processes(self) -> dict[int, ProcessInfo]:
        return self.names.processes

    @property
    def threads(self) -> dict[int, ThreadInfo]:
        return self.names.threads

    @property
    def sources(self) -> dict[int, str]:
        """File id -> text of the source files that were fetched."""
        return self.names.sources

    def define_process(
        self, pid: int, argv: list[str], python: str, build: str, host: str, started: float, read: bool = True
    ) -> int:
        """Returns the id of a process; the same pid, host and start is the same process.

        `read`: whether this is said of what is watched; what was, keeps its command line and version.
        """
        known = len(self.names.processes)
        process = self.names.define_process(pid, argv, python, build, host, started, read)
        if len(self.names.processes) != known:
            # Rows of one process do not say whose they are.
            self._views.clear()
            self._tables.clear()
        return process

    def update_process(self, process: int, *, parent: int, state: str, reason: str) -> None:
        """Notes what has become of a process; see `ProcessInfo`."""
        self.names.update_process(process, parent, state, reason)
        self._tables.clear()

    @property
    def warnings(self) -> list[str]:
        """What there is to beware of in the figures of processes that are watched."""
        return [one.reason for one in self.processes.values() if one.state == "watched" and one.reason]

    def define_file(self, name: str, module: str) -> int:
        """Returns the id of a source file; the same pair gives the same id."""
        if self.names.files.full:
            used = {function.file for function in self.names.functions.values.values()}
            self.names.files.forget(used | self.names.sources.keys())
        return self.names.files.define(FileInfo(printable(name), printable(module)))

    def define_function(self, name: str, file: int, first_line: int, kind: str = "python") -> int:
        """Returns the id of a function; the same arguments give the same id."""
        if self.names.functions.full:
            used = {function for _, function, _ in self.tree.known.values()}
            self.names.functions.forget(used | {self.names.other})
        file = file if file in self.names.files.values else 0
        first_line = max(0, first_line)
        return self.names.functions.define(FunctionInfo(printable(name), file, first_line, kind))

    def define_node(self, parent: int, function: int, line: int) -> int:
        """Returns the id of a place in the call tree; parent 0, function 0, line PROCESS ID is a root."""
        if parent == 0:
            function, line = 0, line if line in self.names.processes else self._any_process()
        elif function not in self.names.functions.values:
            function, line = self.names.functions.define(UNKNOWN), 0
        return self.tree.define(parent, function, max(0, line))

    def define_thread(self, process: int, tid: int, name: str, python: bool = True) -> int:
        """Returns the id of a live thread; called again with the same process and tid it renames.

        `python`: whether it runs Python.
        """
        process = process if process in self.names.processes else self._any_process()
        return self.names.define_thread(process, max(0, tid), name, python)

    def define_library(self, name: str) -> int:
        """Returns the id of a library."""
        return self.names.define_library(name)

    def file_name(self, file: int) -> str:
        """Returns the name the target knows a file by, "" when unknown."""
        return self.names.file(file).name

    def set_source(self, file: int, text: str) -> None:
        """Keeps the text of a file for the source pane, snapshots and diffs (oldest go when too many)."""
        self.names.set_source(file, text)

    # ------------------------------------------------------------ time

    def add(
        self,
        t0: float,
        t1: float,
        cells: Iterable[CellTuple],
        threads: Iterable[UseTuple],
        sampling: Mapping[str, float],
    ) -> None:
        """Adds what happened between t0 and t1 (engine clock)."""
        t0, t1 = sane_time(t0), sane_time(t1)
        t1 = max(t0, t1)
        block, closed = self.history.block_for(t0, t1)
        if closed is not None:
            for view in self._views.values():
                view.close(closed)
        self.tree.warm_up(t1)
        taken = self._taken(cells)
        merge(block.sums, taken)
        block.gil_held += sane(sampling.get("gil_held", 0.0))
        self._note_uses(threads, block.uses)
        self.sampling.add(t1 - t0, sampling)
        for view in self._views.values():
            view.expire(t1)
            view.add(taken)
        self._timeline.add(block, *split_of(taken), self.sampling.rss)
        self._tables.clear()
        self._stay_bounded(closed is not None)

    def _taken(self, cells: Iterable[CellTuple]) -> list[Cell]:
        """Returns cells in whole units, each on a live node and a known thread."""
        live, known_threads, result = self.tree.live, self.names.threads, []
        unit = self.tree.heat_unit
        for number, thread, state, library, count, weight, squared in cells:
            if not 0 <= state < STATES:
                continue
            node = live.get(number)
            if thread not in known_threads or node is None:
                process = known_threads[thread].process if thread in known_threads else self._any_process()
                node = self.tree.node(number, process)
                if thread not in known_threads:
                    thread = self.names.other_threads(node.process).id
            ns, us2 = scaled(weight, NANO), scaled(squared, MICRO2)
            node.heat += ns * _HEAT_OF[state] * unit
            result.append((node.id, thread, state, library, max(0, count), ns, us2))
        return result

    def _any_process(self) -> int:
        known = next(iter(self.names.processes), 0)
        return known or self.names.define_process(0, [], "", "", "", 0.0)

    def _note_uses(self, threads: Iterable[UseTuple], uses: dict[int, ThreadUse]) -> None:
        for thread, state, own, queued, gil, wait, idle, samples, holds_gil in threads:
            info = self.names.threads.get(thread)
            if info is None:
                info = self.names.other_threads(self._any_process())
            elif info.tid:
                info.state, info.holds_gil = state, holds_gil
            use = ThreadUse(sane(own), sane(queued), sane(gil), sane(wait), sane(idle), max(0, samples))
            info.use.merge(use)
            if (known := uses.get(info.id)) is None:
                uses[info.id] = use
            else:
                known.merge(use)

    def _stay_bounded(self, second_ended: bool) -> None:
        """Folds what is too much; the running sums are then made anew from the history."""
        changed = second_ended and self.history.roll_up(self._other_of)
        # Each process has a tree of its own, although most of its lines are the others', too.
        cap = int(self.node_cap * min(MORE_NODES, 1 + (self.sampling.processes - 1) / 8))
        for folded in (
            fold_ended(self.names, self.tree) if second_ended else ({}, {}),
            (
                fold(self.tree, cap) if len(self.tree.live) > cap else {},
                self.names.fold_threads() if second_ended else {},
            ),
        ):
            if any(folded):
                self.history.rename(*folded)
                changed = True
        if changed:
            self._views.clear()

    def restore_block(self, block: Block) -> None:
        """Appends a stretch of a snapshot's history; its nodes and threads are there already."""
        self.history.restore(block)
        self._timeline.add(block, *split_of(block.cells), 0)

    def _other_of(self, number: int) -> int:
        node = self.tree.live[number]
        return self.tree.other_below(self.tree.root(node.process)).id

    def reset(self) -> None:
        """Forgets all time so far; definitions, threads and the timeline stay."""
        self.history = History()
        self.tree.remove(set(self.tree.live))
        self.sampling = SamplingTotals(
            rate=self.sampling.rate,
            wanted=self.sampling.wanted,
            max_cpu=self.sampling.max_cpu,
            rss=self.sampling.rss,
            threads=self.sampling.threads,
            calm=self.sampling.calm,
        )
        for thread in self.names.threads.values():
            thread.use = ThreadUse()
        self._views.clear()
        self._tables.clear()

    # ------------------------------------------------------------ answers

    @property
    def duration(self) -> float:
        """Seconds since the reset."""
        return self.sampling.duration

    def rows(self, query: Query) -> Table:
        """Returns the table of a query; the same object until time is added."""
        table = self._tables.get(query)
        if table is None:
            view = self._view(query)
            if query.by == "library" and view.only_estimates:
                view = self._view(query, estimates=True)
            table = tables.build(view, self.names, query, self.covered(query.window))
            self._tables[query] = table
        return table

    def covered(self, window: float | None) -> float:
        """Returns the seconds of the clock that a window looks at."""
        open_block = self.history.open
        closed = sum(block.duration for block in self.history.window(window))
        return closed + (max(0.0, open_block.t1 - open_block.t0) if open_block else 0.0)

    def _view(self, query: Query, estimates: bool = False) -> View:
        wanted = normalised(query), estimates
        view = self._views.get(wanted)
        if view is None:
            view = self._views[wanted] = View(
                wanted[0],
                self.tree,
                self.history,
                estimates=estimates,
                several=len(self.names.processes) > 1 and query.by in ("line", "function"),
            )
            while len(self._views) > LIVE_VIEWS:
                self._views.popitem(last=False)
        self._views.move_to_end(wanted)
        view.settle()
        return view

    def row_details(self, key: Key, query: Query) -> Details:
        """Returns callers and callees of a line or function."""
        return details.callers_and_callees(self._view(details.called_by(key, query)), self, key)

    def heat(self, target: int | Key, query: Query) -> dict[int, LineHeat]:
        """Returns line -> heat of a whole file (a file id) or of one function (the key of its row)."""
        return details.heat(self.rows(details.by_line(query)), target)

    def library_places(self, library: str, query: Query) -> list[tuple[Row, float]]:
        """Returns the lines that a library's time is spent for, with shares of all own time, most first."""
        return details.library_places(self.rows(details.by_line(query)), library)

    def chosen_threads(self, query: Query) -> frozenset[int] | None:
        """Returns the ids of the threads that a query is about; None is all."""
        if query.process is None:
            return query.threads
        return frozenset(
            thread.id
            for thread in self.threads.values()
            if thread.process == query.process and (query.threads is None or thread.id in query.threads)
        )

    def timeline(self, seconds: int = 60) -> list[TimelinePoint]:
        """Returns one point a second, oldest first, at most 600."""
        return self._timeline.points(seconds)

    def totals(self, query: Query) -> Totals:
        """Returns the header's figures."""
        view = self._view(query)
        return details.totals(self, view, query, self.thread_use(query.window), self.covered(query.window))

    @property
    def has_gil(self) -> bool:
        """Whether any target has a GIL; a free-threaded build that was seen using one has."""
        if self.sampling.gil_held > 0 or not self.processes:
            return True
        return any(not one.build.startswith("free-threaded") for one in self.processes.values())

    def gil_held(self, window: float | None) -> float | None:
        """Returns the seconds of a window during which some thread held the GIL; None without one."""
        if not self.has_gil:
            return None
        blocks = self.history.window(window)
        open_block = self.history.open
        return sum(block.gil_held for block in blocks) + (open_block.gil_held if open_block else 0.0)

    def thread_use(self, window: float | None) -> dict[int, ThreadUse]:
        """Returns what each thread did in a window (None: since the reset)."""
        if window is None:
            return {thread.id: thread.use for thread in self.names.threads.values()}
        result: dict[int, ThreadUse] = {}
        uses = [block.uses for block in self.history.window(window)]
        if self.history.open is not None:
            uses.append(self.history.open.uses)
        for block in uses:
            for thread, use in block.items():
                result.setdefault(thread, ThreadUse()).merge(use)
        return result
