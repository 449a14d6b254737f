"""C stacks of one process's threads: how much of one to copy, and whose time it shows."""

from __future__ import annotations

from livetop.cpython.outcome import EMPTY, Outcome
from livetop.cpython.runtime import Runtime
from livetop.cpython.tree import Place
from livetop.native.copied import Copied
from livetop.native.loops import Loops
from livetop.native.merge import Merger
from livetop.native.modules import Modules
from livetop.native.unwind import Unwinder, Walk
from livetop.native.verdict import Judge, Verdict
from livetop.target.errors import MemoryFault
from livetop.target.memory import RemoteMemory
from livetop.target.process import Process
from livetop.target.registers import Registers

from .counters import Counters
from .watched import Watched

# Bytes of stack that are copied while a thread stands still: from its stack pointer to a little beyond the
# evaluation loop's mark when that is known, else as much as the last time was too little for.
LEAST = 4 << 10
MOST = 256 << 10
_BEYOND_MARK = 1024
_SHRINKS = 0.99
_ROUND = 256
# A stack pointer this far below the end of what was its stack may be on another one.
_LONGEST_STACK = 64 << 20


class CStacks:
    """Reads C stacks of the threads of one process. Times are monotonic seconds."""

    def __init__(
        self,
        process: Process,
        memory: RemoteMemory,
        runtime: Runtime,
        counters: Counters,
        *,
        frames: bool = False,
    ) -> None:
        self.modules = Modules(process, memory, runtime.address)
        # Before 3.11 each loop runs one frame, and has no mark.
        self._loops = Loops() if runtime.layout.frames == "heap" else None
        self.unwinder = Unwinder(self.modules, memory, loops=self._loops)
        self.judge = Judge(memory, runtime.layout.version, handlers=self._loops is None)
        self.frames = frames
        """Whether C frames are told one by one, not only whose time it is."""
        self.merger = Merger()
        self._memory = memory
        self._layout = runtime.layout
        self._counters = counters

    def find(self, thread: Watched, sp: int) -> bool:
        """Look up where the stack with this address ends; False when that is not known.

        It may read all mappings, so never ask while a thread stands still.
        """
        thread.stack_end = self.modules.stack_end(sp) if sp else 0
        return thread.stack_end > 0

    def size(self, thread: Watched, sp: int) -> int:
        """How many bytes from the stack pointer on to copy; 0 when it is not on the stack that was found.

        Looks nothing up: this is asked while the thread stands still, in a signal handler even.
        """
        end = thread.stack_end
        if not sp < end <= sp + _LONGEST_STACK:
            return 0
        if self.frames:
            return min(MOST, end - sp)
        mark = thread.reader.mark
        # The mark may be that of a moment ago: as much as was too little of late is copied in any case.
        wanted = max(mark - sp + _BEYOND_MARK if sp <= mark < end else 0, thread.stack_room)
        return min(max(LEAST, (wanted + _ROUND - 1) & -_ROUND), MOST, end - sp)

    def walk(self, thread: Watched, registers: Registers, stack: Copied, now: float) -> Walk:
        """The C frames from where the thread stood to the innermost evaluation loop."""
        mark = thread.reader.mark
        walk = self.unwinder.walk(registers, stack, mark, whole=self.frames)
        if not walk.complete and None in walk.modules and self.modules.refresh(now):
            # Code that was loaded since the last look.
            self.unwinder.forget()
            self.judge.forget()
            self.merger.forget()
            walk = self.unwinder.walk(registers, stack, mark, whole=self.frames)
        if walk.complete:
            self._counters.unwound += 1
            thread.stack_room = max(LEAST, int(thread.stack_room * _SHRINKS))
        else:
            self._counters.unwind_failed += 1
            if not stack.low <= mark < stack.end:
                thread.stack_room = min(MOST, 2 * max(thread.stack_room, stack.end - stack.low))
        return walk

    def understand(
        self,
        thread: Watched,
        registers: Registers,
        stack: Copied,
        outcome: Place | Outcome,
        now: float,
        *,
        sure: bool,
    ) -> tuple[Place | Outcome, Verdict]:
        """Whose time it was, and where the thread stood: among C frames, too, if those are wanted.

        `sure`: it was in a system call, so that nothing else matters.

        The Python regions that `outcome` was parsed from lie at the beginning of the stack's buffer.
        """
        if sure and not self.frames:
            return outcome, self.judge.system
        walk = self.walk(thread, registers, stack, now)
        verdict = self.judge.system if sure else self.judge.judge(walk, thread.reader.instruction)
        if self.frames and (type(outcome) is Place or outcome is EMPTY):
            outcome = self._merged(thread, registers, stack, stack.buffer, outcome, walk)
        return outcome, verdict

    def blocked(
        self, thread: Watched, syscall: bytes, buffer: bytearray, outcome: Place | Outcome, now: float
    ) -> Place | Outcome:
        """Where a blocked thread stands, C frames included: it is read without being stopped.

        `syscall` is what its /proc/PID/task/TID/syscall reads; `buffer` has the one copy of its Python
        regions that `outcome` was parsed from. What was unwound only counts if the thread has not moved
        meanwhile: look at `syscall` again.
        """
        if not (type(outcome) is Place or outcome is EMPTY):
            return outcome
        words = syscall.split()
        try:
            registers = Registers(int(words[-1], 16), int(words[-2], 16), int(words[0]))
            # It stands still by itself: nobody waits for this.
            size = self.size(thread, registers.sp)
            if not size and self.find(thread, registers.sp):
                size = self.size(thread, registers.sp)
            stack = Copied(self._memory.read(registers.sp, size), 0, registers.sp, size)
        except (ValueError, IndexError, MemoryFault):
            return outcome
        return self._merged(
            thread, registers, stack, buffer, outcome, self.walk(thread, registers, stack, now)
        )

    def _merged(
        self,
        thread: Watched,
        registers: Registers,
        stack: Copied,
        buffer: bytearray | bytes,
        outcome: Place | Outcome,
        walk: Walk,
    ) -> Place | Outcome:
        """The place among C and Python frames; those of Python were parsed from `buffer`.

        Where no frame is worth telling it is what it was without them.
        """
        frames = outcome.frames() if type(outcome) is Place else []
        runs = thread.reader.runs(buffer, 0) if frames and self._loops is None else []
        if self._loops is not None:
            runs = self._loops.runs(walk.pcs, walk.cfas, walk.modules, len(frames), complete=walk.complete)
        if self._layout.frame_is_entry is not None:
            runs = self._marked(runs, thread.reader.mark, stack)
        steps = self.merger.merge(walk, registers.sp, runs, frames)
        return self.merger.place(steps) if steps else outcome

    def _marked(self, runs: list[tuple[int, int]], mark: int, stack: Copied) -> list[tuple[int, int]]:
        """Give loops that have no entry frames their marks: the chain of _PyCFrames on the C stack."""
        marked = []
        for _, count in runs:
            marked.append((mark, count))
            mark = (stack.word(mark + self._layout.cframe_previous) or 0) if mark else 0
        return marked
