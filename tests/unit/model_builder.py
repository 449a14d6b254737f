"""Profiles made by hand, for the tests of the model and of what is derived from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from livetop.profile.model import Profile
from livetop.profile.states import State

STEP = 0.25


class Builder:
    """A profile of one process, fed with (stack, seconds) in steps of a quarter second.

    A stack is "main:1 parse:10" (function:line, outermost first); all functions are in one file, and a
    function's first line is its line rounded down to tens. Frames that begin with "c." are C: "c.sorted" is
    the function sorted of a library.
    """

    def __init__(self, node_cap: int = 10_000, module: str = "app/work.py", name: str | None = None) -> None:
        self.profile = Profile(node_cap)
        self.process = self.profile.define_process(42, ["python", "work.py"], "3.12.1", "", "box", 1000.0)
        self.file = self.profile.define_file(name or f"/srv/{module}", module)
        self.root = self.profile.define_node(0, 0, self.process)
        self.threads: dict[str, int] = {}
        self.now = 100.0

    def thread(self, name: str = "MainThread") -> int:
        if name not in self.threads:
            self.threads[name] = self.profile.define_thread(self.process, 42 + len(self.threads), name)
        return self.threads[name]

    def function(self, name: str, first_line: int = 1) -> int:
        if name.startswith("c."):
            library = self.profile.define_file("/usr/lib/libpython3.12.so.1.0", "libpython3.12")
            return self.profile.define_function(name[2:], library, 0, "native")
        kind = "special" if name.startswith("[") else "python"
        return self.profile.define_function(name, 0 if kind == "special" else self.file, first_line, kind)

    def node(self, stack: str) -> int:
        node = self.root
        for frame in stack.split():
            name, _, line = frame.partition(":")
            node = self.profile.define_node(
                node, self.function(name, int(line or 0) // 10 * 10), int(line or 0)
            )
        return node

    def cell(
        self,
        stack: str,
        seconds: float,
        state: State = State.OWN,
        thread: str = "MainThread",
        library: str = "",
        count: int | None = None,
    ) -> tuple[int, int, int, int, int, float, float]:
        """A cell; without `count`, one sample each 10 ms."""
        samples = max(1, round(seconds * 100)) if count is None else count
        return (
            self.node(stack),
            self.thread(thread),
            int(state),
            self.profile.define_library(library) if library else 0,
            samples,
            seconds,
            seconds * seconds / samples if samples else 0.0,
        )

    def add(
        self,
        *cells: tuple[int, int, int, int, int, float, float],
        step: float = STEP,
        uses: Iterable[tuple[int, str, float, float, float, float, float, int, bool]] = (),
        sampling: Mapping[str, float] | None = None,
    ) -> None:
        """Adds a stretch of `step` seconds."""
        found = sampling if sampling is not None else {"ticks": 25, "samples": 25}
        self.profile.add(self.now, self.now + step, cells, uses, found)
        self.now += step

    def run(self, seconds: float, *stacks: tuple[str, float]) -> None:
        """Runs (stack, seconds a second) for a while."""
        for _ in range(round(seconds / STEP)):
            self.add(*(self.cell(stack, share * STEP) for stack, share in stacks))
