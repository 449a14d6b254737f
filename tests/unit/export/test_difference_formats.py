"""A difference as text, JSON and Markdown says the same three times."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import msgspec
from model_builder import Builder

from livetop.export import difference
from livetop.profile.diff import Difference, diff


def example() -> Difference:
    before, after = Builder(), Builder()
    before.run(30, ("main:1 old:10", 0.3), ("main:1 same:20", 0.5), ("main:2", 0.2))
    after.run(30, ("main:1 ne|w:30", 0.3), ("main:1 same:20", 0.5), ("main:2", 0.2))
    return diff(before.profile, after.profile)


def written(write: Callable[..., None], found: Difference, **choices: Any) -> str:
    stream = io.StringIO()
    write(found, stream, **choices)
    return stream.getvalue()


def test_text_says_what_is_significant_and_what_is_not() -> None:
    lines = written(difference.write_text, example(), width=100).splitlines()
    assert "2 significant differences" in lines[0]
    by_function = {line.split()[-2]: line for line in lines if ":" in line and "pp" in line}
    assert "gone" in by_function["old"] and "***" in by_function["old"]
    assert "new" in by_function["ne|w"] and "+30.0pp" in by_function["ne|w"]
    assert " ns " in by_function["same"]
    assert max(len(line) for line in lines) <= 100


def test_json_has_the_frame_of_show_and_both_sides() -> None:
    found = msgspec.json.decode(written(difference.write_json, example()))
    assert {"livetop", "schema", "mode", "window", "targets", "sampling", "threads", "rows"} <= set(found)
    assert found["before"]["targets"][0]["pid"] == 42
    rows = {row["function"]: row for row in found["rows"]}
    for name in ("file", "line", "module", "before", "after", "delta", "low", "high", "significant"):
        assert name in rows["old"]
    assert (rows["old"]["mark"], rows["old"]["after"], rows["old"]["significant"]) == ("gone", 0.0, True)
    assert rows["same"]["low"] <= 0 <= rows["same"]["high"]


def test_markdown_keeps_names_from_being_markup() -> None:
    text = written(difference.write_markdown, example(), most=2)
    assert "`ne\\|w`" in text
    assert "(2 more rows)" in text
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in table} == {8}


def test_a_short_recording_is_not_judged() -> None:
    before, after = Builder(), Builder()
    before.run(1, ("main:1", 1.0))
    after.run(1, ("main:2", 1.0))
    found = diff(before.profile, after.profile)
    text = written(difference.write_text, found)
    assert "note: before: too short" in text
    assert " ?  " in text
    assert "nothing to compare" in written(difference.write_text, diff(Builder().profile, Builder().profile))
