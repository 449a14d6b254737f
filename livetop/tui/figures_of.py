"""From the model to what the header and the source pane show."""

from __future__ import annotations

from livetop.export.table import incomplete_stacks
from livetop.profile.info import SamplingTotals, ThreadInfo
from livetop.profile.model import Profile
from livetop.session.protocol import Session
from livetop.tui import figures
from livetop.tui.choice import Choice
from livetop.tui.columns import library_of
from livetop.tui.entries import Entry
from livetop.tui.fit import cells, fit, plain
from livetop.tui.header import Vitals
from livetop.tui.meter import Meter
from livetop.tui.process_entries import ProcessEntry
from livetop.tui.source_pane import Excerpt
from livetop.tui.task_entries import TaskEntry
from livetop.tui.thread_entries import ThreadEntry

_CALLERS = 6
_LIBRARIES = 3
_WAITS = 4
_LEAST_WAIT = 0.05
"""Seconds of waiting that are worth a line."""
_COUNTED = 20_000
"""Tasks beyond which nobody counts them."""
_PLACES, _PLACE_NAME = 20, 30


def state_of(session: Session, choice: Choice) -> str:
    """The one word for how things are."""
    if not session.greeted:
        return "ATTACHING"
    if session.ended is not None:
        return "ENDED"
    if not session.live:
        return "SNAPSHOT"
    return "PAUSED" if choice.frozen else "LIVE"


def vitals_of(session: Session, choice: Choice, meter: Meter) -> Vitals:
    """Header figures of this moment."""
    profile = session.profile
    processes = list(profile.processes.values())
    points = profile.timeline(60)
    return Vitals(
        state=state_of(session, choice),
        process=processes[0] if processes else None,
        more_processes=max(0, sum(info.state == "watched" for info in processes[1:])),
        health=(meter.read if session.live else meter.hold)(profile.sampling),
        totals=profile.totals(choice.whole(session.live or session.ended is not None)),
        duration=profile.sampling.duration,
        cpu=tuple(point.cpu for point in points),
        rss=tuple(float(point.rss) for point in points),
        thread=thread_label(profile, choice),
    )


def thread_label(profile: Profile, choice: Choice) -> str:
    """The chosen thread in words: "all", the process whose threads are, or its name."""
    thread = None if choice.thread is None else profile.threads.get(choice.thread)
    process = None if choice.process is None else profile.processes.get(choice.process)
    everything = "all" if process is None else str(process.pid)
    return everything if thread is None else name_of(thread)


def threads_label(profile: Profile, choice: Choice) -> str:
    """The chosen thread in words, or how many there are, and of what processes."""
    if choice.thread is not None:
        return thread_label(profile, choice)
    alive = [one for one in profile.threads.values() if one.state != "gone" and one.is_listed]
    chosen = None if choice.process is None else profile.processes.get(choice.process)
    if chosen is not None:
        return f"all of {chosen.pid} ({sum(thread.process == chosen.id for thread in alive)})"
    processes = sum(info.state == "watched" for info in profile.processes.values())
    return f"all ({len(alive)} in {processes})" if processes > 1 else f"all ({len(alive)})"


def name_of(thread: ThreadInfo) -> str:
    return thread.name or str(thread.tid)


def excerpt_of(
    session: Session, choice: Choice, entry: Entry, position: int, rows: int, *, ascii_only: bool
) -> Excerpt:
    """The source pane's content for one row; asks for the source when it is not here yet."""
    row, profile = entry.row, session.profile
    if row.kind == "library":
        return _library_excerpt(profile, choice, entry, position, rows, ascii_only)
    if isinstance(entry, ProcessEntry):
        return _process_excerpt(entry, position, rows, ascii_only)
    if isinstance(entry, TaskEntry):
        return _task_excerpt(session, choice, entry, position, rows)
    if isinstance(entry, ThreadEntry):
        return _thread_excerpt(entry, position, rows, ascii_only)
    if row.kind == "special" and row.function == COLLECTOR:
        return _collector_excerpt(profile, choice, entry, position, rows, ascii_only)
    query = choice.query("function" if row.key[0] == "function" else "line")
    lines, reason = None, ""
    if not row.file_id or row.kind in _NO_SOURCE:
        reason = no_source_reason(row.kind)
    else:
        lines = session.source(row.file_id)
        if lines is None:
            session.request_source(row.file_id)
            lines = session.source(row.file_id)
            reason = session.source_error(row.file_id) or "fetching the source ..."
    return Excerpt(
        title=entry.location or row.function,
        function=row.function if entry.location else "",
        details=details_of(entry, ascii_only),
        libraries=libraries_of(entry),
        line=row.line,
        lines=lines,
        reason=reason,
        whole_function=row.key[0] == "function",
        heat=profile.heat(row.file_id, query) if row.file_id else {},
        callers=tuple(profile.row_details(row.key, query).callers[:_CALLERS]),
        waits=waits_of(entry),
        counts=_counts_of(entry, position, rows),
        health=_health_of(profile.sampling),
    )


def _task_excerpt(session: Session, choice: Choice, entry: TaskEntry, position: int, rows: int) -> Excerpt:
    """A task's own line, and around it what it is in and who waits for it."""
    row, task = entry.row, entry.task
    lines, reason = None, ""
    if not row.file_id:
        reason = "where it is cannot be told" if task else "a snapshot does not hold what tasks wait for"
    else:
        lines = session.source(row.file_id)
        if lines is None:
            session.request_source(row.file_id)
            lines = session.source(row.file_id)
            reason = session.source_error(row.file_id) or "fetching the source ..."
    by = f"awaited by {entry.awaited_by}" if entry.awaited_by else ""
    state = f"{entry.state} for {entry.waits_for}" if entry.waits_for else entry.state
    return Excerpt(
        title=f"{task.kind if task else 'task'} {row.function}",
        details=", ".join(part for part in (state, by) if part),
        line=row.line,
        lines=lines,
        reason=reason,
        heat=session.profile.heat(row.file_id, choice.query("line")) if row.file_id else {},
        chain=entry.chain,
        counts=f"row {position}/{rows}" + _left_out(session.profile),
    )


def _left_out(profile: Profile) -> str:
    """How many tasks there are beyond those that are listed."""
    found = profile.tasks
    if found is None or found.whole:
        return ""
    return f" of {figures.count(found.total)} tasks" + ("" if found.total < _COUNTED else " or more")


def _process_excerpt(entry: ProcessEntry, position: int, rows: int, ascii_only: bool) -> Excerpt:
    """A process has no source: its whole command line, and why it is not read."""
    parent = f"child of {entry.info.parent}" if entry.info and entry.info.parent else ""
    used = "" if entry.state else details_of(entry, ascii_only)
    return Excerpt(
        title=f"process {entry.row.process}",
        function=entry.command,
        details=", ".join(part for part in (used, parent) if part),
        reason=entry.state or "Enter shows its lines alone",
        counts=_counts_of(entry, position, rows),
    )


def _library_excerpt(
    profile: Profile, choice: Choice, entry: Entry, position: int, rows: int, ascii_only: bool
) -> Excerpt:
    """A library has no source: the lines that its time is spent for."""
    places = profile.library_places(library_of(entry), choice.query("library"))[:_PLACES]
    names = min(_PLACE_NAME, max((cells(plain(row.function)) for row, _ in places), default=0))
    return Excerpt(
        title=library_of(entry),
        details=details_of(entry, ascii_only),
        reason="the lines that this time is spent for, in % of all:"
        if places
        else no_source_reason("library"),
        places=tuple(
            (f"{fit(row.function, names)}  {row.module or row.file}:{row.line}", share)
            for row, share in places
        ),
        counts=_counts_of(entry, position, rows),
        health=_health_of(profile.sampling),
    )


def _thread_excerpt(entry: ThreadEntry, position: int, rows: int, ascii_only: bool) -> Excerpt:
    """A thread has no source: what it does, and how to see its lines."""
    told = (entry.state, entry.language, details_of(entry, ascii_only) if entry.row.own else "")
    return Excerpt(
        title=f"thread {entry.row.tid or ''} {entry.row.function}",
        details=", ".join(part for part in told if part),
        reason="Enter shows its lines alone"
        if not entry.language
        else "it runs no Python: no line is its own",
        counts=_counts_of(entry, position, rows),
    )


def _collector_excerpt(
    profile: Profile, choice: Choice, entry: Entry, position: int, rows: int, ascii_only: bool
) -> Excerpt:
    """The garbage collector has no source: the lines that set it off."""
    query = choice.query("function" if entry.key[0] == "function" else "line")
    places = profile.row_details(entry.key, query).callers[:_PLACES]
    return Excerpt(
        title=f"{entry.row.function}  garbage collection",
        details=details_of(entry, ascii_only),
        reason="the lines that set it off, in % of its time:" if places else no_source_reason("special"),
        places=tuple(places),
        counts=_counts_of(entry, position, rows),
        health=_health_of(profile.sampling),
    )


def _counts_of(entry: Entry, position: int, rows: int) -> str:
    return f"row {position}/{rows}, {figures.count(entry.row.samples)} samples"


def _health_of(sampling: SamplingTotals) -> str:
    whole = f"of {figures.count(sampling.samples)}"
    lost = f"{figures.count(sampling.unread)} lost"
    if incomplete := incomplete_stacks(sampling):
        # What is worse than usual takes the place of what is as usual.
        return f"{whole}, {lost}, {incomplete}"
    rejected, late = figures.count(sampling.rejected), figures.count(sampling.late)
    return f"{whole}, {rejected} rejected, {late} late, {lost}"


COLLECTOR = "[gc]"
"""What the row of the garbage collector is called."""

_NO_SOURCE = {
    "native": "native code: it has no Python source",
    "library": "none of the lines in sight spends time in it",
    "special": "not a place in the program: what livetop could not attribute to a line",
}


def no_source_reason(kind: str) -> str:
    """Why a row without a file has no source."""
    return _NO_SOURCE.get(kind, "this row has no source file")


def details_of(entry: Entry, ascii_only: bool = False) -> str:
    """Own share, what of it was waited, and what is known of the kernel and of native code."""
    row, sign = entry.row, "+/-" if ascii_only else "±"
    text = f"{figures.share(entry.own_share)}% own"
    if entry.interval is not None:
        text += f" ({sign}{entry.interval * 100:.1f})"
    between = ", "
    if entry.waiting >= 0.005:
        text += f", {figures.percent(entry.waiting)} waiting"
        # What follows is not of all its time.
        between = "; CPU: "
    if row.native_share is None:
        return text
    if (row.system_share or 0.0) >= 0.005:
        text += f"{between}{figures.percent(row.system_share)} system"
        between = ", "
    text += f"{between}{figures.native(row.native_share, row.estimated)} native"
    if row.native_margin is not None:
        text += f" ({sign}{row.native_margin * 100:.0f})"
    return text + (", estimated" if row.estimated else "")


def libraries_of(entry: Entry) -> str:
    """The largest libraries of the native part, as shares of all its own time."""
    row = entry.row
    cpu = (row.python or 0.0) + (row.native or 0.0) + (row.system or 0.0)
    largest = sorted(row.libraries.items(), key=lambda item: -item[1])[:_LIBRARIES]
    named = [f"{name} {figures.percent(value / cpu)}" for name, value in largest if value >= 0.005 * cpu > 0]
    return ", ".join(named)


def waits_of(entry: Entry) -> str:
    """What a row's threads waited for there, as shares of their waiting, the longest first."""
    row = entry.row
    waited = row.gil + row.wait
    named = [
        f"{name} {figures.percent(seconds / waited)}"
        for name, seconds in list(row.waits.items())[:_WAITS]
        if seconds >= 0.005 * waited
    ]
    if waited < _LEAST_WAIT or not named:
        return ""
    return f"{', '.join(named)} of {figures.seconds(waited)}"
