"""The plain table: aligned, cut to a width, and only with columns that are known."""

from __future__ import annotations

import io
from typing import Any

from model_builder import Builder

from livetop.export import table
from livetop.export.columns import cut, text_width
from livetop.profile.document import document_of, profile_of
from livetop.profile.rows import By, Query
from livetop.profile.states import State


def written(made: Builder, by: By = "line", window: float | None = None, **choices: Any) -> list[str]:
    stream = io.StringIO()
    table.write(made.profile.rows(Query(by, window)), made.profile, stream, **choices)
    return stream.getvalue().splitlines()


def example() -> Builder:
    made = Builder(module="application/with/a/long/path/to/the/module/work.py")
    for _ in range(40):
        made.add(
            made.cell("main:1 tokenize:118", 0.15),
            made.cell("main:1 build_the_whole_index:77", 0.05),
            sampling={"ticks": 25, "samples": 50, "pause": 0.0001, "cpu": 0.004},
        )
    return made


def test_what_was_sampled_then_the_rows() -> None:
    found = written(example())
    assert found[0] == "pid 42  Python 3.12.1  python work.py  on box"
    assert found[1] == "10.0 s at 100 Hz, 2,000 samples, paused 0.04%, livetop's CPU 1.60%"
    assert found[2] == "8.00 s of CPU time, by line"
    assert found[4].split() == ["%OWN", "%TOT", "OWN", "TOTAL", "FUNCTION", "LOCATION"]
    assert found[5].split()[:5] == ["75.0", "75.0", "6.00s", "6.00s", "tokenize"]
    assert found[5].endswith("module/work.py:118")
    assert found[7].split()[:2] == ["0.0", "100.0"]


def test_columns_are_aligned_and_fit_the_width() -> None:
    for width in (60, 80, 120):
        lines = written(example(), width=width)[4:]
        assert max(len(line) for line in lines) <= width
        at = lines[0].index("LOCATION")
        assert all(line[at - 1] == " " and line[at] != " " for line in lines)
    narrow = written(example(), width=60)
    assert any(line.endswith("work.py:118") and ".." in line for line in narrow)


def test_the_native_column_is_there_when_something_is_known() -> None:
    made = example()
    assert not any("NAT%" in line for line in written(made))
    made.add(made.cell("main:1 tokenize:118", 0.5, State.NATIVE, library="libre.so"))
    rows = written(made)
    assert "NAT%" in rows[4]
    assert "100%" in rows[5]


def test_a_limit_says_what_it_left_out() -> None:
    found = written(example(), limit=1)
    assert found[-1] == "(2 more rows)"


def test_by_thread_by_library_and_a_window() -> None:
    assert written(example(), "thread")[4].split()[-2:] == ["THREAD", "TID"]
    assert written(example(), "library")[5].endswith("[not split]")
    assert "in the last 5." in written(example(), window=5.0)[2]


def test_nothing_sampled_is_said() -> None:
    assert written(Builder())[-1].startswith("nothing was sampled")


def test_ascii_only_when_asked_for() -> None:
    made = Builder(module="größe.py")
    made.run(2, ("naïve:1", 1.0))
    assert not "".join(written(made)).isascii()
    assert "".join(written(made, ascii=True)).isascii()


def test_wide_characters_take_two_cells() -> None:
    assert text_width("日本") == 4
    assert text_width("e\u0301") == 1
    assert cut("日本語のとても長い名前", 9) == "日本語.."
    assert cut("abcdefgh", 5, left=True) == "..fgh"
    assert cut("abc", 3) == "abc"


def split(made: Builder, *states: State, steps: int = 20) -> Builder:
    for _ in range(steps):
        made.add(
            made.cell("main:1 tokenize:118", 0.2),
            *(
                made.cell("main:1 tokenize:118", 0.05, state, library="libz" if state is State.NATIVE else "")
                for state in states
            ),
        )
    return made


def test_the_split_with_its_margin() -> None:
    rows = written(split(Builder(), State.PYTHON, State.NATIVE, State.SYSTEM, State.NATIVE))
    assert rows[4].split()[4:7] == ["NAT%", "+/-", "SYS%"]
    native, margin, system = rows[5].split()[4:7]
    assert (native, system) == ("50%", "25%")
    assert 1 <= int(margin) <= 10
    assert not any("estimate" in line for line in rows)


def test_an_estimate_is_called_one() -> None:
    rows = written(split(Builder(), State.ESTIMATED_PYTHON, State.ESTIMATED_NATIVE))
    assert rows[2].endswith("by line; native time is estimated, as nothing was stopped")
    assert rows[5].split()[4] == "~50%"
    libraries = written(split(Builder(), State.ESTIMATED_PYTHON, State.ESTIMATED_NATIVE), "library")
    assert "native time is estimated" in libraries[2]
    assert {line.split()[-1] for line in libraries[5:]} == {"[python]", "[native]"}
    # Some lines are known, some are not.
    made = split(Builder(), State.ESTIMATED_NATIVE)
    made.add(
        made.cell("main:1 build:20", 0.2), made.cell("main:1 build:20", 0.2, State.NATIVE, library="libz")
    )
    rows = written(made)
    assert "native time with ~ is estimated" in rows[2]
    assert sorted(row.split()[4] for row in rows[5:7]) == ["100%", "~100%"]


def test_libraries_have_no_split_of_their_own() -> None:
    rows = written(split(Builder(), State.PYTHON, State.NATIVE, State.SYSTEM), "library")
    assert rows[4].split() == ["%OWN", "%TOT", "OWN", "TOTAL", "LIBRARY"]
    assert {line.split()[-1] for line in rows[5:]} == {"[python]", "libz", "[system]"}


def test_threads_say_what_they_waited_for() -> None:
    made = Builder()
    for _ in range(20):
        made.add(
            made.cell("main:1 a:10", 0.05),
            made.cell("main:1 a:10", 0.15, State.WAIT, library="recv on 10.0.0.5:5432"),
            made.cell("main:1 a:10", 0.05, State.GIL),
        )
    rows = written(made, "thread")
    assert rows[4].endswith("WAITED FOR")
    assert rows[5].endswith("recv on 10.0.0.5:5432 75%, GIL 25%")


def test_incomplete_stacks_are_said_once_they_are_many() -> None:
    made = example()
    made.add(sampling={"unwound": 96, "unwind_failed": 4})
    assert "incomplete" not in written(made)[1]
    made.add(sampling={"unwind_failed": 4})
    assert "8% of C stacks incomplete" in written(made)[1]


def test_a_rate_that_was_lowered_is_said_with_the_reason() -> None:
    gauges = {"wanted": 100.0, "max_cpu": 0.05}
    made = example()
    made.add(sampling={**gauges, "ticks": 25, "lowered": 0.2})
    assert not any("instead of" in line for line in written(made))
    made = Builder()
    for _ in range(40):
        made.add(made.cell("main:1", 0.1), sampling={**gauges, "ticks": 11, "lowered": 0.25})
    assert written(made)[2] == "sampled at 44 Hz instead of 100: --max-cpu 5 %"
    # It is kept in a snapshot, and gone after a reset.
    again = profile_of(document_of(made.profile))
    assert table.lowered_rate(again.sampling) == table.lowered_rate(made.profile.sampling) != ""
    made.profile.reset()
    assert table.lowered_rate(made.profile.sampling) == ""
    assert made.profile.sampling.wanted == 100.0


def test_time_holding_a_gil_that_is_not_there_is_said() -> None:
    made = example()
    for known in made.profile.processes.values():
        known.build = "free-threaded"
    stream = io.StringIO()
    table.write(made.profile.rows(Query(window=None, mode="gil")), made.profile, stream)
    assert stream.getvalue().splitlines()[-1].startswith("the target has no GIL")
