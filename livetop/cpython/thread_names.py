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
    """Names by thread identity (`PyThreadState.thread_id`)."""

    def __init__(self, memory: Memory, layout: Layout) -> None:
        self._objects = ObjectReader(memory, layout)
        self._layout = layout
        # Where each interpreter keeps threading._active: found once, as sys.modules may be large.
        self._active: dict[Interpreter, int] = {}

    def read(self, interpreter: Interpreter, wanted: set[int] | None = None) -> dict[int, str]:
        """{ident: name} of the `wanted` threads, or of all, escaped.

        {} in a program that does not use `threading`, or while it is changing it.
        """
        objects = self._objects
        names: dict[int, str] = {}
        try:
            active = self._active.get(interpreter)
            if active is None:
                modules = objects.pointer(interpreter.address + self._layout.modules)
                active = objects.module_attribute(modules, "threading", "_active")
                self._active[interpreter] = active
            entries = list(objects.entries(objects.pointer(active + self._layout.dict_keys)))
        except (ObjectError, MemoryFault):
            self._active.pop(interpreter, None)
            return names
        # The hash of a small int is its value, so the keys need not be read.
        for ident, _, thread in entries[:_MAX_KNOWN]:
            if not thread or (wanted is not None and ident not in wanted):
                continue
            try:
                name = objects.text(objects.attribute(thread, "_name"))
            except (ObjectError, MemoryFault):
                continue
            names[ident] = name[:_MAX_NAME]
        return names
