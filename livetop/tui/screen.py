"""The screen: what it is made of, and one refresh of it."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.timer import Timer
from textual.widgets import Input

from livetop.export.process_names import are_several, how_all_ended
from livetop.profile.filters import FilterError, Matcher, compile_filter
from livetop.session.protocol import Session
from livetop.tui.actions import Actions
from livetop.tui.bottom import Footer, Selected, Status, Tabs
from livetop.tui.choice import Choice
from livetop.tui.columns import Look
from livetop.tui.emptiness import why_empty
from livetop.tui.entries import Entry, Page
from livetop.tui.figures_of import excerpt_of, threads_label, vitals_of
from livetop.tui.filter_line import FilterLine
from livetop.tui.header import Header
from livetop.tui.hot_table import HotTable, scale_of
from livetop.tui.keys import KEYS
from livetop.tui.layout import HEIGHTS, WIDTHS
from livetop.tui.meter import Meter
from livetop.tui.notices import Notices
from livetop.tui.order import SteadyOrder
from livetop.tui.settings import Settings
from livetop.tui.source_pane import Excerpt, SourcePane
from livetop.tui.theme import Palette
from livetop.tui.too_small import TooSmall, is_too_small
from livetop.tui.views import LIBRARIES, VIEWS, Rows, View, find_view

_SLOW = 1.0
"""Seconds between two repaints of the header and the source pane."""
_SAID = 6.0
"""Seconds a line in the footer stays."""
_FETCHED = 20
"""Rows from the top whose source is asked for beforehand, so that a snapshot has it."""


class MainScreen(Actions, inherit_bindings=False):
    """Everything but help. Figures come in by `news()`, and are drawn at the refresh rate."""

    AUTO_FOCUS = ""
    HORIZONTAL_BREAKPOINTS = WIDTHS
    VERTICAL_BREAKPOINTS = HEIGHTS
    BINDINGS: ClassVar[list[BindingType]] = [key.binding for key in KEYS]

    def __init__(self, session: Session, settings: Settings, choice: Choice, palette: Palette) -> None:
        super().__init__()
        self.session, self.settings, self.choice, self.palette = session, settings, choice, palette
        self.header = Header(palette, settings.ascii, id="header")
        self.tabs = Tabs(palette, settings.ascii, id="tabs")
        self.table = HotTable(id="table")
        self.source_pane = SourcePane(palette, settings.ascii, id="source")
        self.filter_line = FilterLine(palette)
        self.status = Status(palette, settings.ascii, id="status")
        self.footer = Footer(palette, settings.ascii, id="footer")
        self._rows: dict[str, Rows] = {view.id: view.rows() for view in VIEWS}
        self._order = SteadyOrder()
        self._ordered_by: tuple[object, ...] = ()
        self._meter = Meter(settings.clock, settings.cpu_clock)
        self._rows_page = Page()
        self._matches: Matcher | None = None
        self._has_news = True
        self._slow = _SLOW
        self._slow_at = float("-inf")
        self._excerpt_of: tuple[object, ...] = ()
        self._notices = Notices()
        self._said = ("", False)
        self._said_at = float("-inf")
        self._ticking: Timer | None = None
        self._wanted_process = settings.process

    def compose(self) -> ComposeResult:
        yield self.header
        yield self.tabs
        yield self.table
        yield self.source_pane
        yield self.filter_line
        yield self.status
        yield self.footer
        yield TooSmall(id="too-small")

    def on_mount(self) -> None:
        if self.choice.filter:
            self.set_filter(self.choice.filter)
        self.set_refresh()
        self.tick()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(is_too_small(*event.size), "-tiny")
        # What stands still does so in a window of another size, too.
        self.call_after_refresh(self.order_rows if self.choice.frozen else self.take_rows)

    # ------------------------------------------------------------ refreshing

    @property
    def view(self) -> View:
        return find_view(self.choice.view)

    def set_refresh(self) -> None:
        if self._ticking is not None:
            self._ticking.stop()
        self._ticking = self.set_interval(1 / self.choice.refresh, self.tick)
        # Over a slow link what is around the rows changes half as often.
        self._slow = min(2 * _SLOW, max(_SLOW, 4 * _SLOW / self.choice.refresh))

    def news(self) -> None:
        """The model has changed. The first rows are not kept waiting for the next refresh."""
        self._has_news = True
        if not self._rows_page.entries and not self.choice.frozen:
            self.tick()

    def tick(self) -> None:
        """One refresh."""
        self.session.credit()
        if not self.is_current:
            return
        if self._has_news and not self.choice.frozen:
            self._has_news = False
            self._collect_rows()
        now = self.settings.clock()
        if now - self._slow_at >= self._slow:
            self._slow_at = now
            self._show_slow()
        self.show_footer()

    def take_rows(self) -> None:
        self._collect_rows()
        self._show_slow()

    def start_over(self) -> None:
        for rows in self._rows.values():
            rows.forget()
        self._order.forget()
        self.take_rows()

    def _choose_wanted_process(self) -> None:
        """The process that was asked for may be found later than the first."""
        for info in self.session.profile.processes.values():
            if info.pid == self._wanted_process and info.is_read:
                self._wanted_process = 0
                self.choice.choose_process(info.id)
                return

    def _collect_rows(self) -> None:
        if self._wanted_process:
            self._choose_wanted_process()
        rows = self._rows[self.choice.view]
        self._rows_page = rows.collect(self.session.profile, self.choice, self.settings.clock())
        self.order_rows()

    def order_rows(self) -> None:
        choice, page = self.choice, self._rows_page
        entries = page.entries
        if self._matches is not None:
            entries = [entry for entry in entries if self._matches(entry.text)]
        look = Look(
            self.palette,
            self.settings.ascii,
            scale_of(entries),
            page.native_known,
            choice.trend,
            are_several(self.session.profile),
            choice.mode == "wall" and self.view is not LIBRARIES,
        )
        self.table.show(
            self._sorted(entries),
            self.view.columns,
            look,
            sort=self.view.sorted_by(choice.sort).id,
            inverted=choice.inverted,
            follow=choice.follow,
            empty=self._why_empty(),
        )
        self._show_selected()
        if self._excerpt_key() != self._excerpt_of:
            self.show_source()

    def _sorted(self, entries: list[Entry]) -> list[Entry]:
        choice = self.choice
        column = self.view.sorted_by(choice.sort)
        value = column.value
        assert value is not None
        # Among equals, most of them at 0.0, those that lead to the hot ones come first.
        entries = sorted(entries, key=lambda entry: entry.total_share, reverse=True)
        ordered_by = (
            choice.view,
            choice.sort,
            choice.inverted,
            choice.thread,
            choice.process,
            choice.per_process,
            choice.mode,
            choice.recent,
        )
        if ordered_by != self._ordered_by:
            self._order.forget()
            self._ordered_by = ordered_by
        if column.align == "left" and column.id != "heat":
            return sorted(entries, key=lambda entry: str(value(entry)), reverse=choice.inverted)
        return self._order.arrange(
            entries,
            lambda entry: entry.key,
            lambda entry: column.shown(float(value(entry))),
            ascending=choice.inverted,
        )

    # ------------------------------------------------------------ the parts around the table

    def _show_slow(self) -> None:
        """Header and source pane: once a second is as often as they can be read."""
        session, choice = self.session, self.choice
        self.header.show(vitals_of(session, choice, self._meter))
        self._show_selected()
        if not choice.frozen or self._excerpt_key() != self._excerpt_of:
            self.show_source()
        for entry in self.table.entries[:_FETCHED]:
            if entry.row.file_id and entry.row.kind == "python":
                session.request_source(entry.row.file_id)

    def _show_selected(self) -> None:
        choice, table = self.choice, self.table
        profile = self.session.profile
        selected = Selected(
            titles=tuple(view.title for view in VIEWS),
            title=self.view.title,
            thread=threads_label(profile, choice),
            window=choice.window_label,
            mode=choice.mode_label,
            filter=choice.filter,
            sort=self.view.sorted_by(choice.sort).title.lower(),
            position=table.position,
            rows=len(table.entries),
            samples=profile.sampling.samples,
        )
        self.tabs.show(selected)
        self.status.show(selected)

    def _excerpt_key(self) -> tuple[object, ...]:
        entry = self.table.current
        choice = self.choice
        return (entry.key if entry else None, choice.mode, choice.recent, choice.thread, choice.process)

    def show_source(self) -> None:
        self._excerpt_of = self._excerpt_key()
        self._show_selected()
        if not self.source_pane.display:
            return
        entry, table = self.table.current, self.table
        excerpt = Excerpt()
        if entry is not None:
            excerpt = excerpt_of(
                self.session,
                self.choice,
                entry,
                table.position,
                len(table.entries),
                ascii_only=self.settings.ascii,
            )
        elif self.is_source_full:
            excerpt = Excerpt(title=self.view.title, reason=self._why_empty())
        self.source_pane.show(excerpt)

    def _why_empty(self) -> str:
        return why_empty(self.session, self.choice, filtered=bool(self._rows_page.entries))

    # ------------------------------------------------------------ the footer and the filter line

    def say(self, text: str, *, is_error: bool = False) -> None:
        self._said, self._said_at = (text, is_error), self.settings.clock()
        self.show_footer()

    def show_footer(self) -> None:
        now = self.settings.clock()
        text, is_error = self._said
        if not text or now - self._said_at >= _SAID:
            text, is_error = self._news(now), False
        if self.is_filtering and not text:
            text = "Enter keeps the filter, Esc clears it"
        renamed = {"source": "Back"} if self.is_source_full else {}
        if self.choice.frozen:
            renamed["freeze"] = "Go on"
        self.footer.show(text, is_error=is_error, renamed=renamed)

    def _news(self, now: float) -> str:
        """What is said unasked: how it ended, or what there is to know of other processes."""
        session = self.session
        if session.ended is not None:
            ended = how_all_ended(session.profile, session.ended)
            return f"{ended.rstrip('.')}; the last figures stay, w saves them"
        return self._notices.text(session.profile, now) if session.live else ""

    def open_filter(self) -> None:
        self.add_class("-filtering")
        self.filter_line.display = True
        self.filter_line.input.value = self.choice.filter
        # At once, not with the next refresh: what is typed ahead must not reach the other keys.
        self.set_focus(self.filter_line.input)
        self.show_footer()

    def on_input_changed(self, event: Input.Changed) -> None:
        self.set_filter(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.close_filter()

    def close_filter(self) -> None:
        self.remove_class("-filtering")
        self.filter_line.display = False
        self.set_focus(None)
        self.show_footer()

    @property
    def is_filtering(self) -> bool:
        return self.has_class("-filtering")

    def set_filter(self, text: str) -> None:
        """A filter that cannot be used leaves the last good one in force, and says why."""
        try:
            matches = compile_filter(text)
        except FilterError as error:
            self.say(str(error), is_error=True)
            return
        if self._said[1]:
            self.say("")
        self._matches, self.choice.filter = matches, text
        self.order_rows()

    def on_hot_table_chosen(self) -> None:
        self.choice.follow = False
        self.show_source()

    def on_hot_table_title_clicked(self, event: HotTable.TitleClicked) -> None:
        self.action_sort(event.column)

    def set_view(self, name: str) -> None:
        self.choice.view = name
        self.choice.follow = True
        self.session.configure(list_tasks=self.view.id == "tasks")
        self.take_rows()
