"""Code that CPython copies for `-X perf` is known by its bytes: those that compilers make of it."""

from __future__ import annotations

import pytest

from livetop.native.modules import is_trampoline


@pytest.mark.parametrize(
    "code",
    [
        "4883ec08ffd14883c408c3",
        "f30f1efa4883ec08ffd14883c408c3",
        "554889e5ffd15dc3",
        # aarch64, without and with signed return addresses
        "fd7bbfa9fd03009160003fd6fd7bc1a8c0035fd6",
        "3f2303d5fd7bbfa9fd03009160003fd6fd7bc1a8bf2303d5c0035fd6",
    ],
)
def test_trampolines(code):
    assert is_trampoline(bytes.fromhex(code))


@pytest.mark.parametrize("code", ["", "c3", "4883ec08e800000000", "fd7bbfa9fd03009140003fd6", "00" * 16])
def test_other_code(code):
    assert not is_trampoline(bytes.fromhex(code))
