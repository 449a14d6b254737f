from __future__ import annotations

import pytest
from rich.cells import cell_len

from livetop.profile.rows import Row
from livetop.tui.columns import HOT_COLUMNS, Look, find_sort, gap_of, laid_out
from livetop.tui.entries import Entry
from livetop.tui.paint import text_of, width_of


def entry(function: str = "tokenize", own: float = 0.312, native: float | None = None) -> Entry:
    row = Row(
        ("line", 1, 2, 3), "/srv/app/parse.py", 118, function, "app/parse.py", 1, None,
        1.5, 2.0, own, 0.5, native_share=native,
    )  # fmt: skip
    return Entry(row.key, row, own, 0.5, 50.1, 61.0)


@pytest.mark.parametrize("terminal", [60, 69, 70, 80, 99, 100, 120, 240])
@pytest.mark.parametrize("native", [False, True])
def test_the_columns_fill_the_table_exactly(terminal: int, native: bool) -> None:
    columns = laid_out(HOT_COLUMNS, Look(native=native), terminal - 2, terminal)
    assert sum(size for _, size in columns) + gap_of(terminal) * (len(columns) - 1) == terminal - 2


@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize("function", ["f", "描画する" * 9, "e\u0301" * 30, "a" * 300, "[bold]", "x\u200dy"])
def test_every_cell_has_its_columns_width(function: str, ascii_only: bool) -> None:
    look = Look(native=True, ascii=ascii_only, scale=0.4)
    for column, size in laid_out(HOT_COLUMNS, look, 118, 120):
        cell = column.cell(entry(function, native=0.96), look, size)
        assert width_of(cell) == size, column.id
        assert cell_len(text_of(cell)) == size, column.id
        assert not ascii_only or function.isascii() is False or text_of(cell).isascii()


def test_no_column_of_what_is_not_known() -> None:
    names = [column.id for column, _ in laid_out(HOT_COLUMNS, Look(native=False), 118, 120)]
    assert "native" not in names
    names = [column.id for column, _ in laid_out(HOT_COLUMNS, Look(native=True), 118, 120)]
    assert "native" in names


def test_unknown_native_share_is_a_dash() -> None:
    column = next(column for column in HOT_COLUMNS if column.id == "native")
    assert text_of(column.cell(entry(native=None), Look(), 4)) == "   -"
    assert text_of(column.cell(entry(native=0.0), Look(), 4)) == "  0%"


def test_a_native_share_that_is_only_vaguely_known_is_quiet() -> None:
    column, look = next(column for column in HOT_COLUMNS if column.id == "native"), Look()
    styles = []
    for low, high in ((0.45, 0.55), (0.2, 0.55), (None, None)):
        row = Row(("line", 1), "", 1, "f", "", 1, None, 1.0, 1.0, 1.0, 1.0,
                  native_share=0.5, native_low=low, native_high=high)  # fmt: skip
        styles.append(column.cell(Entry(row.key, row, 1.0, 1.0, 1.0, 1.0), look, 5)[0][1])
    assert styles == [look.palette.plain, look.palette.quiet, look.palette.quiet]


def test_hot_rows_stand_out_and_zeros_do_not() -> None:
    look = Look()
    column = HOT_COLUMNS[0]
    styles = [column.cell(entry(own=own), look, 5)[0][1] for own in (0.3, 0.05, 0.0)]
    assert styles == [look.palette.strong, look.palette.plain, look.palette.quiet]


def test_columns_by_the_words_of_the_command_line() -> None:
    words = ["own", "total", "%OWN", "own%", "function", "line", "heat", "+/-", "nonsense"]
    found = [find_sort(HOT_COLUMNS, word) for word in words]
    assert found == [
        "own_share", "total_share", "own_share", "own_share", "function", "location", None, None, None
    ]  # fmt: skip
    assert find_sort(HOT_COLUMNS, "tot%") == "total_share"
