"""What livetop's exit codes mean."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Scripts may rely on these."""

    OK = 0
    """All went well; the target's own exit is no error."""
    FAILURE = 1
    """Something went wrong at run time: an engine that died, a file that cannot be read or written."""
    USAGE = 2
    """The command line makes no sense, or a name fits more than one process."""
    NO_TARGET = 3
    """No such process, or not a Python that can be read."""
    PERMISSION = 4
    """The kernel does not let us; the message has the command that changes that."""
    REGRESSION = 5
    """`diff --fail-over` was exceeded."""
    INTERRUPTED = 130
    """Cut short by Ctrl-C before there was a result."""
