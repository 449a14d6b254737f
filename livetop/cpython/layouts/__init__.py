"""Layouts: the class, the tables of all versions, and what targets state of themselves."""
