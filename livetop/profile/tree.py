"""The call tree: every place ever named, and the bounded set of places that carry time.

A *known* place is a definition, three integers. It goes *live* when time arrives for it. Live nodes are
capped; when too many, the cold ones are folded (`fold.py`) and come back to life when time arrives again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from livetop.profile.rows import Key

HEAT_HALF_LIFE = 60.0

NATIVE, TASK = "native", "task"
"""Kinds of functions whose nodes are more than lines of Python."""
NO_TASK: Key = ("task", 0)

Place = tuple[int, int, int]
"""(parent node, function, line); a root is (0, 0, process)."""


class Node:
    """A live place. `heat`: recent time, decayed; `outer_*`: no node above it has the same key, so its
    subtree counts towards the key's total.

    `host`: the node whose row its time belongs to. A C frame's is the nearest node above it that is none
    (the outermost C frame, when there is no Python below a thread's root); any other node's is itself.

    A task is a node above what it ran; `task_key` is that of the innermost one. It is no row among lines and
    functions.
    """

    __slots__ = (
        "children",
        "function",
        "function_key",
        "heat",
        "host",
        "id",
        "line",
        "line_key",
        "outer_function",
        "outer_line",
        "outer_task",
        "parent",
        "process",
        "task_key",
    )

    def __init__(
        self, number: int, parent: Node | None, function: int, line: int, kind: str = "python"
    ) -> None:
        self.id = number
        self.parent = parent
        self.function = function
        self.line = line
        self.process: int = parent.process if parent else line
        self.children: list[Node] = []
        self.heat = 0.0
        self.outer_task = kind == TASK
        self.task_key: Key = ("task", function) if self.outer_task else parent.task_key if parent else NO_TASK
        if kind == NATIVE and parent is not None and parent.parent is not None:
            self.host: Node = parent.host
            self.line_key: Key = parent.line_key
            self.function_key: Key = parent.function_key
            self.outer_line = self.outer_function = False
            return
        self.host = self
        # What several processes run is one row; see `process_line_key`.
        # A root is no line of a program: time that ends on it has a row without function or line.
        self.line_key = ("line", 0, function, line if function else 0)
        self.function_key = ("function", 0, function)
        self.outer_line = self.outer_function = parent is not None and not self.outer_task

    @property
    def process_line_key(self) -> Key:
        """The key of its line in a table with rows for each process."""
        return ("line", self.process, *self.line_key[2:])

    @property
    def process_function_key(self) -> Key:
        """The key of its function in such a table."""
        return ("function", self.process, *self.function_key[2:])


class Tree:
    """Definitions and live nodes. A parent's id is always smaller than its children's."""

    def __init__(self, other: int, known_cap: int, kind_of: Callable[[int], str]) -> None:
        self.other = other
        """The id of the function [other]."""
        self.live: dict[int, Node] = {}
        self.known: dict[int, Place] = {}
        self._ids: dict[Place, int] = {}
        self._known_cap = known_cap
        self._kind_of = kind_of
        self._next = 1
        self.heat_unit = 1.0
        """What a second of time adds to a node's heat now: it doubles each minute, so old heat fades."""
        self._heat_time: float | None = None
        self._lines: Counter[Key] = Counter()
        self._functions: Counter[Key] = Counter()

    def define(self, parent: int, function: int, line: int) -> int:
        """Returns the id of a place; the same place has the same id as long as it is known."""
        place = (parent, function, line)
        if (known := self._ids.get(place)) is not None:
            self._keep_fresh(known)
            return known
        if len(self.known) >= self._known_cap:
            self._forget()
        self._keep_fresh(parent)
        new = self._next
        self._next += 1
        self.known[new] = place
        self._ids[place] = new
        return new

    def restore(self, number: int, place: Place) -> None:
        """Takes over a definition with the id it had (from a snapshot, parents first)."""
        self.known[number] = place
        self._ids[place] = number
        self._next = max(self._next, number + 1)

    def root(self, process: int) -> Node:
        """Returns the live root of a process."""
        return self._enliven(self.define(0, 0, process))

    def other_below(self, node: Node) -> Node:
        """Returns the live [other] directly below a node."""
        return self.child(node, self.other, 0)

    def child(self, parent: Node, function: int, line: int) -> Node:
        """Returns the live child of a live node."""
        return self._enliven(self.define(parent.id, function, line))

    def node(self, number: int, process: int) -> Node:
        """Returns the live node of an id; one that was forgotten is [other] of `process`."""
        found = self.live.get(number)
        if found is not None:
            return found
        chain_start = number
        while chain_start in self.known:
            parent, function, line = self.known[chain_start]
            if parent == 0:
                whole = function == 0 and line > 0
                return self._enliven(number) if whole else self.other_below(self.root(process))
            chain_start = parent
        return self.other_below(self.root(process))

    def _enliven(self, number: int) -> Node:
        """Makes a known node whose chain is whole live, and all above it."""
        chain = []
        while number and number not in self.live:
            chain.append(number)
            number = self.known[number][0]
        node = self.live[number] if number else None
        for new in reversed(chain):
            _, function, line = self.known[new]
            node = self._add(new, node, function, line)
        assert node is not None
        return node

    def _add(self, number: int, parent: Node | None, function: int, line: int, look: bool = True) -> Node:
        node = Node(number, parent, function, line, self._kind_of(function))
        self.live[number] = node
        if parent is not None:
            parent.children.append(node)
            # A key that no live node has yet cannot be above: most nodes need no walk.
            if look and node.host is node and self._functions[node.function_key]:
                _look_above(node, line_too=self._lines[node.line_key] > 0)
        self._lines[node.line_key] += 1
        self._functions[node.function_key] += 1
        return node

    def enliven_all(self, ids: list[int]) -> None:
        """Makes many nodes live, parents first, in time linear in their number whatever their shape."""
        for number in ids:
            parent, function, line = self.known[number]
            if number not in self.live:
                self._add(number, self.live.get(parent), function, line, look=False)
        for node in self.live.values():
            if node.parent is None:
                _mark_outer(node)

    def warm_up(self, now: float) -> None:
        """Moves the unit of heat on to a moment, in seconds."""
        if self._heat_time is not None and now > self._heat_time:
            self.heat_unit *= 2.0 ** min((now - self._heat_time) / HEAT_HALF_LIFE, 100.0)
            if self.heat_unit > 1e100:
                for node in self.live.values():
                    node.heat /= self.heat_unit
                self.heat_unit = 1.0
        self._heat_time = now if self._heat_time is None else max(now, self._heat_time)

    def remove(self, ids: set[int]) -> None:
        """Takes live nodes off the tree; with a node, all below it must be among `ids`."""
        parents: dict[int, Node] = {}
        for number in sorted(ids):
            node = self.live.pop(number)
            self._lines[node.line_key] -= 1
            self._functions[node.function_key] -= 1
            # What was live until now is not the oldest definition, whenever it was made.
            self.known[number] = self.known.pop(number)
            if node.parent is not None and node.parent.id not in ids:
                parents[node.parent.id] = node.parent
        for parent in parents.values():
            parent.children = [child for child in parent.children if child.id not in ids]
        self._lines = +self._lines
        self._functions = +self._functions

    def forget(self, ids: set[int]) -> None:
        """Takes live nodes off the tree for good: nothing will ever be told of them again."""
        self.remove(ids)
        for number in ids:
            del self._ids[self.known.pop(number)]

    def _keep_fresh(self, number: int) -> None:
        """Moves a definition that is used again, and those above it, away from the oldest ones."""
        recent = self._next - self._known_cap // 4
        chain = []
        while number < recent and number in self.known and number not in self.live:
            chain.append(number)
            number = self.known[number][0]
        for old in reversed(chain):
            self.known[old] = self.known.pop(old)

    def _forget(self) -> None:
        """Drops the oldest quarter of the definitions that carry no time, and what hung below them."""
        excess = len(self.known) - self._known_cap * 3 // 4
        gone: set[int] = set()
        for number, (parent, _, _) in self.known.items():
            if number not in self.live and (len(gone) < excess or parent in gone):
                gone.add(number)
        for number in gone:
            del self._ids[self.known.pop(number)]


def _look_above(node: Node, line_too: bool) -> None:
    above = node.parent
    while above is not None:
        if above.function == node.function:
            node.outer_function = node.outer_task = False
            if not line_too:
                return
            if above.line == node.line:
                node.outer_line = False
                return
        above = above.parent


def _mark_outer(root: Node) -> None:
    """Sets the outer flags of a whole tree in one walk."""
    path: Counter[Key] = Counter()
    stack = [(root, True)]
    while stack:
        node, entering = stack.pop()
        keys = (node.line_key, node.function_key)
        if not entering:
            path.subtract(keys)
            continue
        if node.task_key[1] == node.function and node.parent is not None:
            node.outer_task = not path[node.function_key]
        elif node.parent is not None:
            node.outer_line = not path[node.line_key]
            node.outer_function = not path[node.function_key]
        path.update(keys)
        stack.append((node, False))
        stack.extend((child, True) for child in node.children)
