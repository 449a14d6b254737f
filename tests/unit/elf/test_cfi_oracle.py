"""The call-frame information of real files, held against what pyelftools decodes."""

from __future__ import annotations

import io
import random
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from elftools.dwarf.callframe import FDE, CallFrameInfo, RegisterRule
from elftools.dwarf.structs import DWARFStructs
from loaded_file import LoadedFile

from livetop.elf.cfi import MACHINES, CallFrames, Row, Rule

SAMPLED = 500
GNU_ARGS_SIZE = 0x2E


def files() -> list[Path]:
    """Shared libraries of this process, the dynamic loader and interpreters beside it: whatever is here."""
    found = {Path(sys.executable).resolve()}
    for line in Path("/proc/self/maps").read_text().splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) == 6 and fields[1] == "r-xp" and fields[5].startswith("/"):
            found.add(Path(fields[5]))
    for pattern in ("libcrypto.so.*", "libssl.so.*", "libstdc++.so.*", "libgcc_s.so.*"):
        found.update(Path("/usr/lib").glob(f"*-linux-gnu/{pattern}"))
    for folder in (Path(path) for path in sys.path if path):
        found.update(folder.glob("numpy/_core/_multiarray_umath*.so"))
        found.update(folder.glob("numpy.libs/*openblas*.so*"))
    largest: dict[str, Path] = {}
    for path in sorted(found):
        largest.setdefault(path.name.partition(".")[0], path)
    chosen = sorted(largest.values(), key=lambda path: path.stat().st_size, reverse=True)
    return chosen[:14]


def entries(file: LoadedFile) -> Iterator[int]:
    """Yield where functions' entries begin, counted from the start of .eh_frame."""
    data = file.memory.read(file.frames, file.frames_size)
    at = 0
    while at + 8 <= len(data):
        size, distance = struct.unpack_from("<II", data, at)
        if size and distance:
            yield at
        at += size + 4


def rule_of(rule: RegisterRule) -> Rule:
    """Say a rule of pyelftools in our words."""
    names = {
        RegisterRule.UNDEFINED: "undefined",
        RegisterRule.VAL_OFFSET: "value_offset",
        RegisterRule.REGISTER: "register",
        RegisterRule.EXPRESSION: "expression",
        RegisterRule.VAL_EXPRESSION: "value",
    }
    if rule.type == RegisterRule.OFFSET:
        return rule.arg
    arg = bytes(rule.arg) if "EXPR" in rule.type else rule.arg
    return (names[rule.type], arg)


def check(frames: CallFrames, entry: FDE, bias: int) -> int:
    """Compare all rows of a function; return how many there were."""
    start = entry.header.initial_location
    end = start + entry.header.address_range
    if start == end:
        return 0
    # pyelftools does not know it, and it changes no rule.
    entry.instructions[:] = [step for step in entry.instructions if step.opcode != GNU_ARGS_SIZE]
    table = entry.get_decoded().table
    column = entry.cie.header.return_address_register
    if not table:
        # pyelftools makes no rows when an entry has no instructions: the CIE's row holds.
        table = [entry.cie.get_decoded().table[-1] | {"pc": start}]
    starts = [line["pc"] for line in table] + [end]
    count = 0
    for line, first, after in zip(table, starts, starts[1:], strict=False):
        after = min(after, end)
        if first >= after:
            continue
        row = frames.row(first + bias)
        assert row is not None
        assert frames.row(after - 1 + bias) is row
        assert (row.start, row.end) == (first + bias, after + bias)
        assert (row.function_start, row.function_end) == (start + bias, end + bias)
        compare(row, line, column)
        assert row.signal == ("S" in entry.cie.augmentation_dict or b"S" in entry.cie.header.augmentation)
        count += 1
    return count


def compare(row: Row, line: dict[object, object], column: int) -> None:
    """Compare one row with a line of pyelftools."""
    cfa = line["cfa"]
    if cfa.expr is not None:
        assert (row.cfa_register, row.cfa_expression) == (-1, bytes(cfa.expr))
    else:
        assert (row.cfa_register, row.cfa_offset, row.cfa_expression) == (cfa.reg, cfa.offset, None)
    rules = {
        register: rule_of(rule)
        for register, rule in line.items()
        if isinstance(register, int) and rule.type != RegisterRule.SAME_VALUE
    }
    expected = rules.pop(column, ("register", column))
    if isinstance(expected, tuple) and expected[0] in ("expression", "undefined"):
        expected = expected[1]
    assert row.ra == expected
    assert row.saved == rules


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_every_row_is_what_pyelftools_decodes(path: Path) -> None:
    """Rules, ranges and return addresses agree, for functions all over the file."""
    file = LoadedFile(path)
    frames = CallFrames(file.memory.read, file.header, file.header_size, MACHINES[file.machine])
    places = list(entries(file))
    if len(places) > SAMPLED:
        # The largest entries have the rarest instructions.
        sizes = {at: struct.unpack("<I", file.memory.read(file.frames + at, 4))[0] for at in places}
        largest = sorted(places, key=sizes.__getitem__)[-3:]
        places = random.Random(path.name).sample(places, SAMPLED) + largest
    oracle = CallFrameInfo(
        stream=io.BytesIO(file.memory.read(file.frames, file.frames_size)),
        size=file.frames_size,
        address=file.frames - file.bias,
        base_structs=DWARFStructs(little_endian=True, dwarf_format=32, address_size=8),
        for_eh_frame=True,
    )
    rows = sum(check(frames, oracle._parse_entry_at(at), file.bias) for at in places)
    assert rows > 0


def test_without_its_table_the_same_functions_are_found() -> None:
    """A header without a table: .eh_frame itself is looked through."""
    path = next(path for path in files() if path.name.startswith("libc.so"))
    file = LoadedFile(path)
    whole = CallFrames(file.memory.read, file.header, file.header_size)
    starts = [whole.function(pc) for pc in range(file.bias, file.header, 4099)]
    assert len({start for start in starts if start}) > 100
    file.without_table()
    scanned = CallFrames(file.memory.read, file.header, file.header_size)
    assert [scanned.function(pc) for pc in range(file.bias, file.header, 4099)] == starts
