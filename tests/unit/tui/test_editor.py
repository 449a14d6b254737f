from __future__ import annotations

import pytest

from livetop.tui.editor import editor_command


@pytest.mark.parametrize(
    ("environment", "command"),
    [
        ({"EDITOR": "vi"}, ["vi", "+16", "/srv/p.py"]),
        ({"EDITOR": "vi", "VISUAL": "emacs -nw"}, ["emacs", "-nw", "+16", "/srv/p.py"]),
        ({"EDITOR": "code"}, ["code", "--wait", "-g", "/srv/p.py:16"]),
        ({"EDITOR": "/opt/bin/hx"}, ["/opt/bin/hx", "/srv/p.py:16"]),
        ({}, None),
        ({"EDITOR": " "}, None),
        ({"EDITOR": "vi 'unclosed"}, None),
    ],
)
def test_editors_open_at_the_line(environment: dict[str, str], command: list[str] | None) -> None:
    assert editor_command("/srv/p.py", 16, environment) == command


def test_a_path_is_never_taken_for_an_option() -> None:
    assert editor_command("-c:!rm x", 1, {"EDITOR": "vi"}) == ["vi", "+1", "./-c:!rm x"]
