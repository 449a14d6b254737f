"""The names of threads: dicts and instances, in fake memory and in this very process."""

from __future__ import annotations

import ctypes
import os
import struct
import sys
import threading

import pytest
from fake_objects import FakeClass, make_dict, make_module, make_names
from fake_target import ALL_LAYOUTS, FakeObjects
from hypothesis import given
from hypothesis import strategies as st

from livetop.cpython.layout import TABLES, Layout, debug_offsets_size, from_debug_offsets
from livetop.cpython.objects import ObjectReader
from livetop.cpython.strings import ObjectError
from livetop.cpython.thread_names import ThreadNames
from livetop.cpython.threads import Interpreter
from livetop.target.errors import MemoryFault
from livetop.target.memory import RemoteMemory


@pytest.fixture(params=ALL_LAYOUTS)
def objects(request: pytest.FixtureRequest) -> FakeObjects:
    return FakeObjects(ALL_LAYOUTS[request.param])


class _Program:
    """sys.modules with a `threading` in it."""

    def __init__(self, objects: FakeObjects) -> None:
        self.objects = objects
        self.layout = objects.layout
        self.thread = FakeClass(objects, ["_target", "_name", "_args"])
        self.interpreter = Interpreter(0x90000000, 0)
        self.memory = objects.memory

    def set(self, threads: dict[int, int]) -> None:
        active = make_dict(self.objects, list(threads.items()), general=True)
        module = make_module(self.objects, {"_limbo": 1, "_active": active, "_activity": 2})
        modules = make_names(self.objects, {"sys": 1, "threadin": 2, "threading": module})
        state = bytearray(self.layout.modules + 8)
        struct.pack_into("<Q", state, self.layout.modules, modules)
        self.memory.segments[self.interpreter.address] = state

    def named(self, name: str) -> int:
        return self.thread.instance([1, self.objects.text(name), 3])


def test_names_are_read(objects: FakeObjects) -> None:
    program = _Program(objects)
    program.set({11: program.named("MainThread"), 12: program.named("worker\x1b[1m")})
    names = ThreadNames(program.memory, program.layout)
    assert names.read(program.interpreter) == {11: "MainThread", 12: "worker\\x1b[1m"}
    assert names.read(program.interpreter, {12, 99}) == {12: "worker\\x1b[1m"}


def test_a_thread_with_a_dict_of_its_own(objects: FakeObjects) -> None:
    program = _Program(objects)
    own = make_names(objects, {"_other": 5, "_name": objects.text("odd")})
    program.set({11: program.thread.instance([0, 0, 0], own_dict=own), 12: program.named("even")})
    assert ThreadNames(program.memory, program.layout).read(program.interpreter) == {11: "odd", 12: "even"}


def test_deleted_entries_and_half_made_threads_are_left_out(objects: FakeObjects) -> None:
    program = _Program(objects)
    program.set({11: 0, 12: program.named("here"), 13: program.thread.instance([1, 0, 3]), 14: 0x5})
    assert ThreadNames(program.memory, program.layout).read(program.interpreter) == {12: "here"}


def test_long_names_are_cut(objects: FakeObjects) -> None:
    program = _Program(objects)
    program.set({11: program.named("n" * 3000)})
    assert len(ThreadNames(program.memory, program.layout).read(program.interpreter)[11]) == 200


def test_a_program_without_threading_has_no_names(objects: FakeObjects) -> None:
    program = _Program(objects)
    names = ThreadNames(program.memory, program.layout)
    assert names.read(program.interpreter) == {}
    state = bytearray(program.layout.modules + 8)
    struct.pack_into("<Q", state, program.layout.modules, make_names(objects, {"sys": 1}))
    program.memory.segments[program.interpreter.address] = state
    assert names.read(program.interpreter) == {}
    # It may import it later.
    program.set({11: program.named("late")})
    assert names.read(program.interpreter) == {11: "late"}


def test_a_module_that_is_gone_is_looked_for_again(objects: FakeObjects) -> None:
    program = _Program(objects)
    program.set({11: program.named("one")})
    names = ThreadNames(program.memory, program.layout)
    assert names.read(program.interpreter) == {11: "one"}
    heap = bytes(objects.heap)
    objects.heap[:] = b"\xee" * len(heap)
    assert names.read(program.interpreter) == {}
    objects.heap[:] = heap
    assert names.read(program.interpreter) == {11: "one"}


@given(
    minor=st.sampled_from(list(ALL_LAYOUTS)),
    data=st.binary(min_size=8, max_size=64),
    place=st.floats(0, 1, exclude_max=True),
)
def test_garbage_gives_no_names_but_no_error(minor: str, data: bytes, place: float) -> None:
    objects = FakeObjects(ALL_LAYOUTS[minor])
    program = _Program(objects)
    program.set({11: program.named("one"), 12: program.named("two")})
    at = int(place * (len(objects.heap) - 64))
    objects.heap[at : at + len(data)] = data
    names = ThreadNames(program.memory, program.layout).read(program.interpreter)
    assert all(name.isprintable() for name in names.values())


# ---------------------------------------------------------------- this very process


def _own_layout() -> Layout:
    version = sys.version_info[:2]
    if version in TABLES:
        return TABLES[version]
    at = ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, "_PyRuntime"))
    return from_debug_offsets(version, ctypes.string_at(at, debug_offsets_size(version)))


def test_the_names_of_this_process() -> None:
    layout = _own_layout()
    memory = RemoteMemory(os.getpid())
    modules = ctypes.c_uint64(id(sys.modules))
    # `read` wants an interpreter, of which it follows the pointer to sys.modules only.
    interpreter = Interpreter(ctypes.addressof(modules) - layout.modules, 0)
    done = threading.Event()
    threads = [threading.Thread(target=done.wait, name=f"wörker-{number}\n") for number in range(3)]

    class Named(threading.Thread):
        """A class of its own, with an attribute before those of Thread."""

        def __init__(self) -> None:
            self.first = 1
            super().__init__(target=done.wait, name="of its own")

    threads.append(Named())
    try:
        for thread in threads:
            thread.start()
        names = ThreadNames(memory, layout)
        found = names.read(interpreter)
        for thread in threads:
            assert thread.ident is not None
            assert found[thread.ident] == thread.name.replace("\n", "\\x0a")
        assert found[threading.main_thread().ident or 0] == "MainThread"
        threads[0].name = "renamed"
        assert names.read(interpreter, {threads[0].ident or 0}) == {threads[0].ident: "renamed"}
        # One with more attributes than its class has room for keeps a dict.
        for number in range(40):
            setattr(threads[1], f"extra{number}", number)
        vars(threads[2])
        found = names.read(interpreter)
        assert found[threads[1].ident or 0] == "wörker-1\\x0a"
        assert found[threads[2].ident or 0] == "wörker-2\\x0a"
    finally:
        done.set()
        for thread in threads:
            if thread.ident:
                thread.join()


def test_attributes_of_this_process() -> None:
    layout = _own_layout()
    reader = ObjectReader(RemoteMemory(os.getpid()), layout)
    assert reader.module_attribute(id(sys.modules), "threading", "_active") == id(threading._active)
    with pytest.raises((ObjectError, MemoryFault)):
        reader.module_attribute(id(sys.modules), "threading", "no such name")
    with pytest.raises((ObjectError, MemoryFault)):
        reader.module_attribute(8, "threading", "_active")
