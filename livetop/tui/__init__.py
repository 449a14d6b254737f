"""The Textual app: views, widgets, key table, theme."""

import os

# Textual reads these once, when it is imported: 30 frames a second are plenty for text, smooth
# scrolling and animations only cost bytes on a slow link. A program that is started from here may
# be one of Textual's, too, and has the user's environment.
_ADDED = {
    name: value
    for name, value in {
        "TEXTUAL_FPS": "30",
        "TEXTUAL_SMOOTH_SCROLL": "0",
        "TEXTUAL_ANIMATIONS": "none",
    }.items()
    if name not in os.environ
}
os.environ.update(_ADDED)
try:
    import textual.constants  # noqa: F401 - for its effect
finally:
    for _name in _ADDED:
        del os.environ[_name]
