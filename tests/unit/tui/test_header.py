from __future__ import annotations

from livetop.tui.header import _cut, _ok, above_floor, command_line, program
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
