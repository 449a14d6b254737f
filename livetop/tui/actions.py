"""What each key of the key table does."""

from __future__ import annotations

import asyncio
import os
import time

from textual.app import SuspendNotSupported
from textual.screen import Screen

from livetop.profile.snapshot import SnapshotError, save
from livetop.profile.states import NO_GIL
from livetop.session.protocol import Session
from livetop.tui.choice import Choice, selectable
from livetop.tui.editor import editor_command
from livetop.tui.entries import Entry
from livetop.tui.hot_table import HotTable
from livetop.tui.settings import Settings
from livetop.tui.source_pane import SourcePane
from livetop.tui.theme import Palette
from livetop.tui.views import VIEWS, View


class Actions(Screen[None]):
    """The keys' side of the screen; what inherits from it knows how to show the result."""

    session: Session
    settings: Settings
    choice: Choice
    palette: Palette
    table: HotTable
    source_pane: SourcePane

    @property
    def view(self) -> View:
        raise NotImplementedError

    def take_rows(self) -> None:
        """Takes new rows from the model, also while frozen: the user asked for others."""
        raise NotImplementedError

    def order_rows(self) -> None:
        """Sorts and filters the rows there are."""
        raise NotImplementedError

    def show_source(self) -> None:
        """Brings the source pane to the row under the cursor."""
        raise NotImplementedError

    def say(self, text: str, *, is_error: bool = False) -> None:
        """One line in the footer, for a few seconds."""
        raise NotImplementedError

    def show_footer(self) -> None:
        """Brings the footer up to date."""
        raise NotImplementedError

    def set_view(self, name: str) -> None:
        raise NotImplementedError

    def set_refresh(self) -> None:
        raise NotImplementedError

    def set_filter(self, text: str) -> None:
        raise NotImplementedError

    def open_filter(self) -> None:
        raise NotImplementedError

    def close_filter(self) -> None:
        raise NotImplementedError

    @property
    def is_filtering(self) -> bool:
        raise NotImplementedError

    def start_over(self) -> None:
        """Everything kept from refresh to refresh is forgotten."""
        raise NotImplementedError

    # ------------------------------------------------------------ moving

    def action_move(self, step: int) -> None:
        if self.is_source_full:
            self.source_pane.scroll(step)
        else:
            self._moved(step)

    def action_page(self, step: int) -> None:
        if self.is_source_full:
            self.source_pane.scroll_page(step)
        else:
            self._moved(step * self.table.page)

    def action_end(self, step: int) -> None:
        if self.is_source_full:
            self.source_pane.scroll(step * 1_000_000)
        else:
            self._moved(step * 1_000_000)

    def _moved(self, step: int) -> None:
        self.choice.follow = False
        self.table.move(step)
        self.show_source()

    def action_follow(self) -> None:
        self.choice.follow = not self.choice.follow
        self.order_rows()
        self.say("following the hottest row" if self.choice.follow else "the cursor stays on its row")

    # ------------------------------------------------------------ selecting

    def action_sort(self, column: str) -> None:
        if self.view.sorted_by(column).id != column:
            self.say(f"{self.view.title.lower()} have no such column", is_error=True)
            return
        if self.choice.sort == column:
            self.choice.inverted = not self.choice.inverted
        else:
            self.choice.sort, self.choice.inverted = column, False
        self.order_rows()

    def action_next_sort(self, step: int) -> None:
        columns = [column.id for column in self.table.sortable]
        at = columns.index(self.choice.sort) if self.choice.sort in columns else 0
        self.choice.sort, self.choice.inverted = columns[(at + step) % len(columns)], False
        self.order_rows()

    def action_invert(self) -> None:
        self.choice.inverted = not self.choice.inverted
        self.order_rows()

    def action_filter(self) -> None:
        self.open_filter()

    def action_clear(self) -> None:
        """What is in front goes first: the full source, then the filter."""
        if self.is_filtering:
            self.close_filter()
            self.set_filter("")
        elif self.is_source_full:
            self.action_source()
        elif self.choice.filter:
            self.set_filter("")
            self.say("filter cleared")
        elif self.choice.process is not None:
            self.choice.choose_process(None)
            self.take_rows()
            self.say("all processes")
        else:
            self.say("no filter is set")

    def action_thread(self, step: int) -> None:
        choice = self.choice
        choice.step_thread(selectable(self.session.profile.threads, choice.thread, choice.process), step)
        self.take_rows()

    def action_one_thread(self) -> None:
        choice = self.choice
        choice.toggle_thread(selectable(self.session.profile.threads, choice.thread, choice.process))
        self.take_rows()

    # ------------------------------------------------------------ showing

    @property
    def is_source_full(self) -> bool:
        return self.has_class("-full")

    def action_source(self) -> None:
        entry = self.table.current
        if entry is not None and entry.row.kind == "process" and not self.is_source_full:
            self._choose_process(entry)
            return
        if entry is not None and entry.row.kind == "thread" and not self.is_source_full:
            self._choose_thread(entry)
            return
        if entry is None and not self.is_source_full:
            self.say("there is no row here whose source could be shown", is_error=True)
            return
        self.toggle_class("-full")
        # Only once it is laid out does the pane know how much it can show.
        self.call_after_refresh(self.show_source)
        self.show_source()
        self.show_footer()

    def _choose_process(self, entry: Entry) -> None:
        """What is chosen among processes are its lines."""
        process = self.session.profile.processes.get(int(entry.key[1]))
        if process is None or not process.is_read:
            self.say(f"nothing is known of its lines: {entry.text}", is_error=True)
            return
        self.choice.choose_process(process.id)
        self.set_view(VIEWS[0].id)
        self.say(f"only process {process.pid}: Esc shows all again")

    def _choose_thread(self, entry: Entry) -> None:
        """What is chosen among threads are its lines."""
        self.choice.thread = self.choice.last_thread = int(entry.key[1])
        self.set_view(VIEWS[0].id)
        self.say(f"only thread {entry.row.function}: t shows all again")

    def action_foreign(self) -> None:
        """In the view where it shows something."""
        self.choice.foreign = not self.choice.foreign
        count = sum(
            not info.python and info.state != "gone" for info in self.session.profile.threads.values()
        )
        if self.choice.view != "threads":
            self.set_view("threads")
        self.take_rows()
        self.say(f"{count} threads without Python" if self.choice.foreign else "only threads that ran Python")

    def action_per_process(self) -> None:
        self.choice.per_process = not self.choice.per_process
        self.take_rows()
        self.say("a row for each process" if self.choice.per_process else "one row for all processes")

    def action_view(self, step: int) -> None:
        names = [view.id for view in VIEWS]
        self.set_view(names[(names.index(self.choice.view) + step) % len(names)])

    def action_granularity(self) -> None:
        self.set_view(self.view.other or VIEWS[0].id)

    def action_window(self) -> None:
        self.choice.recent = not self.choice.recent
        self.take_rows()

    def action_mode(self) -> None:
        self.choice.next_mode(gil=self.session.profile.has_gil)
        self.take_rows()

    def action_gil(self) -> None:
        if self.choice.mode != "gil" and not self.session.profile.has_gil:
            self.say(NO_GIL, is_error=True)
            return
        self.choice.toggle_gil()
        self.take_rows()

    def action_idle(self) -> None:
        self.choice.toggle_idle()
        self.take_rows()

    def action_trend(self) -> None:
        self.choice.trend = not self.choice.trend
        self.order_rows()

    # ------------------------------------------------------------ doing

    def action_freeze(self) -> None:
        self.choice.frozen = not self.choice.frozen
        if self.choice.frozen:
            self.say("the rows stand still, sampling goes on: Space shows the present again")
        else:
            self.say("")
        self.take_rows()

    def action_reset(self) -> None:
        if not self.session.live:
            self.say("nothing more will come: a reset would leave nothing to show", is_error=True)
            return
        self.session.profile.reset()
        self.start_over()
        self.say("counting from zero")

    def action_refresh_rate(self, step: int) -> None:
        self.choice.step_refresh(step)
        self.set_refresh()
        self.say(f"{self.choice.refresh:g} refreshes a second")

    def action_save(self) -> None:
        path = self.settings.save_path or self._default_path()
        try:
            save(self.session.profile, path, source=self.settings.source, argv=self.settings.argv)
        except SnapshotError as error:
            self.say(f"not saved, the data is kept: {error}", is_error=True)
        else:
            self.say(f"saved {os.path.abspath(path)}")

    def _default_path(self) -> str:
        process = next(iter(self.session.profile.processes.values()), None)
        return f"{process.pid if process else 'livetop'}-{time.strftime('%Y%m%d-%H%M%S')}.livetop"

    def action_editor(self) -> None:
        entry = self.table.current
        if entry is None or not entry.row.file:
            self.say("no source to open: this row is not a line of a file", is_error=True)
        elif self.session.origin or not os.path.isfile(entry.row.file):
            self.say(f"not on this machine: {entry.location}", is_error=True)
        elif (command := editor_command(entry.row.file, entry.row.line or 1)) is None:
            self.say("no editor: set EDITOR, for example EDITOR=vi", is_error=True)
        else:
            # Not awaited here: messages must go on being taken, or the engine takes us for dead.
            self.run_worker(self._edit(command), exclusive=True)

    async def _edit(self, command: list[str]) -> None:
        try:
            with self.app.batch_update(), self.app.suspend():
                process = await asyncio.create_subprocess_exec(*command)
                code = await process.wait()
        except (OSError, SuspendNotSupported) as error:
            self.say(f"{command[0]} cannot be started here: {error or 'no terminal'}", is_error=True)
        else:
            self.app.refresh(layout=True)
            if code:
                self.say(f"{command[0]} ended with exit code {code}", is_error=True)

    def action_help(self) -> None:
        from livetop.tui.help import HelpScreen

        self.app.push_screen(HelpScreen(self.palette, self.settings.ascii))

    def action_quit(self) -> None:
        self.app.exit()
