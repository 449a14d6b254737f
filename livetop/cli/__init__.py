"""One module a verb."""

import os
import sys

# What the user's PYTHONPATH leads to is for the user's programs: a queue.py or another version of a package
# there must not stand in for what livetop itself is built on. Behind the rest it still serves who has livetop
# by it.
_THEIRS = {os.path.abspath(folder) for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder}
if _THEIRS and not sys.flags.ignore_environment:
    sys.path.sort(key=_THEIRS.__contains__)
