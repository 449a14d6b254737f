"""The Textual app: views, widgets, key table, theme."""
