"""Collapsed stacks: `frame;frame count`, root first, as flame graph tools and py-spy have them.

A frame reads `function (file:line)` with the short file name, a C frame `function (library)`; the count is
of samples that ended there. Of several processes each has a frame at the root, as py-spy writes it.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TextIO

from livetop.export import process_names
from livetop.profile.cells import measured
from livetop.profile.model import Profile
from livetop.profile.rows import Mode
from livetop.profile.tree import Node


def write(
    profile: Profile, stream: TextIO, *, threads: bool = False, mode: Mode = "cpu", idle: bool = False
) -> None:
    """Writes the stacks of everything since the reset, in a fixed order; `threads`: a frame for each."""
    counted = measured(mode, idle)
    counts: defaultdict[tuple[int, int], int] = defaultdict(int)
    for block in profile.history.blocks():
        for node, thread, state, _, count, _, _ in block.cells:
            if counted[state]:
                counts[node, thread if threads else 0] += count
    stacks: defaultdict[str, int] = defaultdict(int)
    several = process_names.are_several(profile)
    for (node, thread), count in counts.items():
        frames = _frames(profile, profile.tree.live[node])
        if thread:
            info = profile.threads.get(thread)
            name = f"thread {info.tid}: {info.name}" if info else f"thread {thread}"
            frames.insert(0, _frame_text(name))
        if several:
            frames.insert(0, _process(profile, profile.tree.live[node].process))
        if count:
            stacks[";".join(frames)] += count
    stream.writelines(f"{stack} {count}\n" for stack, count in sorted(stacks.items()))


def _process(profile: Profile, number: int) -> str:
    info = profile.processes.get(number)
    if info is None:
        return f"process {number}"
    words = " ".join(info.argv)
    return _frame_text(f'process {info.pid}:"{words}"' if info.pid else words)


def _frames(profile: Profile, node: Node) -> list[str]:
    names = profile.names
    frames = []
    here: Node | None = node
    while here is not None and here.parent is not None:
        function = names.function(here.function)
        text = function.name
        if function.file:
            file = names.file(function.file)
            line = f":{here.line}" if function.kind != "native" else ""
            text += f" ({file.module or file.name}{line})"
        frames.append(_frame_text(text))
        here = here.parent
    return frames[::-1] or ["[no stack]"]


def _frame_text(text: str) -> str:
    """Returns a frame without the separator of frames."""
    return text.replace(";", ",")
