"""What `record` does between its checks and its file: watching, with a line of progress."""

from __future__ import annotations

from pathlib import Path

from livetop.cli.exitcodes import ExitCode
from livetop.cli.notice import Progress, note, sampling_line
from livetop.cli.saving import Choices, write_or_rescue
from livetop.cli.watching import started, watch
from livetop.export.process_names import busy_children, how_all_ended
from livetop.export.table import lowered_rate
from livetop.profile.rows import Query
from livetop.wire.messages import Configure

REFRESH = 0.5
"""Seconds between two looks at the progress."""


def record(
    configure: Configure,
    via: str | None,
    duration: float | None,
    output: Path,
    form: str,
    choices: Choices,
) -> int:
    """Samples until something ends it, and writes the file whatever that was. Returns the exit code."""
    progress = Progress()
    with started(configure, via) as session:
        span = f"for {duration:g} s" if duration is not None else "until it ends; Ctrl-C stops and saves"
        targets = ", ".join(f"process {p.pid}" for p in session.profile.processes.values())
        note(f"recording {targets} {span}")
        try:
            watch(
                session,
                duration,
                REFRESH,
                lambda elapsed: progress.show(sampling_line(session, elapsed, duration)),
            )
        finally:
            progress.clear()
    code = ExitCode.OK
    if session.end is not None and session.end.code:
        code = ExitCode(session.end.code)
    if session.news:
        note(how_all_ended(session.profile, session.news))
    if hint := busy_children(session.profile):
        note(hint)
    if lowered := lowered_rate(session.profile.sampling):
        note(lowered)
    if not write_or_rescue(session.profile, output, form, choices):
        return code or ExitCode.FAILURE
    sampling = session.profile.sampling
    guessed = session.profile.totals(Query(window=None)).estimated
    doubt = "; native time is estimated, as nothing was stopped" if guessed else ""
    note(f"{output}: {sampling.samples:,} samples in {sampling.duration:.1f} s{doubt}")
    return code
