"""Whose time a line's is, where unwinding is hard: code without call-frame information, stacks elsewhere,
damaged, deleted and replaced files, interpreters whose evaluation loop was split or moved, perf trampolines
and the JIT.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from livetop.profile.states import State
from tests import interpreters, native_libraries
from tests.engines import Engine, Place
from tests.interpreters import Interpreter
from tests.targets import Target

EVIDENCE = {State.PYTHON: "python", State.NATIVE: "native", State.SYSTEM: "system"}
# Judged samples that each case gets at least; of those whose turns are short, as the first stop on another C
# stack only finds out where that ends, fewer after so many seconds.
ENOUGH, FEW, LONG = 15, 6, 20.0

pytestmark = pytest.mark.skipif(native_libraries.compiler() is None, reason="needs gcc and g++")


@dataclass
class Variant:
    """An interpreter and how it is started."""

    interpreter: Interpreter
    options: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return " ".join([str(self.interpreter), *self.options, *self.environment])

    def start(self, folder: Path, *cases: str) -> Target:
        return Target(
            "native_cases.py",
            folder,
            *cases,
            python=self.interpreter.path,
            options=self.options,
            env=os.environ | self.environment,
        )


def targets() -> list[Interpreter]:
    """Release builds and those without a GIL; of the versions whose frames are on the heap two of the
    machine's own.

    One in an old root cannot load what was compiled here.
    """
    found = [one for one in interpreters.everything() if one.build in ("release", "free-threaded")]
    return [one for one in found if one.minor >= (3, 11) or (one.minor in ((3, 8), (3, 10)) and not one.name)]


def variants() -> list[Variant]:
    builds = targets()
    plain = [Variant(one) for one in builds]
    by_minor = {one.minor: one for one in builds}
    traced = [Variant(one, ("-X", "perf")) for one in by_minor.values() if one.minor >= (3, 12)]
    compiled = [Variant(one, (), {"PYTHON_JIT": "1"}) for one in builds if one.minor >= (3, 14)]
    return plain + traced + compiled


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("libraries")
    native_libraries.make_libraries(folder)
    return folder


def spoil(folder: Path) -> None:
    """What happens to files that a program has loaded."""
    plain = (folder / "libplain.so").read_bytes()
    (folder / "libdeleted.so").unlink()
    other = folder / "other"
    other.write_bytes((folder / "libnames.so").read_bytes())
    other.rename(folder / "libreplaced.so")
    # Its code stays: only what tools read is gone.
    os.truncate(folder / "libtruncated.so", native_libraries.sections(plain)[".symtab"][0])
    (folder / "libunreadable.so").chmod(0)
    (folder / "libpipe.so").unlink()
    os.mkfifo(folder / "libpipe.so")


def repair(folder: Path) -> None:
    plain = (folder / "libplain.so").read_bytes()
    for name in native_libraries.COPIES:
        (folder / f"{name}.so").unlink(missing_ok=True)
        (folder / f"{name}.so").write_bytes(plain)


@dataclass
class Measured:
    """What the engine said of each case."""

    cases: dict[str, dict]
    kinds: dict[str, Counter]
    libraries: dict[str, Counter]
    unwound: float
    unwind_failed: float
    code: int

    def share(self, case: str) -> float:
        """The part of the case's samples that were what they should be."""
        kinds = self.kinds[case]
        return kinds[self.cases[case]["truth"]] / kinds.total()


def evidence(engine: Engine, file: str) -> tuple[dict[int, Counter], dict[int, Counter]]:
    """({line: judged samples by kind}, {line: native samples by library}) of a file's own time."""
    names = {
        number: name for message in engine.messages for number, name in getattr(message, "libraries", [])
    }
    kinds: dict[int, Counter] = defaultdict(Counter)
    libraries: dict[int, Counter] = defaultdict(Counter)
    for cell, places in engine.cells:
        kind = EVIDENCE.get(State(cell.state))
        if kind is None or not places or places[0][0] != file:
            continue
        kinds[places[0][2]][kind] += cell.count
        if kind == "native":
            libraries[places[0][2]][names.get(cell.library, "")] += cell.count
    return kinds, libraries


@pytest.fixture(scope="module", params=variants(), ids=str)
def measured(request, folder) -> Measured:
    with request.param.start(folder) as target:
        try:
            spoil(folder)
            return measure(target)
        finally:
            repair(folder)
            Path(f"/tmp/perf-{target.pid}.map").unlink(missing_ok=True)


def measure(target: Target) -> Measured:
    """Watch until each case has had its samples."""
    file, cases = target.ready["file"], target.ready["cases"]
    lines = {case["line"]: name for name, case in cases.items()}
    with Engine(pid=target.pid, rate=500.0, max_pause=1.0, max_cpu=1.0) as engine:
        # Code that comes when the engine has long looked at the mappings.
        engine.until(lambda: evidence(engine, file)[0])
        target.ask("load", "late")

        def enough() -> bool:
            kinds, _ = evidence(engine, file)
            wanted = ENOUGH if engine.seconds() < LONG else FEW
            return all(kinds[line].total() >= wanted for line in lines)

        engine.until(enough)
        bye = engine.stop()
        kinds, libraries = evidence(engine, file)
        # Where the kernel must be asked for the time, it is the kernel's.
        user, system = target.ask("times")["clock"]
        if system > user:
            cases["clock"]["truth"] = "system"
        assert target.untraced
        return Measured(
            cases,
            {lines[line]: counter for line, counter in kinds.items() if line in lines},
            {lines[line]: counter for line, counter in libraries.items() if line in lines},
            engine.total("unwound"),
            engine.total("unwind_failed"),
            bye.code,
        )


def test_each_line_is_what_it_is(measured):
    shares = {case: measured.share(case) for case in measured.cases}
    wrong = {case: measured.kinds[case] for case, share in shares.items() if share < 0.8}
    assert not wrong
    assert measured.code == 0


def test_native_time_is_its_librarys(measured):
    wrong = {}
    for name, case in measured.cases.items():
        found = measured.libraries.get(name, Counter())
        if case["library"] and found[case["library"]] < 0.8 * found.total():
            wrong[name] = found
    assert not wrong
    assert measured.libraries["checksum"].most_common(1)[0][0] in ("libz", "zlib", "python builtins")
    assert measured.libraries["ordered"].most_common(1)[0][0].startswith("python builtins")


def test_nearly_all_stacks_are_read_down_to_the_loop(measured):
    assert measured.unwound > 0.85 * (measured.unwound + measured.unwind_failed)


# ---------------------------------------------------------------- frame by frame

FRAMES = {
    "plain": ["burn"],
    "kernel": ["burn_kernel"],
    "handler": ["handler", "burn_in"],
    "linkage": ["burn_plt"],
    "cxx": [
        "kernels::Matrix<unsigned long>::turn(unsigned long, std::__cxx11::basic_string<char, "
        "std::char_traits<char>, std::allocator<char> > const&)",
        "burn_cxx",
    ],
    "old_rust": ["spinner::spin", "burn_old_rust"],
    "new_rust": ["spinner::v0_spin", "burn_new_rust"],
    "deleted": ["burn_plt"],
    "corrupt4": [],
    "at_nothing": [],
    "circle": [],
    "from_sort": [],
    "from_context": [],
    "from_deep": [],
    "loop": [],
}


def squeezed(text: str) -> str:
    return text.replace(" ", "")


@pytest.mark.parametrize("target_of", targets(), ids=str)
def test_frames_between_python_frames(target_of, folder):
    """Each C function stands where it was called, and no Python frame is ever lost for it."""
    with Variant(target_of).start(folder, *FRAMES) as target:
        file, cases = target.ready["file"], target.ready["cases"]
        by_line = {case["line"]: name for name, case in cases.items()}
        with Engine(pid=target.pid, rate=500.0, max_pause=1.0, max_cpu=1.0, native="frames") as engine:

            def stacks() -> dict[str, list[tuple[Place, ...]]]:
                found = defaultdict(list)
                for cell, places in engine.cells:
                    inner = next((place for place in places if place[2]), ("", "", 0))
                    if State(cell.state) in EVIDENCE and inner[0] == file and inner[2] in by_line:
                        found[by_line[inner[2]]] += [places] * cell.count
                return found

            engine.until(lambda: all(len(stacks()[name]) >= ENOUGH for name in FRAMES))
            assert engine.stop().code == 0
            for name, expected in FRAMES.items():
                found = stacks()[name]
                functions = [[squeezed(place[1]) for place in places] for places in found]
                # The thread's own frames are always there, whole.
                tails = [[place[1] for place in places if place[2] and place[0] == file] for places in found]
                # Up to 3.10 a method is known by its last name only.
                short = [[function.rpartition(".")[2] for function in tail[-3:]] for tail in tails]
                assert all(tail == [name, "turn", "run"] for tail in short), name
                want = [squeezed(function) for function in expected]
                right = sum(all(one in stack for one in want) for stack in functions)
                assert right >= 0.8 * len(found), (name, functions[:3])
        assert target.untraced
