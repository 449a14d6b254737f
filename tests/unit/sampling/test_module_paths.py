"""Short names of files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetop.sampling.names import module_path


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("/usr/lib/python3.11/json/decoder.py", "json/decoder.py"),
        ("/usr/lib64/python3.12/asyncio/base_events.py", "asyncio/base_events.py"),
        ("/usr/lib/python3/dist-packages/yaml/loader.py", "yaml/loader.py"),
        ("/venv/lib/python3.11/site-packages/django/core/handlers/base.py", "django/core/handlers/base.py"),
        ("/opt/python/lib/python3.13t/threading.py", "threading.py"),
        ("/usr/lib/python311.zip/encodings/idna.py", "encodings/idna.py"),
        ("/usr/lib/python3.11/lib-dynload/thing.py", "thing.py"),
        # The innermost folder of packages counts.
        ("/venv/lib/python3.11/site-packages/x/site-packages/y/z.py", "y/z.py"),
        ("/srv/shop/app/parse.py", "app/parse.py"),
        ("/srv/shop/main.py", "main.py"),
        ("/home/me/tool/run.py", "run.py"),
        ("/home/me/tool/parts/one.py", "parts/one.py"),
        ("/elsewhere/a/b/c/d.py", "b/c/d.py"),
        ("/app/d.py", "/app/d.py"),
        # No folder of the program's, only one that begins alike.
        ("/srv/shopping/main.py", "srv/shopping/main.py"),
        ("app/parse.py", "app/parse.py"),
        ("./app/../run.py", "run.py"),
        ("<string>", "<string>"),
        ("<frozen importlib._bootstrap>", "<frozen importlib._bootstrap>"),
        ("", ""),
    ],
)
def test_names_are_relative_to_where_python_found_them(name: str, short: str) -> None:
    assert (
        module_path(name, "/srv/shop", ["python", "-u", "/home/me/tool/run.py", "-v", "/elsewhere/x.py"])
        == short
    )


def test_a_relative_script_lies_in_the_working_directory() -> None:
    assert module_path("/srv/shop/bin/one.py", "/srv/shop/", ["python", "bin/run.py"]) == "bin/one.py"
    assert module_path("/srv/bin/one.py", "/srv/shop", ["python", "../bin/run.py"]) == "one.py"


def test_the_root_as_working_directory_is_no_folder_of_a_program() -> None:
    assert module_path("/a/b/c/d.py", "/", ["python"]) == "b/c/d.py"
    assert module_path("/a/b/c/d.py", "", []) == "b/c/d.py"


@given(st.text(max_size=60), st.text(max_size=20), st.lists(st.text(max_size=20), max_size=4))
def test_any_name_has_a_short_one(name: str, cwd: str, argv: list[str]) -> None:
    short = module_path(name, cwd, argv)
    assert short or not name.strip("/")
