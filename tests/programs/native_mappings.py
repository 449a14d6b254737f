"""Has a great many mappings, or great ones: native_mappings.py FOLDER anonymous|file|files|large.

`anonymous`: 5,000 executable and other pages by turns; `file`: the same of one library; `files`: 400 copies of
a library; `large`: 4 GB of a file without content, executable, and 4 GB of memory that is never touched. Then
it is busy, by turns, in a library on one line and in Python on another: {"file", "native": line, "python":
line, "mappings"}. Each order read is answered, once a page has been mapped and one unmapped.
"""

import ctypes
import inspect
import json
import mmap
import os
import sys
import threading

FOLDER, KIND = sys.argv[1:]
MANY = 5000
LARGE = 4 << 30
PLAIN = ctypes.CDLL(f"{FOLDER}/libplain.so")

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
MAP_FIXED, MAP_NORESERVE = 0x10, 0x4000
READ, EXECUTE = mmap.PROT_READ, mmap.PROT_READ | mmap.PROT_EXEC


def mapped(address, size, protection, flags, file=-1):
    found = libc.mmap(address, size, protection, flags | mmap.MAP_PRIVATE, file, 0)
    if found in (None, 2**64 - 1):
        raise OSError(ctypes.get_errno(), "mmap")
    return found


def by_turns(file):
    """One page after the other, each of another kind than the one before."""
    flags = mmap.MAP_ANONYMOUS if file < 0 else 0
    start = mapped(None, MANY * 4096, READ, mmap.MAP_ANONYMOUS)
    for number in range(MANY):
        mapped(start + 4096 * number, 4096, EXECUTE if number % 2 else READ, flags | MAP_FIXED, file)


def anonymous():
    by_turns(-1)


def file():
    by_turns(os.open(f"{FOLDER}/libframed.so", os.O_RDONLY))


def files():
    with open(f"{FOLDER}/libframed.so", "rb") as source:
        content = source.read()
    for number in range(400):
        path = f"{FOLDER}/libcopy{number}.so"
        with open(path, "wb") as copy:
            copy.write(content)
        ctypes.CDLL(path)
        os.unlink(path)


def large():
    path = f"{FOLDER}/large"
    with open(path, "wb") as empty:
        empty.truncate(LARGE)
    mapped(None, LARGE, EXECUTE, MAP_NORESERVE, os.open(path, os.O_RDONLY))
    mapped(None, LARGE, READ | mmap.PROT_WRITE, MAP_NORESERVE | mmap.MAP_ANONYMOUS)
    os.unlink(path)


def busy():
    while True:
        PLAIN.burn(4000000)  # native
        number = 60000
        while number: number -= 1  # fmt: skip # noqa: E701 # python


def line(word):
    with open(__file__) as source:
        return next(number for number, text in enumerate(source, 1) if text.rstrip().endswith(f" # {word}"))


globals()[KIND]()
threading.Thread(target=busy, daemon=True).start()
with open("/proc/self/maps") as maps:
    count = len(maps.readlines())
print(
    json.dumps(
        {
            "file": inspect.getfile(inspect.currentframe()),
            "native": line("native"),
            "python": line("python"),
            "mappings": count,
        }
    ),
    flush=True,
)
spare = [mapped(None, 4096, EXECUTE, mmap.MAP_ANONYMOUS)]
for _ in sys.stdin:
    spare.append(mapped(None, 4096, EXECUTE, mmap.MAP_ANONYMOUS))
    libc.munmap(spare.pop(0), 4096)
    print("{}", flush=True)
os._exit(0)
