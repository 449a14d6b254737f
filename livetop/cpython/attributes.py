"""Attributes of instances, whatever their class is built on: `ObjectReader.attribute`."""

from __future__ import annotations

from livetop.target.memory import Memory

from .layout import Layout
from .objects import ObjectReader


class Attributes:
    """Reads attributes. Raises ObjectError, MemoryFault for what is not there (any more)."""

    def __init__(self, memory: Memory, layout: Layout, objects: ObjectReader) -> None:
        self._objects = objects

    def forget(self) -> None:
        """Look everything up afresh: a class's address may be used again."""
        self._objects.forget()

    def of(self, instance: int, name: str) -> int:
        """The address of an instance's attribute."""
        return self._objects.attribute(instance, name)
