"""The command-line way in: arguments in, text out. One command, one file, loaded by name when it is asked for.

Errors end here: an expected one is a line or two on stderr and its exit code, a bug is exit 70 with a report to send.
"""

from __future__ import annotations

import gc
import os
import sys
import warnings
from importlib import import_module
from typing import Any

import click

from ledger import __version__
from ledger.cli import output
from ledger.errors import LedgerError, LedgerWarning

# Each command and its summary, in the order of `ledger --help`; the file is named like the command, `_` for `-`.
COMMANDS = {
    "init": "Make a ledger here.",
    "status": "Say what is going on: runs, journals, what git would leave out.",
    "start": "Open a run and print its id.",
    "log": "Log metrics, charts, params and tags to a run.",
    "log-predictions": "Keep predictions that stand in a CSV or Parquet file.",
    "labels": "Add labels that came late; say what came when, and how many are in.",
    "evaluate": "Compute metrics again from the predictions of a run.",
    "backfill": "Add a metric to runs that are closed: a value, or computed from their predictions.",
    "finish": "Seal and close a run.",
    "run": "Run a program as a run: its output, its exit status.",
    "ls": "List runs.",
    "show": "Show one run.",
    "compare": "Set runs side by side.",
    "diff": "Say what differs between two runs, or two revisions.",
    "history": "Show every value of a run's metric, or the best value by commit.",
    "check": "Hold runs against the gates: pass, fail or undecided.",
    "report": "Write what a branch did to the results, for a pull request.",
    "plot": "Draw runs: curves, boomerang, scatter, parallel, montage.",
    "charts": "List or save the charts of a run.",
    "tag": "Add or remove tags.",
    "note": "Set a run's note.",
    "rename": "Give a run another name.",
    "rm": "Take runs out of view.",
    "restore": "Bring removed runs, or reverted entries, back.",
    "revert": "Take one entry back: a correction, a backfill, labels.",
    "export": "Write the rows of runs as JSON lines, CSV or Parquet.",
    "merge": "Add what another ledger, or a revision, has and this one has not.",
    "repair": "Bring damaged files back, from git or from journals.",
    "gc": "Remove blobs that nothing names any more.",
    "schema": "Show what .ledger-schema declares.",
    "git": "Show rows in git diff; check what is committed.",
    "verify": "Check everything: hashes, entries, references, journals, rows, secrets.",
}

EXIT_CODES = """\b
Exit codes: 0 done; 1 the answer is no; 2 usage; 3 undecided; 4 no ledger or no such run;
5 damage; 70 a bug; 74 the disk refused; 130 interrupted."""


class Commands(click.Group):
    """The commands, each imported when it is named: `ledger log` must not pay for `ledger compare`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Return a command by its name."""
        if name not in COMMANDS:
            return None
        module = import_module(f"ledger.cli.{name.replace('-', '_')}")
        command: click.Command = module.command
        command.epilog = EXIT_CODES
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find the command; an unknown one is answered with the nearest."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            ctx.fail(f"no such command: {args[0]!r}." + (f" Did you mean: ledger {near[0]}?" if near else ""))
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; where nobody reads its output any more, click would exit with 1, which means "no" here."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            ctx.exit(_unread())

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=Commands, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-C", "folder", metavar="DIR", help="Work as if started in DIR.")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Colours in tables.")
@click.version_option(__version__, "--version", prog_name="ledger")
@click.pass_context
def group(ctx: click.Context, folder: str | None, color: str) -> None:
    """Experiment results as files that only grow, committed beside the code."""
    ctx.obj = color
    if folder is not None:
        try:
            os.chdir(folder)
        except OSError as error:
            raise click.UsageError(f"cannot work in {folder}: {error.strerror}") from None


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with the documented code."""
    gc.set_threshold(100_000)  # a command is over before there is garbage worth looking for
    output.readable()
    warnings.simplefilter("always", LedgerWarning)
    warnings.showwarning = _show_warning
    sys.exit(_run(arguments))


def _run(arguments: list[str] | None) -> int:
    try:
        code = group.main(args=arguments, prog_name="ledger", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except LedgerError as error:
        return _fail(str(error), error.exit_code)
    except click.UsageError as error:
        where = f"\ntry: {error.ctx.command_path} --help" if error.ctx is not None else ""
        return _fail(error.format_message() + where, 2)
    except click.ClickException as error:
        return _fail(error.format_message(), 2)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _fail("interrupted", 130)
    except BrokenPipeError:
        return _unread()
    except OSError as error:
        return _fail(f"{error.strerror or error}{f' ({error.filename})' if error.filename else ''}", 74)
    except Exception as error:
        return _report(error)


def _unread() -> int:
    """Whoever read us has gone; Python would complain again when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 141


def _fail(text: str, code: int) -> int:
    from ledger.view.rows import clean

    lines = [clean(line) for line in text.splitlines()]
    output.say("ledger: " + "\n        ".join(lines))
    return code


def _report(error: Exception) -> int:
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="ledger-bug-", suffix=".txt", delete=False) as file:
        file.write(f"ledger {sys.argv!r}\npython {sys.version}\n\n{''.join(traceback.format_exception(error))}")
    return _fail(f"this is a bug in ledger: {type(error).__name__}: {error}\nplease report it with {file.name}", 70)


def _show_warning(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
    if issubclass(category, LedgerWarning):
        _fail(str(message).removeprefix("ledger: "), 0)


__all__ = ["COMMANDS", "group", "main"]
