"""The table of system calls against the kernel's own headers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from livetop.target.syscalls import Kind, calls

HEADERS = {
    "x86_64": [Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), Path("/usr/include/asm/unistd_64.h")],
    "aarch64": [Path("/usr/include/asm-generic/unistd.h")],
}


def _header(machine: str) -> dict[str, int]:
    for path in HEADERS[machine]:
        if path.exists():
            found = re.findall(r"^#define __NR(?:3264)?_(\w+)\s+(\d+)\s*$", path.read_text(), re.MULTILINE)
            return {name: int(number) for name, number in found}
    pytest.skip("the kernel's headers are not installed")


@pytest.mark.parametrize("machine", HEADERS)
def test_numbers_are_the_kernels(machine: str) -> None:
    header = _header(machine)
    # The generic header gives it another name (asm-generic/unistd.h, __NR_newfstatat).
    header.setdefault("newfstatat", header.get("fstatat", -1))
    ours = {call.name: int(number) for number, call in calls(machine).items()}
    assert len(ours) > 70
    assert ours == {name: header.get(name) for name in ours}


@pytest.mark.parametrize("machine", HEADERS)
def test_calls_that_lead_to_something_say_how(machine: str) -> None:
    for call in calls(machine).values():
        assert bool(call.link) == (call.kind not in (Kind.WORD, Kind.FUTEX)), call
        assert 0 <= call.at < 6 and call.word


def test_another_machine_has_no_numbers() -> None:
    assert calls("pdp11") == {}
