from __future__ import annotations

from livetop.profile.info import ProcessInfo, Totals
from livetop.tui.header import Vitals, _cut, _narrow, _ok, _wide, above_floor, command_line, program
from livetop.tui.meter import Health
from livetop.tui.paint import Line, text_of
from livetop.tui.theme import COLOR


def test_a_process_in_one_word() -> None:
    assert program(["/usr/bin/python3", "-X", "dev", "/srv/worker.py", "--queue", "hi"]) == "worker.py"
    assert program(["python", "-m", "http.server", "8000"]) == "http.server"
    assert program(["python", "-c", "print()"]) == "-c"
    assert program(["/usr/bin/gunicorn"]) == "gunicorn"
    assert program([]) == ""


def test_the_command_without_the_interpreters_folder() -> None:
    assert command_line(["/opt/py/bin/python3", "/srv/w.py"]) == "python3 /srv/w.py"


def test_all_well_means_that_nothing_was_lost() -> None:
    assert [_ok(Health(ok=ok)) for ok in (1.0, 0.99999, 0.996, None)] == ["100%", "99.9%", "99.6%", "-"]


def test_the_command_is_what_gives_way() -> None:
    line: Line = [(" pid 1  ", COLOR.plain), ("python worker.py --queue high", COLOR.plain)]
    assert text_of(_cut(line, 20, False)) == " pid 1  python work…"
    assert text_of(_cut(line, 20, True)) == " pid 1  python wor.."
    assert text_of(_cut(line, 8, False)) == " pid 1  "


def test_memory_is_drawn_as_it_moves() -> None:
    values, cells, top = above_floor([100.0, 100.0, 200.0])
    assert cells == 10
    assert values[0] / top < 0.3
    assert 0.8 < values[2] / top < 1.0


def drawn(build: str, gil_held: float | None) -> list[str]:
    """Both lines of a wide and of a narrow header."""
    process = ProcessInfo(1, 42, ["python", "work.py"], "3.13.1", build, "box", 1.0)
    totals = Totals(1.5, gil_held, 0.25, 0.5, 1, 4, 10.0)
    vitals = Vitals("LIVE", process, totals=totals)
    lines = [*_wide(vitals, COLOR, False, 140), *_narrow(vitals, COLOR, False, 80)]
    return [text_of(line) for line in lines]


def test_where_there_is_no_gil_there_is_no_gauge_of_it() -> None:
    with_gil, without = drawn("release", 0.5), drawn("free-threaded", None)
    assert all("GIL" in line for line in (with_gil[1], with_gil[3]))
    assert not any("GIL" in line for line in without)
    assert all("150%" in line and "native" in line for line in (without[1], without[3]))


def test_a_build_that_is_not_the_usual_one_is_told() -> None:
    assert "CPython 3.13.1  python work.py" in drawn("release", 0.5)[0]
    assert "CPython 3.13.1 free-threaded  python work.py" in drawn("free-threaded", None)[0]


def test_a_rate_that_was_lowered_stands_beside_the_one_asked_for() -> None:
    for health, wide, narrow in (
        (Health(rate=99.6), "LIVE  100 Hz, ", "LIVE 100Hz "),
        (Health(rate=42.8, wanted=100.0), "LIVE  43 of 100 Hz, ", "LIVE 43/100Hz "),
        (Health(rate=4.84, wanted=100.0), "LIVE  4.8 of 100 Hz, ", "LIVE 4.8/100Hz "),
    ):
        vitals = Vitals("LIVE", ProcessInfo(1, 42, ["python"], "3.13.1", "", "box", 1.0), health=health)
        assert wide in text_of(_wide(vitals, COLOR, False, 120)[0])
        assert narrow in text_of(_narrow(vitals, COLOR, False, 80)[0])
