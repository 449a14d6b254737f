"""The running sums behind one table: cells added as they come, taken away as their second expires.

A table asked for four times a second must not add up ten thousand nodes each time. A `View` keeps the
sums of every row for one window, mode and choice of threads. Own figures follow each cell at once; totals
(which concern every caller) are passed up the tree only when a table is asked for, once for all cells
since the last time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from operator import attrgetter

from msgspec.structs import replace

from livetop.profile.cells import SPLIT, STATES, Cell, measured
from livetop.profile.history import Block, History, in_window
from livetop.profile.identity import Identity
from livetop.profile.rows import Key, Query
from livetop.profile.states import ESTIMATES, WAITING, State
from livetop.profile.tree import Node, Tree

_NATIVE = (int(State.NATIVE), int(State.ESTIMATED_NATIVE))
_PARTS = tuple(1 if state in SPLIT else 3 if state in ESTIMATES else 0 for state in State)
"""Where a state's evidence is in a `Part`: the native part, and one further the whole; 0: it is none."""
_NAMED = tuple(state in WAITING or state in _NATIVE for state in State)
"""States whose cells say in what library, or for what reason."""


class Sums:
    """What a row is made of. By state: weights in ns, counts, squares in µs².

    `own`, `total`: ns of the mode; `processes`: ns of the total by process, where there are several; `named`:
    ns by state and library (or reason). The others are sums over
    blocks, for intervals: `own_own` own², `own_all` own · everything, and of the evidence, exact and
    estimated each for itself, native², native · whole and whole².
    """

    __slots__ = (
        "counts",
        "estimated",
        "exact",
        "key",
        "named",
        "own",
        "own_all",
        "own_own",
        "processes",
        "squares",
        "task",
        "total",
        "weights",
    )

    def __init__(self, key: Key) -> None:
        self.key = key
        self.weights = [0] * STATES
        self.counts = [0] * STATES
        self.squares = [0] * STATES
        self.named: dict[tuple[int, int], int] = {}
        self.own = self.total = 0
        self.processes: dict[int, int] = {}
        self.task: int | None = None
        """Function of the task that its own time was spent in, 0 for none, SEVERAL."""
        self.own_own = self.own_all = 0
        self.exact = [0, 0, 0]
        self.estimated = [0, 0, 0]

    def empty(self) -> bool:
        return not self.total and not any(self.counts) and not any(self.weights)


_KEYS: dict[tuple[str, bool], Callable[[Node], Key]] = {
    ("line", False): attrgetter("line_key"),
    ("function", False): attrgetter("function_key"),
    ("task", False): attrgetter("task_key"),
    ("line", True): attrgetter("process_line_key"),
    ("function", True): attrgetter("process_function_key"),
}
"""By (kind of row, for each process): what gives a node its row's key."""
_OUTER: dict[str, Callable[[Node], bool]] = {
    "line": attrgetter("outer_line"),
    "function": attrgetter("outer_function"),
    "task": attrgetter("outer_task"),
}
"""By kind of row: whether a node's subtree counts towards the total of its row."""
SEVERAL = -1

Part = list[int]
"""What one block gave one row, ns: [own, native and all of the exact evidence, the same two estimated]."""


def normalised(query: Query) -> Query:
    """Returns the query whose running sums answer this one."""
    by_place = query.by in ("line", "function")
    if query.mode == "wall" and (by_place or not query.per_process):
        return query
    return replace(
        query, idle=query.idle and query.mode == "wall", per_process=query.per_process and by_place
    )


class View:
    """Running sums of one (normalised) query. `all` is the sum of all rows, `blocks` how many it has.

    `estimates`: a table by library is made from estimates, not from exact samples. `several`: there is more
    than one process.
    """

    def __init__(
        self,
        query: Query,
        tree: Tree,
        history: History,
        *,
        estimates: bool = False,
        several: bool = False,
    ) -> None:
        self.query = query
        self.sums: dict[Key, Sums] = {}
        self.all = Sums(())
        self.blocks = 0
        self.subtrees: dict[int, int] = {}
        """Node -> ns of the mode in its whole subtree; as of the last `settle`."""
        self.identities: dict[Key, Identity] = {}
        """Names already put to keys, for whoever makes rows."""
        self._tree = tree
        self.measured = (
            tuple(state in (ESTIMATES if estimates else SPLIT) for state in State)
            if query.by == "library"
            else measured(query.mode, query.idle)
        )
        self._bound: dict[int, Sums] = {}
        self._several = several
        # Those of other kinds of rows need no node.
        self._key_of = key_of = _KEYS.get((query.by, query.per_process), _KEYS["line", False])
        self._bind: Callable[[int], Key] = {
            "line": lambda node: key_of(tree.live[node]),
            "function": lambda node: key_of(tree.live[node]),
            "task": lambda node: key_of(tree.live[node]),
            "process": lambda node: ("process", tree.live[node].process),
            "thread": lambda thread: ("thread", thread),
            "library": lambda library: ("library", library),
        }[query.by]
        self._pending: dict[int, int] = {}
        self._open: dict[Sums, Part] = {}
        self._taken: deque[Block] = deque()
        for block in history.window(query.window):
            self._include(block)
        if history.open is not None:
            self.add((*key, *value) for key, value in history.open.sums.items())  # type: ignore[misc]

    @property
    def only_estimates(self) -> bool:
        """Whether what is known of native time is an estimate altogether."""
        weights = self.all.weights
        return not any(weights[state] for state in SPLIT) and any(weights[state] for state in ESTIMATES)

    # ------------------------------------------------------------ time comes and goes

    def add(self, cells: Iterable[Cell]) -> None:
        """Adds cells of the open block."""
        self._sum(cells, 1, self._open)

    def close(self, block: Block) -> None:
        """The open block ended: what it gave each row counts for the intervals from now on."""
        self._note(self._open, 1)
        self._open = {}
        if self.query.window is not None:
            self._taken.append(block)

    def expire(self, now: float) -> None:
        """Takes away the blocks that the window has left behind."""
        if self.query.window is None:
            return
        expired = False
        while self._taken and not in_window(self._taken[0], now, self.query.window):
            block = self._taken.popleft()
            parts: dict[Sums, Part] = {}
            self._sum(block.cells, -1, parts)
            self._note(parts, -1)
            expired = True
        if expired and len(self._bound) > 4 * len(self.sums) + 1000:
            self._bound.clear()

    def _include(self, block: Block) -> None:
        self.add(block.cells)
        self.close(block)

    def _sum(self, cells: Iterable[Cell], sign: int, parts: dict[Sums, Part]) -> None:
        bound, chosen, is_measured = self._bound, self.query.threads, self.measured
        pending, everything = self._pending, self.all
        column = 1 if self.query.by == "thread" else 0
        by_library = self.query.by == "library"
        process, live = self.query.process, self._tree.live
        for cell in cells:
            node, thread, state, library, count, weight, squared = cell
            if chosen is not None and thread not in chosen:
                continue
            if process is not None and live[node].process != process:
                continue
            slot = cell[column]
            if by_library:
                slot = library if library and state in _NATIVE else -state
            sums = bound.get(slot)
            if sums is None:
                sums = self._bound_sums(slot)
            if sign < 0:
                weight, count, squared = -weight, -count, -squared
            sums.weights[state] += weight
            sums.counts[state] += count
            sums.squares[state] += squared
            everything.weights[state] += weight
            everything.counts[state] += count
            everything.squares[state] += squared
            if is_measured[state]:
                sums.own += weight
                part = parts.get(sums)
                if part is None:
                    part = parts[sums] = [0, 0, 0, 0, 0]
                part[0] += weight
                pending[node] = pending.get(node, 0) + weight
            if at := _PARTS[state]:
                part = parts.get(sums)
                if part is None:
                    part = parts[sums] = [0, 0, 0, 0, 0]
                part[at + 1] += weight
                if state in _NATIVE:
                    part[at] += weight
            if _NAMED[state]:
                sums.named[state, library] = sums.named.get((state, library), 0) + weight

    def _bound_sums(self, slot: int) -> Sums:
        key = self._bind(slot)
        sums = self.sums.get(key)
        if sums is None:
            sums = self.sums[key] = Sums(key)
        self._bound[slot] = sums
        if self.query.by in ("line", "function"):
            task = int(self._tree.live[slot].task_key[1])
            sums.task = task if sums.task in (None, task) else SEVERAL
        return sums

    # ------------------------------------------------------------ sums over blocks

    def _note(self, parts: dict[Sums, Part], sign: int) -> None:
        """Adds (or takes) a block's share of the sums over blocks."""
        whole = abs(sum(part[0] for part in parts.values()))
        for sums, (own, native, split, guessed, guesses) in parts.items():
            if own:
                sums.own_own += sign * own * own
                sums.own_all += sign * abs(own) * whole
            if split:
                _note_squares(sums.exact, native, split, sign)
            if guesses:
                _note_squares(sums.estimated, guessed, guesses, sign)
        if whole:
            self.all.own_own += sign * whole * whole
            self.blocks += sign

    def open_parts(self) -> tuple[dict[Sums, Part], int]:
        """Returns what the open block gave each row so far, and all rows together."""
        return self._open, sum(part[0] for part in self._open.values())

    # ------------------------------------------------------------ totals

    def settle(self) -> None:
        """Brings totals up to date: passes what came and went since the last time up the tree."""
        if self.query.by in ("thread", "library", "process"):
            self._pending.clear()
            for sums in self.sums.values():
                sums.total = sums.own
        elif self._pending:
            self._pass_up()
        if self.query.window is not None:
            self._drop_empty()

    def _pass_up(self) -> None:
        live, subtrees, rows = self._tree.live, self.subtrees, self.sums
        changes = {number: change for number, change in self._pending.items() if change}
        self._pending.clear()
        for number in list(changes):
            node = live[number].parent
            while node is not None and node.id not in changes:
                changes[node.id] = 0
                node = node.parent
        is_outer = _OUTER[self.query.by]
        key_of, several = self._key_of, self._several
        # A parent's id is smaller than its children's: in falling order, each comes before its parent.
        for number in sorted(changes, reverse=True):
            change = changes[number]
            if not change:
                continue
            node = live[number]
            if subtree := subtrees.get(number, 0) + change:
                subtrees[number] = subtree
            else:
                del subtrees[number]
            if node.parent is not None:
                changes[node.parent.id] += change
            if is_outer(node):
                key = key_of(node)
                sums = rows.get(key)
                if sums is None:
                    sums = rows[key] = Sums(key)
                sums.total += change
                if several:
                    processes = sums.processes
                    if so_far := processes.get(node.process, 0) + change:
                        processes[node.process] = so_far
                    else:
                        del processes[node.process]

    def _drop_empty(self) -> None:
        empty = [key for key, sums in self.sums.items() if not sums.total and sums.empty()]
        if not empty:
            return
        gone = {id(self.sums.pop(key)) for key in empty}
        self._bound = {slot: sums for slot, sums in self._bound.items() if id(sums) not in gone}
        self._open = {sums: part for sums, part in self._open.items() if id(sums) not in gone}


def effective_samples(sums: Sums, states: Iterable[int]) -> float:
    """Returns how many independent samples some states' weights are worth: (Σ weight)² / Σ weight²."""
    weight = squared = count = 0
    for state in states:
        weight += sums.weights[state]
        squared += sums.squares[state]
        count += sums.counts[state]
    micro = weight / 1000
    return min(float(count), micro * micro / squared) if squared else float(count)


def _note_squares(squares: list[int], native: int, whole: int, sign: int) -> None:
    squares[0] += sign * native * native
    squares[1] += sign * native * whole
    squares[2] += sign * whole * whole
