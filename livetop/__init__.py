"""livetop: top for the lines of a running Python process."""

__version__ = "0.1.0"
