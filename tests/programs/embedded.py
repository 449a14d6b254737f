"""What a program of another kind runs: no extension modules, which it may not be able to load.

Says {"frames": [[function, line], ...]}, innermost first, and waits for its input to end.
"""

import sys
import threading


def outer():
    inner()


def inner():
    frames = []
    frame = sys._getframe()
    while frame is not None:
        frames.append('["%s", %d]' % (frame.f_code.co_name, frame.f_lineno))
        frame = frame.f_back
    # On one line, so that where it stands is the same before and after.
    print('{"frames": [%s]}' % ", ".join(frames)); sys.stdout.flush(); sys.stdin.read()  # fmt: skip


threading.current_thread().name = "embedded"
outer()
