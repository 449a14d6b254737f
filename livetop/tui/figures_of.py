"""From the model to what the header and the source pane show."""

from __future__ import annotations

from livetop.profile.info import ThreadInfo
from livetop.profile.model import Profile
from livetop.session.protocol import Session
from livetop.tui import figures
from livetop.tui.choice import Choice
from livetop.tui.entries import Entry
from livetop.tui.header import Vitals
from livetop.tui.meter import Meter
from livetop.tui.source_pane import Excerpt

_CALLERS = 6


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
        more_processes=max(0, len(processes) - 1),
        health=(meter.read if session.live else meter.hold)(profile.sampling),
        totals=profile.totals(choice.whole(session.live or session.ended is not None)),
        duration=profile.sampling.duration,
        cpu=tuple(point.cpu for point in points),
        rss=tuple(float(point.rss) for point in points),
        thread=thread_label(profile, choice),
    )


def thread_label(profile: Profile, choice: Choice) -> str:
    """The chosen thread in words: "all", or its name."""
    thread = None if choice.thread is None else profile.threads.get(choice.thread)
    return "all" if thread is None else name_of(thread)


def name_of(thread: ThreadInfo) -> str:
    return thread.name or str(thread.tid)


def excerpt_of(
    session: Session, choice: Choice, entry: Entry, position: int, rows: int, *, ascii_only: bool
) -> Excerpt:
    """The source pane's content for one row; asks for the source when it is not here yet."""
    row, profile = entry.row, session.profile
    query = choice.query("function" if row.key[0] == "function" else "line")
    lines, reason = None, ""
    if not row.file_id:
        reason = no_source_reason(row.kind)
    else:
        lines = session.source(row.file_id)
        if lines is None:
            session.request_source(row.file_id)
            lines = session.source(row.file_id)
            reason = session.source_error(row.file_id) or "fetching the source ..."
    sampling = profile.sampling
    return Excerpt(
        title=entry.location or row.function,
        function=row.function if entry.location else "",
        details=details_of(entry, ascii_only),
        line=row.line,
        lines=lines,
        reason=reason,
        whole_function=row.key[0] == "function",
        heat=profile.heat(row.file_id, query) if row.file_id else {},
        callers=tuple(profile.row_details(row.key, query).callers[:_CALLERS]),
        counts=f"row {position}/{rows}, {figures.count(row.samples)} samples",
        health=f"of {figures.count(sampling.samples)}, {figures.count(sampling.rejected)} rejected, "
        f"{figures.count(sampling.late)} late, {figures.count(sampling.unread)} lost",
    )


_NO_SOURCE = {
    "native": "native code: it has no Python source",
    "special": "not a place in the program: what livetop could not attribute to a line",
}


def no_source_reason(kind: str) -> str:
    """Why a row without a file has no source."""
    return _NO_SOURCE.get(kind, "this row has no source file")


def details_of(entry: Entry, ascii_only: bool = False) -> str:
    """Own share with its interval, and what is known of native code."""
    text = f"{figures.share(entry.own_share)}% own"
    if entry.interval is not None:
        text += f" ({'+/-' if ascii_only else '±'}{entry.interval * 100:.1f})"
    if entry.native is not None:
        text += f", {figures.percent(entry.native)} native"
        native = entry.row.native or 0.0
        largest = sorted(entry.row.libraries.items(), key=lambda item: -item[1])[:2]
        if largest and native > 0:
            text += ": " + ", ".join(f"{name} {figures.percent(value / native)}" for name, value in largest)
    return text
