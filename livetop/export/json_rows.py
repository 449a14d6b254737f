"""The JSON document of `show --json` and `attach --json`: what was sampled, threads and rows."""

from __future__ import annotations

from typing import Any, TextIO

import msgspec

from livetop import __version__
from livetop.profile.model import Profile
from livetop.profile.rows import Query, Row, Table

SCHEMA = 1

ROW_FIELDS = (
    "file", "line", "function", "module", "process", "task", "own", "total", "own_share", "total_share",
    "own_low", "own_high", "python", "native", "system", "gil", "wait", "idle", "native_share", "native_low",
    "native_high", "estimated", "libraries", "waits", "samples", "exact",
    "processes",
)  # fmt: skip

SAMPLING_FIELDS = (
    "rate", "achieved", "duration", "samples", "exact", "rejected", "late", "unseen", "pause", "cpu",
    "processes", "unwatched", "missed",
)  # fmt: skip


def write(profile: Profile, stream: TextIO, *, threads: bool = False) -> None:
    """Writes the document of everything since the reset, on one line; by thread when they are asked for."""
    found = document(profile, Query("thread" if threads else "line", None))
    stream.write(msgspec.json.encode(found).decode() + "\n")


def document(profile: Profile, wanted: Query | Table) -> dict[str, Any]:
    """Returns the JSON object of a table (which may have been filtered), or of a query's whole table."""
    table = wanted if isinstance(wanted, Table) else profile.rows(wanted)
    rows = [row_object(row, gil=profile.has_gil) for row in table.rows]
    return frame(profile, table.query) | {"rows": rows}


def frame(profile: Profile, query: Query) -> dict[str, Any]:
    """Returns what stands around rows: version, mode, targets, sampling, threads."""
    return {
        "livetop": __version__,
        "schema": SCHEMA,
        "mode": query.mode,
        "window": query.window,
        "targets": targets(profile),
        "not_read": not_read(profile),
        "sampling": sampling(profile),
        "threads": threads(profile, query),
    }


def targets(profile: Profile) -> list[dict[str, Any]]:
    """Returns the processes that were read, the one that was asked for first."""
    fields = ("pid", "argv", "python", "build", "host", "started", "parent")
    return [
        {name: getattr(info, name) for name in fields} | {"ended": info.state == "gone"}
        for info in profile.processes.values()
        if info.is_read
    ]


def not_read(profile: Profile) -> list[dict[str, Any]]:
    """Returns the children that are not read, and why: a Python that is not, or another program."""
    fields = ("pid", "parent", "argv", "python", "state", "reason")
    return [
        {name: getattr(info, name) for name in fields}
        for info in profile.processes.values()
        if not info.is_read
    ]


def sampling(profile: Profile) -> dict[str, Any]:
    """Returns how sampling fared since the reset: Hz, seconds and counts."""
    found = {name: getattr(profile.sampling, name) for name in SAMPLING_FIELDS}
    return found | {"stacks": profile.sampling.stacks, "stacks_incomplete": profile.sampling.unwind_failed}


def threads(profile: Profile, query: Query) -> list[dict[str, Any]]:
    """Returns the selected threads' use of the query's window, and what they waited for."""
    uses = profile.thread_use(query.window)
    whole = Query("thread", query.window, "wall", query.threads, idle=True, process=query.process)
    wanted = profile.chosen_threads(query)
    waits = {row.key[1]: row.waits for row in profile.rows(whole).rows}
    result = []
    for info in profile.threads.values():
        if wanted is not None and info.id not in wanted:
            continue
        use = uses.get(info.id)
        if (use is None and info.state == "gone") or not info.is_listed:
            continue
        process = profile.processes.get(info.process)
        result.append(
            {
                "process": process.pid if process else None,
                "tid": info.tid,
                "name": info.name,
                "state": info.state,
                "own": use.own if use else 0.0,
                "queued": use.queued if use else 0.0,
                "gil": (use.gil if use else 0.0) if profile.has_gil else None,
                "wait": use.wait if use else 0.0,
                "samples": use.samples if use else 0,
                "waits": waits.get(info.id, {}),
            }
        )
    return result


def row_object(row: Row, *, gil: bool = True) -> dict[str, Any]:
    """Returns a row's fields; `gil`: whether there is one that could be waited for."""
    found = {name: getattr(row, name) for name in ROW_FIELDS}
    return found if gil else found | {"gil": None}
