"""Code in real processes by module and function, whatever has become of the files."""

from __future__ import annotations

import os
import shutil
import sysconfig
import tracemalloc
from pathlib import Path
from time import monotonic

import pytest

from livetop.elf.symbols import find_symbols
from livetop.native.module import Module
from livetop.native.modules import Modules
from livetop.sampling.attach import attach
from livetop.target.errors import NotReadable
from livetop.target.process import Process

PAGE = 4096


def modules_of(pid: int) -> Modules:
    process, memory, runtime = attach(pid, nonblocking=False)
    return Modules(process, memory, runtime.address)


def found(modules: Modules, address: int) -> Module:
    module = modules.find(address)
    assert module is not None, hex(address)
    return module


@pytest.fixture
def target(start):
    return start("loads.py")


@pytest.fixture
def library(tmp_path) -> Path:
    """A copy of an extension module, as one would find it in a virtualenv."""
    folder = Path(sysconfig.get_path("stdlib")) / "lib-dynload"
    original = sorted(folder.glob("_heapq.*.so"))[0]
    copy = tmp_path / "site-packages" / "shop" / original.name
    copy.parent.mkdir(parents=True)
    shutil.copy(original, copy)
    return copy


FUNCTION = "PyInit__heapq"


def test_functions_of_the_interpreter(start, any_build):
    target = start("loads.py", python=any_build.path)
    modules = modules_of(target.pid)
    for name in ("PyList_Sort", "PyUnicode_Join", "PyObject_GetAttr", "_PyEval_EvalFrameDefault"):
        address = target.ask("where", name)
        module = found(modules, address)
        assert module.kind == "runtime"
        assert module.name.startswith(("python", "libpython"))
        assert module.symbol(address) == name
        assert modules.is_code(address)
        assert module.frames is not None
        # What the process says itself, and what the file says, agree.
        with open(module.path, "rb") as file:
            assert find_symbols(file, [name])[name] + module.bias == address


def test_the_c_library_and_the_vdso(target):
    modules = modules_of(target.pid)
    address = target.ask("where", "getenv")
    libc = found(modules, address)
    assert (libc.name, libc.kind) == ("libc", "system")
    assert libc.symbol(address) == "getenv"
    maps = Path(f"/proc/{target.pid}/maps").read_text().splitlines()
    vdso = [int(line.partition("-")[0], 16) for line in maps if line.endswith("[vdso]")]
    for address in vdso:
        module = found(modules, address)
        assert (module.name, module.kind) == ("[vdso]", "system")
        assert module.frames is not None
        assert any(module.symbol(address + at) for at in range(0, 2 * PAGE, 16))


def test_a_library_that_comes_later(target, library):
    modules = modules_of(target.pid)
    runtime = found(modules, target.ask("where", "PyList_Sort"))
    target.ask("load", library)
    address = target.ask("where", FUNCTION, library)
    assert modules.find(address) is None
    assert not modules.refresh(monotonic())
    assert modules.refresh(monotonic() + 60)
    module = found(modules, address)
    assert (module.name, module.kind) == ("shop/_heapq", "extension")
    assert module.symbol(address) == FUNCTION
    # What did not change is the same object, with what it has cached.
    assert found(modules, target.ask("where", "PyList_Sort")) is runtime


def test_a_deleted_file(target, library):
    target.ask("load", library)
    library.unlink()
    modules = modules_of(target.pid)
    address = target.ask("where", FUNCTION, library)
    module = found(modules, address)
    assert module.name == "shop/_heapq"
    assert module.path == str(library)
    assert module.symbol(address) == FUNCTION
    assert module.frames is not None and module.frames.row(address) is not None


def test_a_module_stays_the_same_when_its_file_is_deleted(target, library):
    target.ask("load", library)
    modules = modules_of(target.pid)
    address = target.ask("where", FUNCTION, library)
    module = found(modules, address)
    library.unlink()
    assert "(deleted)" in Path(f"/proc/{target.pid}/maps").read_text()
    modules.refresh(monotonic() + 60)
    assert found(modules, address) is module


def test_a_replaced_file(target, library):
    """An upgrade puts another file in the place: its symbols would be wrong ones."""
    target.ask("load", library)
    address = target.ask("where", FUNCTION, library)
    other = next(path for path in sorted(Path(sysconfig.get_path("stdlib"), "lib-dynload").glob("*.so")))
    library.unlink()
    shutil.copy(other, library)
    module = found(modules_of(target.pid), address)
    assert module.symbol(address) == FUNCTION
    assert module.frames is not None and module.frames.row(address) is not None


def test_a_file_that_we_may_not_read(target, library, monkeypatch):
    """What it exports is in memory all the same."""

    def refuse(*_):
        raise NotReadable("no permission")

    target.ask("load", library)
    address = target.ask("where", FUNCTION, library)
    modules = modules_of(target.pid)
    monkeypatch.setattr(Process, "open_mapped", refuse)
    module = found(modules, address)
    assert module.symbol(address) == FUNCTION
    assert module.problem == "no permission"


def test_a_file_that_was_overwritten_in_place(target, library):
    """The mapping follows the file: whatever is found, nothing fails and nothing lies."""
    target.ask("load", library)
    address = target.ask("where", FUNCTION, library)
    modules = modules_of(target.pid)
    with library.open("r+b") as file:
        file.write(os.urandom(library.stat().st_size))
    module = found(modules, address)
    assert module.symbol(address) is None
    assert module.frames is None
    assert module.problem


def test_a_truncated_file(target, library):
    target.ask("load", library)
    address = target.ask("where", FUNCTION, library)
    modules = modules_of(target.pid)
    os.truncate(library, 100)
    module = found(modules, address)
    assert module.symbol(address) is None
    assert module.frames is None
    assert module.problem


def test_a_file_that_was_truncated_after_its_headers(target, library):
    target.ask("load", library)
    address = target.ask("where", FUNCTION, library)
    modules = modules_of(target.pid)
    os.truncate(library, PAGE)
    module = found(modules, address)
    module.symbol(address)
    assert module.problem


def test_many_mappings(target):
    start = target.ask("many", 5000)
    modules = modules_of(target.pid)
    assert modules.maps_count >= 5000
    first = found(modules, start)
    assert first.kind == "jit"
    assert first is found(modules, start + 4000 * PAGE)
    assert modules.find(start + PAGE) is None
    assert not modules.is_code(start + PAGE)
    assert modules.stack_end(start + PAGE) == start + 2 * PAGE


def test_a_mapping_of_gigabytes(target):
    start = target.ask("huge")
    tracemalloc.start()
    modules = modules_of(target.pid)
    module = found(modules, start + (3 << 30))
    assert module.symbol(start + (3 << 30)) is None
    assert module.frames is None
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()


def test_a_library_whose_code_was_moved_to_other_pages(target, library):
    """As --hugify of BOLT does, at the same addresses."""
    target.ask("load", library)
    address = target.ask("where", FUNCTION, library)
    modules = modules_of(target.pid)
    before = found(modules, address)
    lines = Path(f"/proc/{target.pid}/maps").read_text().splitlines()
    text = next(line for line in lines if library.name in line and "r-xp" in line).split()[0]
    low, high = (int(word, 16) for word in text.split("-"))
    target.ask("remap", low, high - low)
    modules.refresh(monotonic() + 60)
    module = found(modules, address)
    assert module.name == before.name
    assert module.symbol(address) == FUNCTION
    assert module.bias == before.bias


@pytest.mark.parametrize(
    "code", ["4883ec08ffd14883c408c3", "f30f1efa4883ec08ffd14883c408c3", "554889e5ffd15dc3"]
)
def test_trampolines_are_known_by_their_code(target, code):
    start = target.ask("code", code)
    assert found(modules_of(target.pid), start + 32).kind == "trampoline"


def test_other_code_is_no_trampoline(target):
    start = target.ask("code", "554889e5c3")
    assert found(modules_of(target.pid), start).kind == "jit"


def test_trampolines_of_x_perf(start, version):
    target = start("loads.py", python=version.path, options=["-X", "perf"])
    modules = modules_of(target.pid)
    path = Path(f"/tmp/perf-{target.pid}.map")
    if version.minor < (3, 12):
        # Before, the option means nothing.
        assert not path.exists()
        return
    try:
        lines = path.read_text().splitlines()
        own = next(line for line in lines if line.endswith(":<frozen importlib._bootstrap>"))
        address = int(own.split()[0], 16)
        module = found(modules, address)
        assert module.kind == "trampoline"
        assert module.symbol(address) == own.split(" ", 2)[2]
    finally:
        path.unlink(missing_ok=True)


def test_a_stack(target):
    modules = modules_of(target.pid)
    lines = Path(f"/proc/{target.pid}/maps").read_text().splitlines()
    stack = next(line for line in lines if line.endswith("[stack]"))
    end = int(stack.split()[0].split("-")[1], 16)
    assert modules.stack_end(end - 3 * PAGE) == end


def test_a_process_that_has_gone(target):
    modules = modules_of(target.pid)
    address = target.ask("where", "PyList_Sort")
    module = found(modules, address)
    target.kill()
    assert module.symbol(address) is None
    assert module.frames is None
    assert module.problem
