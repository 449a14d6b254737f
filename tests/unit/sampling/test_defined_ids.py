"""Ids for places, functions and files, and what is told of them."""

from __future__ import annotations

from dataclasses import dataclass

from livetop.cpython.code import Code
from livetop.cpython.tree import Place
from livetop.sampling.definitions import MAX_NODES, Definitions
from livetop.sampling.process_names import ProcessNames
from livetop.wire.messages import Defs, Process


@dataclass
class _Thread:
    tid: int
    name: str
    wire: int = 0


def _names() -> ProcessNames:
    return Definitions().process(1, "/srv", ["python", "/srv/main.py"])


def _code(name: str, file: str = "/srv/main.py", first_line: int = 1) -> Code:
    return Code(0x1000, 0x1100, 100, name, file, first_line, b"")


def _chain(*lines: tuple[Code, int]) -> Place:
    place = Place(None, None, 0)
    for code, line in lines:
        place = Place(place, code, line)
    return place


def _ids(defs: Defs) -> list[int]:
    entries = [*defs.files, *defs.functions, *defs.nodes, *defs.threads]
    return [entry.id for entry in entries]


def _taken(names: ProcessNames) -> Defs:
    defs = names.definitions.take()
    assert defs is not None
    return defs


def test_the_root_is_the_process() -> None:
    defs = _taken(_names())
    assert not defs.reset
    (root,) = defs.nodes
    assert (root.parent, root.function, root.line) == (0, 0, 1)


def test_a_stack_is_told_outermost_first() -> None:
    names = _names()
    root = _taken(names).nodes[0].id
    f, g = _code("f"), _code("g", "/srv/lib/g.py", 9)
    node = names.node(_chain((f, 3), (g, 12)))
    defs = _taken(names)
    outer, inner = defs.nodes
    assert inner.id == node
    assert (outer.parent, inner.parent) == (root, outer.id)
    assert (outer.line, inner.line) == (3, 12)
    functions = {function.id: function for function in defs.functions}
    files = {file.id: file for file in defs.files}
    assert functions[inner.function].name == "g"
    assert functions[inner.function].first_line == 9
    assert functions[inner.function].kind == "python"
    assert files[functions[inner.function].file].name == "/srv/lib/g.py"
    assert files[functions[inner.function].file].module == "lib/g.py"
    assert names.definitions.file_path(functions[inner.function].file) == ("/srv/lib/g.py", 1)
    assert names.definitions.file_path(99_999) is None


def test_what_was_told_is_not_told_again() -> None:
    names = _names()
    f = _code("f")
    place = _chain((f, 3))
    node = names.node(place)
    assert names.definitions.take() is not None
    assert names.definitions.take() is None
    assert names.node(place) == node
    # The same line read anew (its code object went and came back) is the same node.
    assert names.node(_chain((_code("f"), 3))) == node
    assert names.definitions.take() is None
    assert names.node(_chain((_code("f"), 4))) != node
    assert len(_taken(names).nodes) == 1


def test_special_rows_hang_at_the_root() -> None:
    names = _names()
    root = _taken(names).nodes[0].id
    unread = names.node("[unread]")
    assert names.node("[unread]") == unread
    other = names.node("[other]")
    defs = _taken(names)
    assert [(node.id, node.parent, node.line) for node in defs.nodes] == [(unread, root, 0), (other, root, 0)]
    assert [(function.name, function.kind, function.file) for function in defs.functions] == [
        ("[unread]", "special", 0),
        ("[other]", "special", 0),
    ]
    # A function of that name in the program is another one.
    assert names.node(_chain((_code("[unread]", ""), 0))) != unread


def test_a_stack_of_20000_frames() -> None:
    names = _names()
    f = _code("f")
    deep = _chain(*((f, line % 50) for line in range(20_000)))
    node = names.node(deep)
    defs = _taken(names)
    assert len(defs.nodes) == 20_001
    assert defs.nodes[-1].id == node
    assert names.node(deep) == node
    assert not names.definitions.full
    for line in range(MAX_NODES - 20_000 + 1):
        names.node(_chain((_code("g"), line)))
    assert names.definitions.full


def test_ids_are_never_used_twice_not_even_after_a_reset() -> None:
    names = _names()
    thread = _Thread(5, "main")
    wire = names.thread(thread)
    seen = []
    places = [_chain((_code("f"), 3), (_code(name), 4)) for name in "abc"]
    for round_ in range(4):
        for place in places:
            names.node(place)
        names.node("[unseen]")
        defs = _taken(names)
        assert defs.reset == (round_ > 0)
        assert len(defs.nodes) == 6
        seen += _ids(defs)
        assert names.thread(thread) == wire
        names.definitions.reset()
        assert not names.definitions.full
    assert len(seen) == len(set(seen))


def test_a_reset_keeps_what_threads_were_not_told_yet() -> None:
    names = _names()
    names.definitions.take()
    thread = _Thread(5, "main")
    wire = names.thread(thread)
    names.node(_chain((_code("f"), 3)))
    names.definitions.reset()
    defs = _taken(names)
    assert [told.id for told in defs.threads] == [wire]
    # What had been named before is forgotten, whether it was told or not.
    assert defs.reset
    assert len(defs.nodes) == 1
    assert not defs.files and not defs.functions


def test_threads_and_their_names() -> None:
    names = _names()
    names.definitions.take()
    thread = _Thread(5, "python")
    names.renamed(thread)
    assert names.definitions.take() is None
    wire = names.thread(thread)
    assert wire == thread.wire > 0
    thread.name = "MainThread"
    names.renamed(thread)
    told = _taken(names).threads
    assert [(entry.id, entry.process, entry.tid, entry.name) for entry in told] == [
        (wire, 1, 5, "python"),
        (wire, 1, 5, "MainThread"),
    ]


def test_the_process_is_told_again_after_exec() -> None:
    names = _names()
    names.definitions.take()
    process = Process(1, 42, ["python"], "3.12.1", "release", "host", 0.0)
    names.follow(process, "/srv")
    assert _taken(names).processes == [process]
    assert names.definitions.take() is None
