"""The document inside a snapshot, made from a profile and turned back into one.

Whoever wrote the document may have meant harm: every id is looked up, every number has bounds, parents
come before their children (so there are no cycles), and text is made printable.
"""

from __future__ import annotations

import dataclasses
import time

from livetop import __version__
from livetop.profile.cells import MICRO2, NANO, Cells, merge, scaled
from livetop.profile.history import Block, merge_blocks
from livetop.profile.info import ProcessInfo, SamplingTotals, ThreadInfo, ThreadUse
from livetop.profile.model import Profile
from livetop.profile.names import SOURCE_CHARACTERS, FileInfo, FunctionInfo
from livetop.profile.schema import (
    MAX_CELLS,
    MAX_NODES,
    SCHEMA,
    Document,
    SavedBlock,
    SavedProcess,
    SavedSampling,
    SavedThread,
    SavedUse,
)
from livetop.profile.text import printable
from livetop.profile.tree import Tree

TIME_BLOCKS = 60


class DocumentError(Exception):
    """What is wrong with a document, for the end of a sentence."""


# ---------------------------------------------------------------- profile -> document


def document_of(profile: Profile, *, source: bool = True, argv: bool = True) -> Document:
    """Returns the document of a profile: only names that time refers to, at most sixty time blocks."""
    names, tree = profile.names, profile.tree
    blocks = time_blocks(profile)
    nodes = {node for block in blocks for node in block.cells.nodes}
    for number in sorted(nodes, reverse=True):
        above = tree.live[number].parent
        while above is not None and above.id not in nodes:
            nodes.add(above.id)
            above = above.parent
    functions = {tree.live[node].function for node in nodes} & names.functions.values.keys()
    files = {names.functions.values[function].file for function in functions} & names.files.values.keys()
    libraries = {cell[3] for block in blocks for cell in block.cells} & names.libraries.values.keys()
    return Document(
        livetop=__version__,
        schema=SCHEMA,
        saved=time.time(),
        processes=[
            SavedProcess(
                p.id,
                p.pid,
                p.argv if argv else [],
                p.python,
                p.build,
                p.host,
                p.started,
                p.parent,
                p.state,
                p.reason if argv else "",
                p.was_read,
            )
            for p in names.processes.values()
        ],
        sampling=SavedSampling(**dataclasses.asdict(profile.sampling)),
        files=[(number, *names.files.values[number]) for number in sorted(files)],
        functions=[(number, *names.functions.values[number]) for number in sorted(functions)],
        nodes=[_saved_node(tree, number) for number in sorted(nodes)],
        threads=[
            SavedThread(t.id, t.process, t.tid, t.name, t.state, _saved_use(t.use), t.python)
            for t in names.threads.values()
        ],
        libraries=[(number, names.libraries.values[number]) for number in sorted(libraries)],
        blocks=[_saved_block(block) for block in blocks],
        sources={number: text for number, text in names.sources.items() if source and number in files},
    )


def time_blocks(profile: Profile, count: int = TIME_BLOCKS) -> list[Block]:
    """Returns the history as at most `count` blocks that follow each other, about equally long."""
    blocks = profile.history.blocks()
    if len(blocks) <= count:
        return blocks
    step = sum(block.duration for block in blocks) / count
    groups: list[list[Block]] = []
    covered = 0.0
    for at, block in enumerate(blocks):
        left = len(blocks) - at
        full = len(groups) * step <= covered + step * 0.01 and len(groups) < count
        if not groups or (full and left > 0):
            groups.append([])
        groups[-1].append(block)
        covered += block.duration
    return [merge_blocks(group)[0] for group in groups]


def _saved_node(tree: Tree, number: int) -> tuple[int, int, int, int]:
    node = tree.live[number]
    return number, node.parent.id if node.parent else 0, node.function, node.line


def _saved_use(use: ThreadUse, thread: int = 0) -> SavedUse:
    return SavedUse(use.own, use.queued, use.gil, use.wait, use.idle, use.samples, thread)


def _saved_block(block: Block) -> SavedBlock:
    return SavedBlock(
        block.t0,
        block.t1,
        block.gil_held,
        [
            (node, thread, state, library, count, weight / NANO, squared / MICRO2)
            for node, thread, state, library, count, weight, squared in block.cells
        ],
        [_saved_use(use, thread) for thread, use in block.uses.items()],
    )


# ---------------------------------------------------------------- document -> profile


def profile_of(saved: Document) -> Profile:
    """Returns the profile of a document, every id as it was; raises DocumentError."""
    if len(saved.nodes) > MAX_NODES or sum(len(block.cells) for block in saved.blocks) > MAX_CELLS:
        raise DocumentError("it holds more than a snapshot can")
    profile = Profile(node_cap=max(10_000, len(saved.nodes)))
    _restore_names(profile, saved)
    _restore_tree(profile.tree, profile, saved)
    _restore_blocks(profile, saved)
    profile.sampling = SamplingTotals(
        **{name: getattr(saved.sampling, name) for name in saved.sampling.__struct_fields__}
    )
    for number, text in saved.sources.items():
        if number in profile.names.files.values and len(text) <= SOURCE_CHARACTERS:
            profile.set_source(number, text)
    return profile


def _restore_names(profile: Profile, saved: Document) -> None:
    names = profile.names
    _distinct("process", [process.id for process in saved.processes])
    _distinct("thread", [thread.id for thread in saved.threads])
    for what, numbers in (
        ("file", [item[0] for item in saved.files]),
        ("function", [item[0] for item in saved.functions]),
        ("library", [item[0] for item in saved.libraries]),
    ):
        _distinct(what, numbers)
    for process in saved.processes:
        words = [printable(word) for word in process.argv]
        texts = (printable(process.python), printable(process.build), printable(process.host))
        become = process.parent, printable(process.state), printable(process.reason)
        info = ProcessInfo(process.id, process.pid, words, *texts, process.started, *become)
        # Older snapshots do not say.
        gone_well = info.state == "gone" and not info.reason
        info.was_read = gone_well if process.was_read is None else process.was_read
        names.restore_process(info)
    for number, name, module in saved.files:
        names.files.restore(number, FileInfo(printable(name), printable(module)))
    for number, name, file, first_line, kind in saved.functions:
        if file and file not in names.files.values:
            raise DocumentError(f"function {number} is in a file that is not there")
        function = FunctionInfo(printable(name), file, first_line, printable(kind))
        if number == names.other and function != names.functions.values[names.other]:
            raise DocumentError(f"function {number} is not what it must be")
        names.functions.restore(number, function)
    for number, name in saved.libraries:
        names.libraries.restore(number, printable(name))
    for thread in saved.threads:
        if thread.process not in names.processes:
            raise DocumentError(f"thread {thread.id} is of a process that is not there")
        one = ThreadInfo(
            thread.id, thread.process, thread.tid, printable(thread.name), printable(thread.state)
        )
        one.use, one.python = _use(thread.use), thread.python
        names.restore_thread(one)


def _distinct(what: str, numbers: list[int]) -> None:
    if len(set(numbers)) != len(numbers) or 0 in numbers:
        raise DocumentError(f"a {what} has no number of its own")


def _restore_tree(tree: Tree, profile: Profile, saved: Document) -> None:
    known: set[int] = set()
    for number, parent, function, line in saved.nodes:
        if number in known or number <= parent or (parent and parent not in known):
            raise DocumentError(f"node {number} is not below a node before it")
        if parent == 0 and (function or line not in profile.processes):
            raise DocumentError(f"node {number} is the root of no process")
        if parent and function not in profile.names.functions.values:
            raise DocumentError(f"node {number} is in a function that is not there")
        known.add(number)
        tree.restore(number, (parent, function, line))
    tree.enliven_all([node[0] for node in saved.nodes])


def _restore_blocks(profile: Profile, saved: Document) -> None:
    nodes, threads = profile.tree.live, profile.threads
    libraries = profile.names.libraries.values
    for block in saved.blocks:
        if block.t1 < block.t0:
            raise DocumentError("a time block ends before it begins")
        for node, thread, _, library, _, _, _ in block.cells:
            if node not in nodes or thread not in threads or (library and library not in libraries):
                raise DocumentError("a cell refers to what is not there")
        sums: dict[tuple[int, int, int, int], list[int]] = {}
        merge(
            sums,
            [
                (node, thread, state, library, count, scaled(weight, NANO), scaled(squared, MICRO2))
                for node, thread, state, library, count, weight, squared in block.cells
            ],
        )
        if any(value > 2**62 for values in sums.values() for value in values):
            raise DocumentError("a cell holds more than it can")
        uses = {use.thread: _use(use) for use in block.uses if use.thread in threads}
        profile.restore_block(Block(block.t0, block.t1, Cells(sums), uses, block.gil_held))


def _use(saved: SavedUse) -> ThreadUse:
    return ThreadUse(saved.own, saved.queued, saved.gil, saved.wait, saved.idle, saved.samples)
