"""Objects of real programs, in every version and build there is."""

from __future__ import annotations

import pytest

from livetop.cpython.objects import ObjectReader
from livetop.cpython.runtime import find_runtime
from livetop.cpython.strings import ObjectError
from livetop.target.memory import RemoteMemory
from livetop.target.process import open_process


def test_objects_are_what_they_are(start, any_build):
    target = start("kinds_of_objects.py", python=any_build.path)
    memory = RemoteMemory(target.pid)
    layout = find_runtime(open_process(target.pid), memory).layout
    reader = ObjectReader(memory, layout)
    at = target.ready["objects"]
    kept = [target.ready["kept"][f"kept{place}"] for place in range(20)]

    for name in (
        "plain",
        "slotted",
        "derived",
        "number",
        "minus",
        "words",
        "series",
        "many",
        "looked at",
        "emptied",
    ):
        assert reader.integer(reader.attribute(at[name], "wanted")) == 42, name
        with pytest.raises(ObjectError):
            reader.attribute(at[name], "nothing")
    assert reader.integer(reader.attribute(at["looked at"], "later")) == 3
    assert reader.integer(reader.attribute(at["emptied"], "more")) == 7
    with pytest.raises(ObjectError):
        reader.attribute(at["emptied"], "first")
    assert [reader.type_name(at[name]) for name in ("plain", "list", "zero")] == ["Plain", "list", "int"]
    assert [reader.integer(at[name]) for name in ("zero", "small", "large", "number", "minus")] == [
        0, 42, 3**300, 10**30, -(10**30),
    ]  # fmt: skip
    assert [reader.text(at[name]) for name in ("text", "wide", "words")] == ["plain", "🐍!", "wörds"]

    assert reader.list_items(at["list"]) == kept[:2]
    assert reader.tuple_items(at["tuple"]) == kept[2:5]
    assert reader.tuple_items(at["series"]) == [
        at_int for at_int in reader.tuple_items(at["series"]) if at_int
    ]
    assert [reader.integer(one) for one in reader.tuple_items(at["series"])] == [1, 2, 3]
    assert reader.item(at["dict"], "two") == kept[6]
    with pytest.raises(ObjectError):
        reader.item(at["dict"], "one")
    assert [value for _, _, value in reader.items(at["dict"])] == [kept[6], kept[7]]
    numbers = [(hashed, value) for hashed, _, value in reader.items(at["numbers"])]
    assert numbers == [(11, kept[8]), (12, kept[9]), (1 << 50, kept[10])]
    assert [value for _, _, value in reader.items(at["large dict"])] == [
        kept[key % 20] for key in range(1000)
    ]
    assert reader.item(at["large dict"], "key999") == kept[19]

    references = reader.set_entries(reader.attribute(at["held"], "data"))
    assert {reader.pointer(one + layout.weakref_object) for one in references} == set(kept)
    assert reader.module_attribute(target.ready["modules"], "__main__", "HELD") == at["held"]
