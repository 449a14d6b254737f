"""Names of functions as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetop.elf.demangle import SHOWN, readable

NAMES = [
    ("PyList_Sort", "PyList_Sort"),
    ("_ZNSt6vectorIiSaIiEE9push_backERKi", "std::vector<int, std::allocator<int>>::push_back(int const&)"),
    ("_ZN4core3fmt5write17h0123456789abcdefE", "core::fmt::write"),
    ("_RNvC6_123foo3bar", "123foo::bar"),
    ("_PyEval_EvalFrameDefault.cold", "_PyEval_EvalFrameDefault"),
    ("_PyFunction_Vectorcall.localalias", "_PyFunction_Vectorcall"),
    ("method_vectorcall.lto_priv.0", "method_vectorcall"),
    ("list_sort_impl.isra.0.cold", "list_sort_impl"),
    ("_ZN3foo3barEv.constprop.0.cold", "foo::bar()"),
    ("_ZN3foo3barEv.llvm.12345678", "foo::bar()"),
    ("_PyEval_EvalFrameDefault/1", "_PyEval_EvalFrameDefault"),
    ("_PyEval_EvalFrameDefault.cold.0", "_PyEval_EvalFrameDefault"),
    ("memcpy@@GLIBC_2.14", "memcpy"),
    ("_RealName", "_RealName"),
    ("_Z", "_Z"),
    (".cold", ".cold"),
    ("", "?"),
]


@pytest.mark.parametrize(("name", "shown"), NAMES, ids=[name for name, _ in NAMES])
def test_names(name, shown):
    assert readable(name.encode()) == shown


HOSTILE = {
    "nested": b"_Z1fI" + b"1aI" * 600 + b"i" + b"E" * 601 + b"v",
    "pointers": b"_Z1f" + b"P" * 2000 + b"i",
    "doubling": b"_Z1fP1aIiiE" + b"".join(b"1bIS%c_S%c_E" % (48 + i, 48 + i) for i in range(10)) * 8,
    "rust tuples": b"_RINvC1a1b" + b"T" * 800 + b"E" * 802,
    "references to itself": b"_RNvC1a" + b"B_" * 900,
    "additions": b"f" + b".1" * 1000 + b"x",
    "long": b"_ZN" + b"1a" * 100_000 + b"E",
    "escapes": b"\x1b]0;owned\x07\xe2\x80\xae",
}


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_hostile_names_are_bounded(name):
    shown = readable(name)
    assert 0 < len(shown) <= SHOWN
    assert shown.isprintable()


@given(st.sampled_from([b"_Z", b"_ZN", b"_R", b"_RNv", b""]), st.binary(max_size=300))
def test_any_bytes_make_a_name(start, rest):
    shown = readable(start + rest)
    assert 0 < len(shown) <= SHOWN
    assert shown.isprintable()
