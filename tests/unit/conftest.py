"""Beside the tests of one package, what they share: this folder is on the path (`from fake_memory import ...`)."""
