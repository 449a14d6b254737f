"""The least that Textual can show: what any screen made with it takes to appear."""

from textual.app import App
from textual.widgets import Static


class Bare(App):
    def compose(self):
        yield Static("bare-app-painted")


Bare().run()
