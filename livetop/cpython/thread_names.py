"""The names that `threading` gives threads: `threading._active` is {ident: Thread} (Lib/threading.py)."""

from __future__ import annotations

from livetop.target.errors import MemoryFault
from livetop.target.memory import Memory

from .layout import Layout
from .objects import ObjectReader
from .strings import ObjectError
from .threads import Interpreter

_MAX_NAME = 200
_MAX_KNOWN = 1 << 15


class ThreadNames:
    """Names by thread identity (`PyThreadState.thread_id`), read again when a thread has come."""

    def __init__(self, memory: Memory, layout: Layout) -> None:
        self._objects = ObjectReader(memory, layout)
        self._layout = layout
        self._indices: dict[int, int] = {}

    def read(self, interpreter: Interpreter) -> dict[int, str]:
        """{ident: name}, escaped; {} in a program that does not use `threading` (or while it is changed)."""
        objects = self._objects
        names: dict[int, str] = {}
        if len(self._indices) > _MAX_KNOWN:
            self._indices.clear()
        try:
            modules = objects.pointer(interpreter.address + self._layout.modules)
            active = objects.module_attribute(modules, "threading", "_active")
            entries = list(objects.entries(objects.pointer(active + self._layout.dict_keys)))
        except (ObjectError, MemoryFault):
            return names
        # The hash of a small int is its value, so the keys need not be read.
        for ident, _, thread in entries[:_MAX_KNOWN]:
            if not thread:
                continue
            try:
                name = objects.text(objects.attribute(thread, "_name", self._indices))
            except (ObjectError, MemoryFault):
                continue
            names[ident] = name[:_MAX_NAME]
        return names
