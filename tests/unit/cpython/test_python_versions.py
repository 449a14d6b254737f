"""Versions: as CPython writes them, as it shows them, as files are called."""

from __future__ import annotations

import pytest
from fake_memory import FakeMemory
from hypothesis import given
from hypothesis import strategies as st

from livetop.cpython.versions import from_data, from_file_name, from_hex

SHOWN = {
    b"3.9.2 (default, Feb 28 2021, 17:03:44) \n[GCC 10.2.1 20210110]": ((3, 9), 2, "3.9.2"),
    b"3.10.0rc2 (tags/v3.10.0rc2:a7f1c5ca, Sep  7 2021, 18:15:16) [GCC 8.3.0]": ((3, 10), 0, "3.10.0rc2"),
    b"3.8.0b4+ (heads/3.8-dirty:d04661fe, Sep  1 2019, 09:30:00) \n[Clang 9]": ((3, 8), 0, "3.8.0b4"),
    b"3.9.8 | packaged by conda-forge | (main, Aug 30 2023, 03:49:32) \n[GCC 12.3.0]": ((3, 9), 8, "3.9.8"),
    b"3.6.5 |Anaconda, Inc.| (default, Apr 29 2018, 16:14:56) \n[GCC 7.2.0]": ((3, 6), 5, "3.6.5"),
    b"2.7.18 (default, Nov  1 2025, 03:00:11) \n[GCC 12.2.0]": ((2, 7), 18, "2.7.18"),
    b"3.13.0 experimental free-threading build (main, Oct  8 2024, 01:04:00) [Clang 18.1.8 ]": (
        (3, 13), 0, "3.13.0",
    ),
    b"3.14.0 free-threading build (main, Oct  7 2025, 15:00:00) [GCC 15]": ((3, 14), 0, "3.14.0"),
}  # fmt: skip


@pytest.mark.parametrize("text", SHOWN, ids=lambda text: text.decode()[:24])
def test_what_python_shows(text: bytes) -> None:
    memory = FakeMemory({0x1000: b"\0\x013.4\xff" * 50 + text + b"\0" * 20})
    found = from_data(memory, [(0x9000, 64), (0x1000, len(memory.segments[0x1000]))])
    assert found is not None
    assert (found.pair, found.micro, found.text, found.pypy) == (*SHOWN[text], False)


def test_pypy_shows_itself() -> None:
    text = (
        b"3.9.18 (c5262994620471e725f57f652d78d842270649d6, Jul 09 2024, 13:05:00)\n[PyPy 7.3.13 with GCC 10]"
    )
    found = from_data(FakeMemory({0x1000: text}), [(0x1000, len(text))])
    assert found is not None
    assert found.pypy


@pytest.mark.parametrize(
    "text",
    [b"3.8.18", b"3.8 (default, Jan  1 2024)", b"HTTP/1.1 3.8.18 (Unix)", b"(main, Oct  7 2025, 15:00:00)"],
)
def test_other_text_is_no_version(text: bytes) -> None:
    assert from_data(FakeMemory({0x1000: text}), [(0x1000, len(text))]) is None


@given(st.binary(max_size=2000))
def test_garbage_shows_no_version(data: bytes) -> None:
    found = from_data(FakeMemory({0x1000: data}), [(0x1000, len(data)), (0, 1 << 60)])
    assert found is None or found.text


@pytest.mark.parametrize(
    ("hexversion", "text", "micro"),
    [
        (0x030607F0, "3.6.7", 7),
        (0x030F00B3, "3.15.0b3", 0),
        (0x030E00A1, "3.14.0a1", 0),
        (0x030D00C2, "3.13.0rc2", 0),
    ],
)
def test_what_python_says_in_hex(hexversion: int, text: str, micro: int) -> None:
    found = from_hex(hexversion)
    assert (found.text, found.micro) == (text, micro)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/usr/bin/python3.8", "3.8"),
        ("/usr/lib/libpython3.6m.so.1.0 (deleted)", "3.6"),
        ("/opt/lib/libpython3.13td.so.1.0", "3.13"),
        ("/usr/lib/python3.8/lib-dynload/_json.so", None),
        ("/usr/bin/python3", None),
        ("/srv/mypython3.8", None),
    ],
)
def test_what_file_names_tell(path: str, text: str | None) -> None:
    found = from_file_name(path)
    assert (found.text if found else None) == text
