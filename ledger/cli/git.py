"""`ledger git`: rows in `git diff`, and a check before a commit. All of it can be left out."""

import click

from ledger.api import git as api
from ledger.cli import options, output


@click.group("git")
def command() -> None:
    """Let git show metric rows, and check what is committed. Nothing else of ledger needs it.

    What is set is local to this clone, and shared by its work trees.
    """


@command.command("install")
@click.option("--hook", is_flag=True, help="Check what is staged of a ledger before each commit, too.")
@click.option("--lfs", hidden=True, metavar="SIZE")
def install(hook: bool, lfs: str | None) -> None:
    """Make git diff, git show and git log -p show metric rows in place of "Binary files differ".

    With --hook, a commit is stopped where it leaves out runs that have ended, or takes in damaged files or what looks
    like a credential. A hook that is there already is left alone.
    """
    if lfs is not None:
        raise click.UsageError(_NO_LFS)
    found = api.install(hook=hook)
    output.text(f"git diff, git show and git log -p show metric rows in {found.top}\n")
    if hook:
        output.text(f"{_HOOK[found.hook_state]}: {found.hook}\n")
    if not found.applies:
        output.notice(f"another rule outdoes it; see: git check-attr diff -- .ledger, and {found.attributes}")


@command.command("uninstall")
def uninstall() -> None:
    """Take away what install has set, and nothing else."""
    changed = api.uninstall()
    output.text("".join(f"changed {path}\n" for path in changed) or "nothing was installed\n")


@command.command("status")
@options.formats(tables=False)
def status(form: str | None) -> None:
    """Say what is installed here, and whether it works."""
    found = api.work_tree_settings()
    installed = found.has_attributes and found.command is not None
    if form == "json":
        diff = {
            "installed": installed,
            "applies": found.applies,
            "works": found.works,
            "attributes": found.attributes,
            "textconv": found.command,
        }
        document = {
            "schema": "ledger.git/1",
            "path": found.top,
            "diff": {key: value for key, value in diff.items() if value is not None},
            "hook": {"state": found.hook_state, "path": found.hook},
        }
        output.json(document)
        return
    if not installed:
        text = "not installed: ledger git install"
    elif not found.applies:
        text = "installed, but another rule outdoes it; see: git check-attr diff -- FILE"
    elif not found.works:
        text = "installed, but its program is gone: ledger git install"
    else:
        text = "installed: git diff, git show and git log -p show metric rows"
    output.text(f"repository  {found.top}\ndiff        {text}\nhook        {_HOOK[found.hook_state]}: {found.hook}\n")


_NO_LFS = """\
git-LFS cannot hold files of a ledger: .ledger/.gitattributes switches filters off, in every clone
keep large files out of it with max_blob in .ledger-schema, and log their path and digest as params"""

_HOOK = {
    "absent": "not installed",
    "installed": "installed",
    "calls": "called by a hook of yours",
    "other": "not installed; another hook is there",
}


@command.command("textconv", hidden=True)
@click.argument("file", type=click.Path())
def textconv(file: str) -> None:
    """Write a file of a ledger as text, for git."""
    try:
        output.text(api.text_of(file))
    except OSError as error:
        raise click.UsageError(f"cannot read {file}: {error.strerror}") from None


@command.command("pre-commit", hidden=True)
def pre_commit() -> None:
    """Check what is staged; exit 1 where the commit should not be made as it is."""
    found = api.check_staged()
    if found is None:
        output.notice("this is no work tree that ledger knows, so nothing was checked")
        return
    from ledger.view.staged import render_staged

    for text in render_staged(found):
        output.notice(text)
    if found.stops:
        output.notice("the commit was stopped; to make it all the same: git commit --no-verify")
        click.get_current_context().exit(1)
