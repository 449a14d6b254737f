"""Loads and maps what it is told to, and tells where things are."""

import ctypes
import json
import mmap
import sys

libraries = {}
kept = []

libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [
    ctypes.c_void_p,
    ctypes.c_size_t,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_long,
]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
PRIVATE, ANONYMOUS, NORESERVE = 2, 0x20, 0x4000
READ, WRITE, EXECUTE = 1, 2, 4


def anonymous(size, protection):
    address = libc.mmap(None, size, protection, PRIVATE | ANONYMOUS | NORESERVE, -1, 0)
    assert address != 2**64 - 1
    return address


def where(name, path=None):
    """The address of a function, of the interpreter's or of a library that was loaded."""
    library = libraries[path] if path else ctypes.pythonapi
    return ctypes.cast(getattr(library, name), ctypes.c_void_p).value


def load(path):
    libraries[path] = ctypes.CDLL(path)


def many(count):
    """Memory in which every second page is code: that many mappings."""
    start = anonymous(int(count) * mmap.PAGESIZE, READ)
    for page in range(0, int(count), 2):
        assert not libc.mprotect(start + page * mmap.PAGESIZE, mmap.PAGESIZE, READ | EXECUTE)
    return start


def huge():
    """4 GB of code that nobody has written."""
    return anonymous(4 << 30, READ | EXECUTE)


def code(text):
    """A page of code that begins with these bytes, given in hexadecimal."""
    start = anonymous(mmap.PAGESIZE, READ | WRITE)
    ctypes.memmove(start, bytes.fromhex(text), len(text) // 2)
    assert not libc.mprotect(start, mmap.PAGESIZE, READ | EXECUTE)
    return start


def remap(address, size):
    """Replace mapped code by a copy in anonymous memory, at the same addresses."""
    address, size = int(address), int(size)
    content = ctypes.string_at(address, size)
    copy = anonymous(size, READ | WRITE)
    ctypes.memmove(copy, content, size)
    assert not libc.mprotect(copy, size, READ | EXECUTE)
    libc.mremap.restype = ctypes.c_void_p
    libc.mremap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int, ctypes.c_void_p]
    assert libc.mremap(copy, size, size, 3, address) == address
    return address


print(json.dumps("ready"), flush=True)
for line in sys.stdin:
    words = line.split()
    if words:
        print(json.dumps(globals()[words[0]](*words[1:])), flush=True)
