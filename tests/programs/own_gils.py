"""Two threads, each in an interpreter with a GIL of its own, so that both run at the same time (3.12 on).

Says {"threads": {name: native id}} once both run; they run until the process is ended.
"""

import json
import os
import sys
import threading

try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters

# In the other interpreter, which shares nothing: it says so through a pipe, and spins.
WORK = """
import os
def {name}():
    value = 0
    while True:
        value = (value * 31 + 7) & 0xFFFF
os.write({fd}, b"x")
{name}()
"""


def run(name, fd):
    if sys.version_info >= (3, 13):
        interpreters.exec(interpreters.create("isolated"), WORK.format(name=name, fd=fd))
    else:
        interpreters.run_string(interpreters.create(isolated=True), WORK.format(name=name, fd=fd))


def main():
    begun, tell = os.pipe()
    threads = [
        threading.Thread(target=run, args=(name, tell), name=name, daemon=True) for name in ("one", "other")
    ]
    for thread in threads:
        thread.start()
    for _ in threads:
        os.read(begun, 1)
    print(json.dumps({"threads": {thread.name: thread.native_id for thread in threads}}), flush=True)
    sys.stdin.readline()
    os._exit(0)


main()
