"""The Textual app: views, widgets, key table, theme."""

import os

# Textual reads these once, when it is imported: 30 frames a second are plenty for text, smooth
# scrolling and animations only cost bytes on a slow link.
os.environ.setdefault("TEXTUAL_FPS", "30")
os.environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")
os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
