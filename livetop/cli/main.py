"""The entry point: finds the verb, runs it, and turns whatever goes wrong into one line and a code."""

from __future__ import annotations

import difflib
import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn

import click

import livetop
from livetop.cli.exitcodes import ExitCode

VERBS: dict[str, str] = {
    "attach": "attach",
    "run": "run",
    "demo": "demo",
    "record": "record",
    "dump": "dump",
    "show": "show",
    "view": "view",
    "diff": "diff",
    "export": "export",
    "list": "processes",
    "doctor": "doctor",
    "engine": "engine",
}
"""Verb -> module of this package that defines it, as `command`, in the order of the help."""

HELP = """Like top, for the lines of a running Python process.

    Attaches from outside: nothing is installed into the target and nothing is restarted.

    \b
    Examples:
      livetop 4242               watch process 4242
      livetop attach worker.py   watch the one Python process of that name
      livetop demo               watch a bundled program, to see what it looks like
    """


class ReaderGone(Exception):
    """Whoever reads our output has seen enough (`| head`), which is fine."""


class Verbs(click.Group):
    """Imports a verb's module when it is asked for; a first word that is no verb is a target."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"livetop.cli.{VERBS[cmd_name]}")
        command: click.Command = module.command
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = {option for param in self.get_params(ctx) for option in param.opts}
        if args and args[0] not in VERBS and args[0] not in own:
            args = ["attach", *args]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            result = super().invoke(ctx)
            # Writing what is still buffered may fail, and should fail here.
            sys.stdout.flush()
        except BrokenPipeError:
            # Before click sees it, who takes it for a failure.
            raise ReaderGone from None
        return result


@click.group(
    cls=Verbs,
    help=HELP,
    no_args_is_help=True,
    options_metavar="",
    subcommand_metavar="PID|NAME|VERB [OPTIONS]",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(livetop.__version__, "-V", "--version", message="livetop %(version)s")
def cli() -> None:
    """Everything is in the verbs."""


def main(args: Sequence[str] | None = None) -> None:
    """Runs the command line and exits with a code of `ExitCode`."""
    _fill_streams()
    try:
        code = cli.main(args, prog_name="livetop", standalone_mode=False)
        sys.exit(code or ExitCode.OK)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        if word := _negative_target(error, sys.argv[1:] if args is None else args):
            from livetop.cli.targets import no_such_process

            _fail(str(no_such_process(word)), ExitCode.NO_TARGET)
        context = getattr(error, "ctx", None)
        path = context.command_path if context else "livetop"
        text = error.format_message().replace("\n", " ")
        if isinstance(error, click.exceptions.NoArgsIsHelpError):
            click.echo(error.format_message())
            sys.exit(ExitCode.OK)
        if isinstance(error, click.UsageError):
            text += f" (see {path} --help)"
        _fail(text, error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _fail("interrupted", ExitCode.INTERRUPTED)
    except ReaderGone:
        _drop_output()
        sys.exit(ExitCode.OK)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _drop_output()
        _fail(f"{where}{error.strerror or error}", ExitCode.FAILURE)
    except Exception as error:
        if _is_ours(error):
            _fail(str(error), getattr(error, "code", ExitCode.FAILURE))
        if os.environ.get("LIVETOP_DEBUG"):
            raise
        text = " ".join(f"{type(error).__name__}: {error}".split())
        _fail(f"internal error, {text}; please report it, with what LIVETOP_DEBUG=1 shows", ExitCode.FAILURE)


def _fill_streams() -> None:
    """Replaces standard streams that were closed (`>&-`), which Python has as None.

    Output that nothing takes is an error, as with any program, but only once there is some; what is said on
    the side is just not heard.
    """
    for number, name, way in (
        (0, "stdin", os.O_RDONLY),
        (1, "stdout", os.O_RDONLY),
        (2, "stderr", os.O_WRONLY),
    ):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, way)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))


def _drop_output() -> None:
    """Gives up what stdout does not take: Python would try, and complain, again at exit."""
    with suppress(OSError):
        sys.stdout.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def suggestion(word: str) -> str:
    """A hint for a word that was taken for a target but may be a misspelt verb, or ""."""
    near = difflib.get_close_matches(word, VERBS, n=1, cutoff=0.75)
    return f" (did you mean livetop {near[0]}?)" if near else ""


def _negative_target(error: click.ClickException, words: Sequence[str]) -> str:
    """A number below 0 that stands where a verb takes a target, and was taken for an option; or ""."""
    if not isinstance(error, click.NoSuchOption) or error.ctx is None:
        return ""
    if all(param.name != "target" for param in error.ctx.command.params):
        return ""
    numbers = (word for word in words if word[:1] == "-" and word[1:].isdecimal())
    return next((word for word in numbers if word.startswith(error.option_name)), "")


def _is_ours(error: Exception) -> bool:
    """Whether this is one of the errors that are made for the user's eyes.

    Only modules that are loaded already can have raised, so none is imported for this.
    """
    for module, name in _ERRORS:
        loaded = sys.modules.get(module)
        if loaded is not None and isinstance(error, getattr(loaded, name)):
            return True
    return False


_ERRORS = (
    ("livetop.target.errors", "TargetError"),
    ("livetop.profile.snapshot", "SnapshotError"),
    ("livetop.wire.framing", "ProtocolError"),
    ("livetop.session.protocol", "LinkError"),
)


def _fail(text: str, code: int) -> NoReturn:
    click.echo(f"livetop: {text}", err=True)
    sys.exit(code)
