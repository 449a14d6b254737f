"""Every key the screen knows: bindings, footer and help are made from this one table."""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding


@dataclass(frozen=True, slots=True)
class Key:
    """What some keys do. `keys` in Textual's names, separated by commas; the first stands in the footer.

    `shown` is how the help writes them, `footer` the footer's label ("" keeps it out of the footer)
    and `narrow` the one on a narrow screen.
    """

    id: str
    keys: str
    shown: str
    action: str
    help: str
    section: str
    footer: str = ""
    narrow: str = ""
    cap: str = ""
    """The key as the footer writes it, when that is not the first of `shown`."""
    priority: bool = False
    """Also when a line that is typed would take the key."""

    @property
    def binding(self) -> Binding:
        return Binding(self.keys, self.action, self.help, show=False, id=self.id, priority=self.priority)


MOVE, SHOW, PICK, DO = "Move", "Show", "Select", "Do"

# fmt: off
KEYS: tuple[Key, ...] = (
    Key("help", "question_mark,h,f1", "? h F1", "help", "this page", DO, "Help", "Help"),
    Key("quit", "q", "q", "quit", "quit", DO, "Quit", "Quit"),
    Key("leave", "f10,ctrl+c,ctrl+q", "F10 ^C", "quit", "quit, also while typing", DO, priority=True),
    Key("source", "enter", "Enter", "source", "full source; of a process or thread: its lines", SHOW,
        "Source", "Source"),
    Key("next_view", "tab", "Tab", "view(1)", "next view", SHOW, "View", "View"),
    Key("previous_view", "shift+tab", "shift+Tab", "view(-1)", "previous view", SHOW),
    Key("filter", "slash,backslash,f4", "/ \\ F4", "filter",
        "filter rows; !TEXT is a regular expression", PICK, "Filter", "Filter"),
    Key("clear", "c,escape", "c Esc", "clear", "clear the filter, then the choice of a process", PICK),
    Key("sort_1", "1", "1", "sort('own_share')", "sort by %OWN", PICK),
    Key("sort_2", "2", "2", "sort('total_share')", "sort by %TOT", PICK),
    Key("sort_3", "3", "3", "sort('own')", "sort by OWN", PICK),
    Key("sort_4", "4", "4", "sort('total')", "sort by TOTAL", PICK),
    Key("next_sort", "s,f6", "s F6", "next_sort(1)", "sort by the next column", PICK, "Sort", "Sort"),
    Key("previous_sort", "S", "S", "next_sort(-1)", "sort by the previous column", PICK),
    Key("invert", "I", "I", "invert", "invert the order", PICK),
    Key("granularity", "l", "l", "granularity", "lines or functions", SHOW, "Line/Fn", "Func"),
    Key("previous_thread", "left", "<-", "thread(-1)", "previous thread", PICK, "Thread", cap="<-/->"),
    Key("next_thread", "right", "->", "thread(1)", "next thread", PICK),
    Key("one_thread", "t", "t", "one_thread", "all threads or one", PICK),
    Key("foreign", "n", "n", "foreign", "threads without Python, too (Threads view)", SHOW),
    Key("per_process", "P", "P", "per_process", "a row for each process, or one for all", SHOW),
    Key("window", "a", "a", "window", "shares of the last seconds, or of all", SHOW),
    Key("mode", "m", "m", "mode", "next mode: cpu, wall, gil", SHOW),
    Key("gil", "g", "g", "gil", "only time holding the GIL", SHOW),
    Key("idle", "i", "i", "idle", "idle time, too (wall mode)", SHOW),
    Key("trend", "x", "x", "trend", "trend column on or off (wide screen)", SHOW),
    Key("freeze", "space,p,Z", "Space p Z", "freeze", "freeze the rows, sampling goes on", DO,
        "Pause", "Pause"),
    Key("reset", "r", "r", "reset", "count from zero", DO),
    Key("faster", "plus,equals_sign", "+", "refresh_rate(1)", "refresh more often", DO),
    Key("slower", "minus", "-", "refresh_rate(-1)", "refresh less often", DO),
    Key("save", "w", "w", "save", "write a snapshot", DO, "Save", "Save"),
    Key("editor", "o", "o", "editor", "open the line in $EDITOR", DO),
    Key("up", "up,k", "up k", "move(-1)", "up", MOVE),
    Key("down", "down,j", "down j", "move(1)", "down", MOVE),
    Key("page_up", "pageup", "PgUp", "page(-1)", "a page up", MOVE),
    Key("page_down", "pagedown", "PgDn", "page(1)", "a page down", MOVE),
    Key("home", "home", "Home", "end(-1)", "first row", MOVE),
    Key("end", "end", "End", "end(1)", "last row", MOVE),
    Key("follow", "F", "F", "follow", "follow the hottest row", MOVE),
)
# fmt: on
