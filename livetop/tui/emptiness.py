"""Why a view has no rows, and what to do about it: an empty table says so."""

from __future__ import annotations

from livetop.export.process_names import busy_children
from livetop.profile.states import NO_GIL
from livetop.session.protocol import Session
from livetop.tui.choice import Choice
from livetop.tui.fit import plain
from livetop.tui.task_entries import why_no_tasks

_UNUSED = {
    "cpu": "nothing used the CPU: m shows wall time, where the waiting is",
    "wall": "no thread did anything but idle: i shows idle time too",
    "gil": "no thread held the GIL: m shows CPU time",
}
"""What is said where no time of a mode was spent."""


def why_empty(session: Session, choice: Choice, filtered: bool) -> str:
    """The line for a view without rows; `filtered`: it has some, but the filter leaves none."""
    profile = session.profile
    if filtered:
        return f"no function, file or line fits the filter {plain(choice.filter)}: c clears it"
    if not session.greeted:
        return "attaching ..."
    if choice.view == "tasks":
        return why_no_tasks(profile, live=session.live)
    if not profile.sampling.samples:
        return "waiting for the first samples ..." if session.live else "no samples were taken"
    if choice.mode == "gil" and not profile.has_gil:
        return f"{NO_GIL}: m shows CPU time"
    if hint := busy_children(profile):
        return f"this process is idle, {hint}"
    return _UNUSED[choice.mode]
