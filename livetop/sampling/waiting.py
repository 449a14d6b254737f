"""Whether a blocked thread waits for the GIL, parks, or waits for something else, from its system call."""

from __future__ import annotations

from livetop.profile.states import State
from livetop.target.syscalls import CALLS

# What messages call the states that a thread can be seen in.
STATE_WORDS = {State.OWN: "running", State.GIL: "gil", State.WAIT: "wait", State.IDLE: "idle"}

# Calls in which threads park until there is work; every other blocking call is plain waiting.
_parked = frozenset(number for number, call in CALLS.items() if call.parked)
# With no descriptors to wait for they are how time.sleep() waits up to 3.10.
_selects = frozenset(number for number, call in CALLS.items() if call.word == "select")
FUTEX = next((number for number, call in CALLS.items() if call.name == "futex"), b"")

# Numbers are short: what is longer is none.
_LONGEST = 8


def waiting_state(syscall: bytes, gil: int, gil_size: int) -> State:
    """Tell GIL, IDLE and WAIT apart for a thread whose /proc/PID/task/TID/syscall reads `syscall`.

    A thread that waits for the GIL sleeps in futex on an address inside the GIL's own structure, at
    `gil`, `gil_size` bytes long (Python/ceval_gil.c, take_gil).
    """
    number, _, rest = syscall.partition(b" ")
    if number == FUTEX:
        try:
            address = int(rest.split(b" ", 1)[0], 16)
        except ValueError:
            return State.IDLE
        return State.GIL if gil <= address < gil + gil_size else State.IDLE
    if number in _selects and rest.startswith(b"0x0 "):
        return State.WAIT
    return State.IDLE if number in _parked else State.WAIT


def is_futex(syscall: bytes) -> bool:
    """Whether the thread waits for a lock of some kind."""
    return bool(FUTEX) and syscall.partition(b" ")[0] == FUTEX


def waiting_name(syscall: bytes, state: State) -> str:
    """The word for what the thread waits in, like `GIL`, `lock` or `read`; "" when it does not wait.

    `reasons.Reasons` says more: of which file, on which address.
    """
    if state is State.GIL:
        return "GIL"
    number = syscall.partition(b" ")[0]
    call = CALLS.get(number)
    if call is not None:
        return call.word
    return f"system call {number.decode()}" if number.isdigit() and len(number) <= _LONGEST else ""
