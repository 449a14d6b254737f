"""pyelftools' decoding of call-frame information, to hold ours against."""

from __future__ import annotations

import io

from elftools.dwarf.callframe import FDE, CallFrameInfo, RegisterRule
from elftools.dwarf.structs import DWARFStructs

from livetop.elf.cfi import CallFrames, Row, Rule

GNU_ARGS_SIZE = 0x2E


def oracle(frames: bytes, address: int) -> CallFrameInfo:
    """Return pyelftools' reader of an .eh_frame that lies at `address`."""
    return CallFrameInfo(
        stream=io.BytesIO(frames),
        size=len(frames),
        address=address,
        base_structs=DWARFStructs(little_endian=True, dwarf_format=32, address_size=8),
        for_eh_frame=True,
    )


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
