"""Await chains: from a coroutine to what it awaits, what that awaits, and so on to a future.

Many chains are followed at once, a step of all of them with a few vectored reads. A coroutine that is
suspended has what it awaits on top of its stack (Objects/genobject.c, _PyGen_yf).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from livetop.target.errors import MemoryFault
from livetop.target.memory import Memory

from .code import Code, CodeReader
from .layout import Layout
from .strings import ObjectError
from .task_layouts import HEAD, CoroutineLayout
from .type_names import TypeNames

MAX_CHAIN = 100
"""Coroutines of one chain."""
MAX_LINKS = 200_000
"""Coroutines of all chains of one look, unless its caller says otherwise."""

_U64 = struct.Struct("<Q")
_I32 = struct.Struct("<i")
_WITH_FRAMES = frozenset({"coroutine", "generator", "async_generator"})
# Objects that only pass on: the first word behind the head is what they stand for.
_PASSING = frozenset(
    {
        "async_generator_asend",
        "async_generator_athrow",
        "coroutine_wrapper",
        "anext_awaitable",
        "_asyncio.FutureIter",
    }
)
# Some thousand values are more than any function has.
_MAX_STACK = 1 << 16
_YIELD_FROM = 72
# Tagged pointers (3.14 on: _PyStackRef), and the bits of f_executable.
_ADDRESS = ~7


class Link(NamedTuple):
    """A coroutine of a chain: its frame's address, its code, and where it stands (f_lasti, or an address)."""

    frame: int
    code: int
    instruction: int


class Chain:
    """What a coroutine awaits. `links` outermost first; `end`: the object that the innermost one awaits.

    `state`: suspended, running, created (not begun), ended, or "" when it could not be read. `cut`: it went
    on, but was not followed.
    """

    __slots__ = ("cut", "end", "links", "state")

    def __init__(self) -> None:
        self.links: list[Link] = []
        self.end = 0
        self.state = ""
        self.cut = False


class _Step(NamedTuple):
    """A suspended coroutine: where the awaited object's address is, and the byte that proves that it is."""

    chain: int
    value: int
    proof: int


class Coroutines:
    """Reads await chains of one process."""

    def __init__(
        self,
        memory: Memory,
        layout: Layout,
        coroutine: CoroutineLayout,
        types: TypeNames,
        codes: CodeReader,
    ) -> None:
        self._memory = memory
        self._o = layout
        self._c = coroutine
        self._types = types
        self._codes = codes
        self._heap = layout.frames == "heap"
        self._first_local = coroutine.first_local + (layout.object_head - HEAD if self._heap else 0)
        self._head_size = layout.generator_frame + (8 if self._heap else layout.frame_size)
        self._small = layout.object_head + 8

    def chains(self, roots: Sequence[int], now: float, most: int | None = None) -> list[Chain]:
        """The chain of each coroutine, an empty one where there is none at that address.

        `most`: coroutines of all of them together.
        """
        found = [Chain() for _ in roots]
        active = {index: address for index, address in enumerate(roots) if address}
        seen: list[set[int]] = [set() for _ in roots]
        left = MAX_LINKS if most is None else most
        for _ in range(MAX_CHAIN):
            if not active or left <= 0:
                break
            left -= len(active)
            following: dict[int, int] = {}
            for index, address in self._step(active, found, now).items():
                if address in seen[index]:
                    found[index].cut = True
                else:
                    seen[index].add(address)
                    following[index] = address
            active = following
        for index in active:
            found[index].cut = True
        return found

    def _step(self, active: dict[int, int], found: list[Chain], now: float) -> dict[int, int]:
        """One object of each chain: its link; what it leads to."""
        o = self._o
        following: dict[int, int] = {}
        framed: list[tuple[int, bytes, int]] = []
        for (index, address), head in zip(active.items(), self._heads(active), strict=True):
            if head is None:
                continue
            (kind,) = _U64.unpack_from(head, o.object_type)
            name = self._types.name(kind)
            if name in _WITH_FRAMES and len(head) == self._head_size:
                framed.append((index, head, address))
            elif name in _PASSING:
                following[index] = _U64.unpack_from(head, o.object_head)[0]
            else:
                found[index].end = address
        steps = self._heap_steps(framed, found, now) if self._heap else self._steps(framed, found)
        # The values, and the bytes that prove them, all at once.
        regions = [(step.value, 8) for step in steps]
        regions += [(step.proof, 1) for step in steps if step.proof]
        data = self._memory.read_many(regions)
        proofs = iter(data[len(steps) :])
        for step, value in zip(steps, data, strict=False):
            proven = next(proofs) if step.proof else None
            if value is None or (step.proof and not self._proves(proven)):
                continue
            awaited = _U64.unpack(value)[0] & _ADDRESS
            if awaited:
                following[step.chain] = awaited
        return following

    def _heads(self, active: dict[int, int]) -> list[bytes | None]:
        """The beginning of each object: as much as a coroutine's takes, or what every object has."""
        size = self._head_size
        heads = self._memory.read_many([(address, size) for address in active.values()])
        short = [
            index
            for index, (head, address) in enumerate(zip(heads, active.values(), strict=True))
            if head is None and not address & 7
        ]
        if short:
            addresses = list(active.values())
            again = self._memory.read_many([(addresses[index], self._small) for index in short])
            for index, head in zip(short, again, strict=True):
                heads[index] = head
        return heads

    def _proves(self, byte: bytes | None) -> bool:
        if byte is None:
            return False
        return byte[0] == _YIELD_FROM if self._c.proof == "yield_from" else byte[0] & 3 >= 2

    # ------------------------------------------------------------------ frames in the coroutine (3.11 on)

    def _steps(self, framed: list[tuple[int, bytes, int]], found: list[Chain]) -> list[_Step]:
        o, c = self._o, self._c
        assert o.generator_state is not None
        at = o.generator_frame
        steps: list[_Step] = []
        for index, head, address in framed:
            chain = found[index]
            state = head[o.generator_state]
            state -= (state & 0x80) << 1
            frame = address + at
            code = _U64.unpack_from(head, at + o.frame_code)[0] & _ADDRESS
            (instruction,) = _U64.unpack_from(head, at + o.frame_instruction)
            self._note(chain, Link(frame, code, instruction), self._word(state))
            if state not in c.suspended:
                continue
            if o.stack_kind == "pointer":
                value = _U64.unpack_from(head, at + o.frame_stack)[0] - 8 * c.top
            else:
                (top,) = _I32.unpack_from(head, at + o.frame_stack)
                if not c.top <= top < _MAX_STACK:
                    continue
                value = frame + o.frame_values + 8 * (top - c.top)
            # Of RESUME, the next instruction, the argument.
            steps.append(_Step(index, value, instruction + 3 if c.proof else 0))
        return steps

    def _word(self, state: int) -> str:
        c = self._c
        if state == c.executing:
            return "running"
        if state in c.suspended:
            return "suspended"
        # Before "suspended" in every version's enum: created, or suspended at a yield.
        return "created" if state < min(c.suspended) else "ended"

    @staticmethod
    def _note(chain: Chain, link: Link, state: str) -> None:
        if not chain.links:
            chain.state = state
        if state != "ended":
            chain.links.append(link)

    # ------------------------------------------------------------------ frames on the heap (to 3.10)

    def _heap_steps(
        self, framed: list[tuple[int, bytes, int]], found: list[Chain], now: float
    ) -> list[_Step]:
        o, c = self._o, self._c
        assert o.frame_state is not None
        frames = [_U64.unpack_from(head, o.generator_frame)[0] for _, head, _ in framed]
        data = self._memory.read_many([(frame, o.frame_size) for frame in frames])
        steps: list[_Step] = []
        for (index, _, _), frame, head in zip(framed, frames, data, strict=True):
            chain = found[index]
            if head is None:
                if not chain.links:
                    chain.state = "ended"
                continue
            (code,) = _U64.unpack_from(head, o.frame_code)
            (last,) = _I32.unpack_from(head, o.frame_instruction)
            state = head[o.frame_state]
            state -= (state & 0x80) << 1
            word = "running" if state == c.executing else "suspended" if last >= 0 else "created"
            self._note(chain, Link(frame, code, last), word)
            if word != "suspended" or state not in c.suspended:
                continue
            if o.stack_kind == "pointer":
                value = _U64.unpack_from(head, o.frame_stack)[0] - 8 * c.top
            else:
                (depth,) = _I32.unpack_from(head, o.frame_stack)
                if not c.top <= depth < _MAX_STACK:
                    continue
                value = _U64.unpack_from(head, o.frame_values)[0] + 8 * (depth - c.top)
            try:
                proof = self._codes.get(code, now).opcodes + (last + 1) * o.instruction_unit
            except (ObjectError, MemoryFault):
                continue
            # f_lasti counts bytes up to 3.9, and an instruction has two.
            steps.append(_Step(index, value, proof + (o.instruction_unit == 1)))
        return steps

    # ------------------------------------------------------------------ what a link is

    def place(self, link: Link, now: float) -> tuple[Code, int] | None:
        """(code, line) of a coroutine; None when its code cannot be read (any more)."""
        try:
            code = self._codes.get(link.code, now)
        except (ObjectError, MemoryFault):
            return None
        instruction = link.instruction
        if self._heap:
            instruction = code.base + instruction * self._o.instruction_unit
        return code, code.line(instruction)

    def local(self, link: Link, index: int) -> int:
        """The address of what a coroutine's local variable refers to, 0 for nothing. Raises MemoryFault."""
        data = self._memory.read(link.frame + self._first_local + 8 * index, 8)
        found: int = _U64.unpack(data)[0]
        return found & _ADDRESS
