"""The process that is sampled, as all samples of it share it."""

from __future__ import annotations

from livetop.cpython.code import CodeReader
from livetop.cpython.outcome import Outcome
from livetop.cpython.runtime import Runtime
from livetop.cpython.tree import Place, StackTree
from livetop.target.memory import RemoteMemory
from livetop.target.process import Process
from livetop.target.vectored import VectoredRead

from .account import UNREAD
from .budget import PauseBudget
from .c_stacks import CStacks
from .counters import Counters
from .errands import Errands
from .exact import ExactReader
from .tasks import TaskWatch
from .watched import Watched


class Subject:
    """One process: its stack tree, the ways to read it, and what was counted.

    `counters` and `errands` may be those of several processes. `native` is none, split or frames: see
    `Configure.native`.
    """

    def __init__(
        self,
        process: Process,
        runtime: Runtime,
        memory: RemoteMemory,
        budget: PauseBudget,
        native: str,
        counters: Counters,
        errands: Errands,
    ) -> None:
        self.pid = process.pid
        self.gil = True
        """Whether threads that are attached hold a GIL."""
        self.budget = budget
        self.counters = counters
        self.errands = errands
        self.tree = StackTree(CodeReader(memory, runtime.layout, runtime.code_type))
        self.stacks: CStacks | None = None
        if native != "none":
            self.stacks = CStacks(process, memory, runtime, self.counters, frames=native == "frames")
        self.exact = ExactReader(self.pid, self.stacks)
        self.aux = VectoredRead(self.pid)
        """For reading one thread alone."""
        self.tasks: TaskWatch | None = None
        """asyncio's tasks, if they are wanted."""

    @property
    def frames(self) -> bool:
        """Whether stacks have C frames."""
        return self.stacks is not None and self.stacks.frames

    def key(self, thread: Watched, outcome: Place | Outcome, *, running: bool = True) -> Place | str:
        """What a sample of a thread is charged to, right after its stack was parsed."""
        key = thread.key(outcome)
        if key is None or (self.tree.young and type(key) is Place and not self.tree.confirm(key)):
            self.counters.unread += 1
            return UNREAD
        if self.tasks is not None and type(key) is Place:
            return self.tasks.key(thread, key, self.tree.now, running=running)
        return key

    @property
    def full(self) -> bool:
        """Whether `forget_places` is due: a tree has outgrown its limit."""
        if self.tasks is not None and self.tasks.places.size > self.tree.limit:
            return True
        return self.tree.full or (self.stacks is not None and self.stacks.merger.size > self.tree.limit)

    def forget_places(self) -> None:
        """Begin the stack trees anew."""
        self.tree.reset()
        if self.stacks is not None:
            self.stacks.merger.reset()
        if self.tasks is not None:
            self.tasks.forget_places()
