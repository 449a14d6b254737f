"""What the tests of several packages share: this folder is on the path (`from fake_memory import ...`)."""
