"""Processes in words: whose a row is, who was read, and why others were not."""

from __future__ import annotations

from os.path import basename

from livetop.profile.info import ProcessInfo
from livetop.profile.model import Profile
from livetop.profile.rows import Row

_MOST = 10
"""Processes of one kind that are named; the others are counted."""
_BUSY = 0.1
"""Cores that children must use to be worth a word."""


def of_row(row: Row) -> str:
    """Returns the PID of a row, or of how many processes it is."""
    if row.process is not None or not row.processes:
        return str(row.process or "")
    return f"x{len(row.processes)}"


def are_several(profile: Profile) -> bool:
    """Returns whether more than one process was read."""
    return sum(info.is_read for info in profile.processes.values()) > 1


def busy_children(profile: Profile) -> str:
    """Returns what a process's children do that is watched alone and is idle itself, "" if that is little."""
    sampling = profile.sampling
    if not sampling.children or sampling.children_cpu < _BUSY:
        return ""
    many = sampling.children > 1
    what = f"{sampling.children:,} child processes use" if many else "a child process uses"
    return f"{what} {100 * sampling.children_cpu:.0f}% of a core: -s shows {'them' if many else 'it'}"


def root_ended(profile: Profile) -> str:
    """Returns that the process that was asked for has ended while its children go on, or ""."""
    root, left = _root_and(profile, "watched")
    if root is None or root.state != "gone" or not left:
        return ""
    return f"process {root.pid} has ended, {left:,} of its children {'go' if left > 1 else 'goes'} on"


def how_all_ended(profile: Profile, text: str) -> str:
    """Returns the line on a session's end; of several processes, that all of them have ended."""
    root, left = _root_and(profile, "watched")
    _, ended = _root_and(profile, "gone")
    if root is None or root.state != "gone" or left or not ended:
        return text
    return f"{text.rstrip('.')}, and so did {f'its {ended:,} children' if ended > 1 else 'its child'}"


def _root_and(profile: Profile, state: str) -> tuple[ProcessInfo | None, int]:
    """The process that was asked for, and how many others that were read are in this state."""
    infos = list(profile.processes.values())
    return next(iter(infos), None), sum(info.is_read and info.state == state for info in infos[1:])


def command(argv: list[str]) -> str:
    """Returns a command line without its program's folder."""
    return " ".join([basename(argv[0]) or argv[0], *argv[1:]]) if argv else ""


def state_of(info: ProcessInfo) -> str:
    """Returns what there is to say of a process beside its name, "" for one that is watched."""
    if info.is_read and info.state in ("gone", "watched"):
        return "ended" if info.state == "gone" else ""
    # What the reason begins with stands beside it already.
    reason = info.reason.removeprefix(f"process {info.pid} ") or (
        "starting" if info.state == "starting" else "not read"
    )
    if info.state == "other":
        reason = "not a Python program"
    return f"ended, {reason}" if info.state == "gone" else reason


def introductions(profile: Profile) -> list[str]:
    """Returns a line for each process that was read, and what there is to say of the others."""
    read = [info for info in profile.processes.values() if info.is_read]
    others = [info for info in profile.processes.values() if not info.is_read]
    refused = [info for info in others if info.state == "unreadable"]
    alike: dict[tuple[object, ...], list[ProcessInfo]] = {}
    for info in read:
        # Workers that were forked are called the same.
        alike.setdefault((info.python, *info.argv, info.host, not info.parent), []).append(info)
    groups = list(alike.values())
    result = [_introduction(group) for group in groups[:_MOST]]
    if len(groups) > _MOST:
        result.append(f"and {sum(map(len, groups[_MOST:]))} processes more (--by process)")
    result += [
        f"not read: pid {info.pid}  {command(info.argv)}: {state_of(info)}" for info in refused[:_MOST]
    ]
    if len(refused) > _MOST:
        result.append(f"not read: {len(refused) - _MOST} processes more")
    programs = sum(info.state != "unreadable" and info.state != "starting" for info in others)
    if programs:
        result.append(f"{programs} {'process runs' if programs == 1 else 'processes run'} no Python")
    return result


def _introduction(group: list[ProcessInfo]) -> str:
    info = group[0]
    python = f"Python {info.python}" if info.python[:1].isdigit() else info.python
    pids = ", ".join(str(one.pid) for one in group[:_MOST])
    ended = sum(one.state == "gone" and bool(one.parent) for one in group)
    parts = [
        "" if not info.pid else f"pid {pids}" if len(group) == 1 else f"{len(group)} pids {pids}",
        "..." if len(group) > _MOST else "",
        python,
        " ".join(info.argv),
        f"on {info.host}" if info.host else "",
        "" if not ended else "(ended)" if len(group) == 1 else f"({ended} ended)",
    ]
    return "  ".join(part for part in parts if part)
