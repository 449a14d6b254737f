"""What people call a mapped file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetop.native.library_names import is_extension, is_system, short_name

SITE = "/venv/lib/python3.11/site-packages"
TAG = ".cpython-311-x86_64-linux-gnu.so"

NAMES = [
    (f"{SITE}/numpy/core/_multiarray_umath{TAG}", "numpy/_multiarray_umath"),
    (f"{SITE}/numpy.libs/libopenblas64_p-r0-5007b62f.3.23.dev.so", "libopenblas"),
    (f"{SITE}/numpy.libs/libscipy_openblas64_-32a4b2a6.so", "libopenblas"),
    (f"{SITE}/scipy.libs/libgfortran-040039e1-0352e75f.so.5.0.0", "libgfortran"),
    (f"{SITE}/numpy.libs/libquadmath-96973f99.so.0.0.0", "libquadmath"),
    (f"{SITE}/cryptography/hazmat/bindings/_rust.abi3.so", "cryptography/_rust"),
    (f"{SITE}/torch/lib/libtorch_cpu.so", "libtorch_cpu"),
    (f"{SITE}/pandas/_libs/lib{TAG}", "pandas/lib"),
    (f"{SITE}/orjson/orjson{TAG}", "orjson"),
    (f"{SITE}/_cffi_backend{TAG}", "_cffi_backend"),
    (f"{SITE}/nvidia/cublas/lib/libcublas.so.12", "libcublas"),
    ("/usr/lib/python3/dist-packages/lxml/etree.cpython-36m-x86_64-linux-gnu.so", "lxml/etree"),
    (f"/opt/site-packages/x/venv{SITE}/numpy/linalg/_umath_linalg{TAG}", "numpy/_umath_linalg"),
    ("/lib/x86_64-linux-gnu/libz.so.1.2.13", "libz"),
    ("/lib/x86_64-linux-gnu/libz.so.1.2.13 (deleted)", "libz"),
    ("/usr/lib/libstdc++.so.6.0.30", "libstdc++"),
    (f"/usr/lib/python3.11/lib-dynload/_json{TAG}", "_json"),
    ("/lib/libc-2.31.so", "libc"),
    ("/lib/libc.so.6", "libc"),
    ("/lib/ld-musl-x86_64.so.1", "libc"),
    ("/lib64/ld-linux-x86-64.so.2", "ld"),
    ("/lib/ld-2.31.so", "ld"),
    ("/usr/lib/libpython3.12.so.1.0", "libpython3.12"),
    ("/usr/lib/libpython3.13t.so.1.0", "libpython3.13t"),
    ("/usr/bin/python3.11", "python3.11"),
    ("/usr/sbin/uwsgi", "uwsgi"),
    ("/memfd:libffi (deleted)", "libffi"),
    ("[vdso]", "[vdso]"),
]


@pytest.mark.parametrize(("path", "name"), NAMES, ids=[path for path, _ in NAMES])
def test_names(path, name):
    assert short_name(path) == name


@pytest.mark.parametrize(
    ("path", "extension"),
    [
        (f"/usr/lib/python3.11/lib-dynload/_json{TAG}", True),
        (f"{SITE}/foo/_bar.so", True),
        (f"/home/me/mine{TAG}", True),
        (f"{SITE}/foo/_bar.abi3.so", True),
        (f"{SITE}/torch/lib/libtorch_cpu.so", False),
        ("/lib/x86_64-linux-gnu/libz.so.1", False),
        ("/usr/bin/python3.11", False),
    ],
)
def test_extensions(path, extension):
    assert is_extension(path) is extension


def test_the_c_library():
    for path in ("/lib/libc.so.6", "/lib/libm-2.31.so", "/lib/libpthread.so.0", "/lib/ld-musl-x86_64.so.1"):
        assert is_system(short_name(path))
    for path in ("/lib/libz.so.1", "/lib/libcrypto.so.3", "/lib/libcrypt.so.1"):
        assert not is_system(short_name(path))


PIECES = st.sampled_from(
    ["/", "site-packages/", "lib", ".so", ".so.1", "-0a1b2c3d", ".libs/", TAG, " (deleted)", "[", "ld-", "\n"]
)


@given(st.lists(PIECES | st.text(max_size=8), max_size=12).map("".join))
def test_any_path_has_a_name(path):
    name = short_name(path)
    assert 0 < len(name) <= 120
    assert name.isprintable()
    is_extension(path)
