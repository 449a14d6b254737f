"""Lines and columns are what each interpreter says of its own code, for every instruction."""

import json
import subprocess

import pytest

from livetop.cpython.code import Code
from livetop.cpython.layout import TABLES
from livetop.cpython.line_tables import DECODERS
from livetop.cpython.location import NO_LINE, Position, positions
from tests.targets import PROGRAMS

BASE = 0x7F00_0000_1000


@pytest.fixture(scope="module")
def facts(version):
    said = subprocess.run(
        [version.path, PROGRAMS / "line_facts.py"], capture_output=True, text=True, check=True
    ).stdout
    return [json.loads(line) for line in said.splitlines()]


def kind(version):
    table = TABLES.get(version.minor)
    return table.lines if table is not None else "locations"


def each(runs):
    """(number of the unit, value) of runs of [count, value]."""
    unit = 0
    for count, value in runs:
        for _ in range(count):
            yield unit, value
            unit += 1


def test_every_instruction_has_its_line(version, facts):
    decode = DECODERS[kind(version)]
    checked = without = back = 0
    for first, table, size, runs, _ in facts:
        lines = decode(bytes.fromhex(table), first)
        before = 0
        for unit, line in each(runs):
            assert lines.at(2 * unit) == line, (first, unit)
            checked += 1
            without += line == NO_LINE
            back += line < before
            before = line
        if kind(version) != "lnotab":
            # That does not say where it ends.
            assert lines.at(size) == NO_LINE
        assert lines.at(-1) == lines.at(-2) == NO_LINE
    assert checked > 30_000
    # Before 3.8 the compiler takes the last line of a call for the call itself.
    assert back > 100 or version.minor < (3, 8)
    assert without or kind(version) == "lnotab"


def test_every_instruction_has_its_columns(version, facts):
    multi_line = 0
    for first, table, size, _, runs in facts:
        code = Code(BASE, BASE, size, "name", "file", first, bytes.fromhex(table), kind(version))
        assert code.position(BASE - 2) == code.position(BASE + size) == Position()
        if runs is None:
            assert code.position(BASE) == Position()
            continue
        said = [position for _, position in each(runs)]
        found = [one for units, one in positions(bytes.fromhex(table), first) for _ in range(units)]
        assert [list(one) for one in found] == said
        last = len(said) - 1
        assert code.position(BASE + 2 * last) == found[last]
        multi_line += sum(one.line != one.end_line for one in found)
    assert multi_line > 1000 or version.minor < (3, 11)


def test_what_has_no_line_gets_the_one_before(version, facts):
    for first, table, size, runs, _ in facts:
        code = Code(BASE, BASE, size, "name", "file", first, bytes.fromhex(table), kind(version))
        known = first
        for unit, line in each(runs):
            known = known if line == NO_LINE else line
            assert code.line(BASE + 2 * unit) == known
        assert code.line(BASE - 1) == code.line(BASE - 2) == first
