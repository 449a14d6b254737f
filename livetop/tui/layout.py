"""Where the parts of the screen are, by the size of the terminal."""

from livetop.tui.columns import WIDE

TALL = 30
"""Lines from which on the source pane has room beside the table."""

WIDTHS = [(0, "-narrow"), (WIDE, "-wide")]
HEIGHTS = [(0, "-short"), (TALL, "-tall")]

CSS = """\
MainScreen {
    layout: vertical; overflow: hidden hidden; background: ansi_default;
    #header { height: 2; }
    #tabs, #status, #footer { height: 1; }
    #table { height: 1fr; }
    #source { height: 33%; min-height: 10; max-height: 24; display: none; }
    #too-small { height: 1fr; display: none; }
    &.-narrow #tabs { display: none; }
    &.-wide #status { display: none; }
    &.-tall #source { display: block; }
    &.-full #source { display: block; height: 1fr; max-height: 100%; }
    &.-full #table { display: none; }
    &.-tiny Widget { display: none !important; }
    &.-tiny #too-small { display: block !important; }
}
"""
"""The app's style sheet: Textual does not load that of a default screen."""
