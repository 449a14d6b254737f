"""The Textual app: feeds the session's messages to the screen, and nothing else."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import ClassVar

from textual.app import App
from textual.binding import BindingType
from textual.message import Message

from livetop.session.protocol import Session
from livetop.tui.choice import MODES, Choice, find_thread
from livetop.tui.columns import find_sort
from livetop.tui.layout import CSS
from livetop.tui.screen import MainScreen
from livetop.tui.settings import Settings, default_refresh
from livetop.tui.theme import COLOR, PLAIN
from livetop.tui.views import VIEWS

_NICE = 5
# Seconds that a warning stays on the screen.
_WARNING = 15.0


class LivetopApp(App[None]):
    """The live screen of one session, which its caller has started and closes afterwards."""

    TITLE = "livetop"
    CSS = CSS
    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = []

    class Arrived(Message):
        """Something came from the session; None is its end."""

        bubble = False

        def __init__(self, message: object | None) -> None:
            super().__init__()
            self.message = message

    def __init__(self, session: Session, settings: Settings | None = None) -> None:
        settings = settings or Settings()
        super().__init__()
        if not settings.color:
            self.no_color = True
        self.theme = "ansi-dark"
        self.animation_level = "none"
        self.session = session
        self.settings = settings
        self.choice = _first_choice(session, settings)
        self.main_screen = MainScreen(session, settings, self.choice, PLAIN if self.no_color else COLOR)

    def get_default_screen(self) -> MainScreen:
        return self.main_screen

    def on_mount(self) -> None:
        if not self.is_headless:
            # Drawing may wait; whatever shares the machine with us, the target above all, may not.
            with suppress(OSError):
                os.nice(_NICE)
        for warning in self.session.profile.warnings:
            self.notify(warning, severity="warning", timeout=_WARNING, markup=False)
        if self.session.live:
            # A thread of our own, not one of asyncio's: those are waited for at the end, and `read`
            # returns only when the session closes, which comes after.
            threading.Thread(target=self._read, name="session", daemon=True).start()

    def _read(self) -> None:
        while True:
            message = self.session.read()
            if not self.post_message(self.Arrived(message)) or message is None:
                return

    def on_livetop_app_arrived(self, event: Arrived) -> None:
        self.session.apply(event.message)
        self.main_screen.news()


def _first_choice(session: Session, settings: Settings) -> Choice:
    profile = session.profile
    thread = find_thread(profile.threads, settings.thread) if settings.thread else None
    return Choice(
        sort=find_sort(VIEWS[0].columns, settings.sort) or "own_share",
        filter=settings.filter,
        thread=thread,
        last_thread=thread,
        recent=session.live,
        window=settings.window,
        mode=next((mode for mode in MODES if mode == settings.mode), "cpu"),
        idle=settings.idle,
        per_process=settings.per_process,
        refresh=settings.refresh or default_refresh(),
    )
