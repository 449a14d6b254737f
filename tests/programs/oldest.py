"""What the oldest targets lack, and newer ones have under a name: these programs run on 3.6, too."""

import asyncio
import dis
import platform
import threading

_GETTID = {"x86_64": 186, "aarch64": 178}


def native_id():
    """The calling thread's id in the kernel (3.8 has threading.get_native_id)."""
    if hasattr(threading, "get_native_id"):
        return threading.get_native_id()
    # Not every Python has it: those that need it do.
    import ctypes

    return ctypes.CDLL(None).syscall(_GETTID[platform.machine()])


def run(coroutine):
    """asyncio.run of 3.7."""
    if hasattr(asyncio, "run"):
        return asyncio.run(coroutine)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    return loop.run_until_complete(coroutine)


def qualified(code):
    """The name that a code object has: the qualified one from 3.11 on."""
    return getattr(code, "co_qualname", code.co_name)


def lines_of(code):
    """The lines that a frame of this code can be at; that of its `def` while it has not begun."""
    lines = {code.co_firstlineno}
    if hasattr(code, "co_lines"):
        return lines.union(line for _, _, line in code.co_lines() if line)
    return lines.union(line for _, line in dis.findlinestarts(code))
