"""Thousands of mappings, and mappings of gigabytes, keep nobody from telling whose time a line's is."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from livetop.profile.states import State
from livetop.sampling.dump import dump_process
from tests import native_libraries
from tests.engines import Engine
from tests.targets import Target

ENOUGH = 40

pytestmark = pytest.mark.skipif(native_libraries.compiler() is None, reason="needs gcc and g++")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("libraries")
    native_libraries.make_libraries(folder)
    return folder


def kinds(engine, file):
    """{line: judged samples by kind} of a file's own time."""
    found = defaultdict(Counter)
    for cell, places in engine.cells:
        if places and places[0][0] == file and cell.state in (State.PYTHON, State.NATIVE, State.SYSTEM):
            found[places[0][2]][State(cell.state).name.lower()] += cell.count
    return found


@pytest.mark.parametrize(
    ("kind", "mappings"), [("anonymous", 5000), ("file", 5000), ("files", 1600), ("large", 40)]
)
def test_whose_time_it_is(kind, mappings, folder):
    with Target("native_mappings.py", folder, kind) as target:
        said = target.ready
        assert said["mappings"] > mappings
        with Engine(pid=target.pid, rate=200.0, max_pause=1.0, max_cpu=1.0) as engine:

            def enough():
                # Something is mapped and unmapped all the time.
                target.ask("again")
                found = kinds(engine, said["file"])
                return all(found[said[word]].total() >= ENOUGH for word in ("native", "python"))

            engine.until(enough)
            assert engine.stop().code == 0
            found = kinds(engine, said["file"])
            for word in ("native", "python"):
                counts = found[said[word]]
                assert counts[word] >= 0.8 * counts.total()
        assert target.untraced


@pytest.mark.parametrize("kind", ["file", "large"])
def test_a_stack_is_dumped(kind, folder):
    with Target("native_mappings.py", folder, kind) as target:
        for _ in range(3):
            [busy] = [
                thread
                for thread in dump_process(target.pid, native=True)["threads"]
                if any(frame["function"] == "busy" for frame in thread["frames"])
            ]
            python = [frame for frame in busy["frames"] if frame["kind"] == "python"]
            assert python[0]["file"] == target.ready["file"]
        assert target.untraced
