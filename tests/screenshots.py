"""Pictures of the real screen over real figures: `python -m tests.screenshots` writes screenshots/*.svg.

The bundled demo is started and sampled by a real engine; the app runs headless, and every picture is
what it shows after the keys of its entry. Names are the same at every run, figures are not.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from textual.pilot import Pilot

from livetop.session.live import Live
from livetop.session.protocol import LinkError
from livetop.tui.app import LivetopApp
from livetop.tui.settings import Settings
from livetop.wire.messages import Configure

FOLDER = Path(__file__).resolve().parents[1] / "screenshots"
WIDE, NARROW = (120, 40), (80, 24)
SAMPLED = 15.0
"""Seconds before the first picture."""
SETTLED = 1.5
"""Seconds from the keys to the picture: a source may have to come first."""


@dataclass(frozen=True, slots=True)
class Picture:
    """`keys` are pressed before it is taken; `after`, afterwards, bring the screen back as it was."""

    name: str
    keys: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    size: tuple[int, int] = WIDE


PICTURES = (
    Picture("lines"),
    Picture("functions", ("l",), ("l",)),
    Picture("libraries", ("tab", "tab"), ("shift+tab", "shift+tab")),
    Picture("source", ("enter",), ("enter",)),
    Picture("help", ("question_mark",), ("escape",)),
    Picture("narrow", size=NARROW),
    Picture("filter", ("slash", *"invoices", "enter")),
)


async def take(session: Live, folder: Path, seconds: float) -> list[Path]:
    """Runs the app over a session that has begun, and writes all pictures."""
    app = LivetopApp(session, Settings(refresh=4.0))
    written: list[Path] = []
    async with app.run_test(size=WIDE) as pilot:
        await asyncio.sleep(seconds)
        size = WIDE
        for picture in PICTURES:
            if picture.size != size:
                size = picture.size
                await pilot.resize_terminal(*size)
            await pilot.press(*picture.keys)
            await asyncio.sleep(SETTLED)
            # All parts at one moment: on a screen that lives, some follow within a second.
            app.main_screen.take_rows()
            await pilot.pause()
            written.append(_save(pilot, folder / f"{picture.name}.svg"))
            await pilot.press(*picture.after)
    return written


def _save(pilot: Pilot[None], path: Path) -> Path:
    svg = pilot.app.export_screenshot(title="livetop")
    # Some readers take blanks at the beginning of a text away, even those that do not break.
    svg = svg.replace("<svg ", '<svg xml:space="preserve" ', 1)
    path.write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n")
    return path


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code is 0 when all pictures were written."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.screenshots",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where to (default: screenshots/)")
    parser.add_argument("--seconds", type=float, default=SAMPLED, help="of sampling before the first picture")
    options = parser.parse_args(argv)
    for name in ("NO_COLOR", "SSH_CONNECTION", "SSH_TTY"):
        os.environ.pop(name, None)
    options.folder.mkdir(exist_ok=True)
    # As `livetop demo` does it.
    configure = Configure(run=[sys.executable, "-m", "livetop.demo"], run_output=os.devnull)
    try:
        session = Live.start(configure)
    except LinkError as error:
        print(f"screenshots: {error}", file=sys.stderr)
        return 1
    try:
        session.await_hello()
        written = asyncio.run(take(session, options.folder, options.seconds))
    except LinkError as error:
        print(f"screenshots: {error}", file=sys.stderr)
        return 1
    finally:
        # The engine ends the demo that it started.
        with suppress(OSError):
            session.stop()
        session.close()
    if session.end is not None and session.end.code:
        print(f"screenshots: the session ended early: {session.end.text}", file=sys.stderr)
        return 1
    for path in written:
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
