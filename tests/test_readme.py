"""Every code block of the README and the guides runs, in a new repository, as a reader would run it.

A page's blocks run in order in one folder. ```python blocks run as scripts, saved under the name in their first line
(`# train.py`); ```sh blocks must succeed; ```console blocks have `$ ` commands, `> ` lines that go on, and the output
of each, in which `...` stands for anything. What comes after `<!-- not run: REASON -->` is not run.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "guides").glob("*.md"))]
NOT_RUN: list[str] = []  # the reasons that pages may give
MARK = "=== end of a command ==="


class Block(NamedTuple):
    """A fenced block: where its first line stands, its language, its text, and why it is not run, if it is not."""

    line: int
    language: str
    text: str
    not_run: str | None


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page, in order."""
    found, reason = [], None
    lines = iter(enumerate(page.read_text(encoding="utf-8").splitlines(), start=1))
    for number, line in lines:
        if mark := re.fullmatch(r"<!-- not run: (.+) -->", line):
            reason = mark[1]
        elif line.startswith("```"):
            inside = []
            for _, text in lines:
                if text == "```":
                    break
                inside.append(text)
            else:
                raise AssertionError(f"{page.name}:{number}: the block does not end")
            found.append(Block(number + 1, line[3:].strip(), "\n".join(inside) + "\n", reason))
            reason = None
    return found


def is_setup(block: Block) -> bool:
    """Say whether a block sets this project up: CI runs those two, on a fresh machine."""
    return ".venv/bin/" in block.text


class Shell:
    """A folder with a new repository, and `ledger` and `python` on the PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.bin = folder / "work", folder / "bin"
        self.bin.mkdir(parents=True)
        for name, command in {"python": "", "ledger": "-m ledger", "git-ledger": "-m ledger"}.items():
            shim = self.bin / name
            shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" {command} "$@"\n')
            shim.chmod(0o755)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("LEDGER_")},
            "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "LEDGER_CACHE_DIR": str(folder / "cache"),
            "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.org",
            "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.org",
            "MPLBACKEND": "agg", "PYTHONUTF8": "1",
        }  # fmt: skip
        subprocess.run(["git", "init", "-q", "-b", "main", str(self.folder)], check=True)

    def run(self, *command: str) -> str:
        """Run a command that must succeed; return what it wrote, notices between the data."""
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}"
        return done.stdout

    def run_python(self, block: Block, later: str) -> None:
        """Save a block as the script it says it is; run it with warnings as errors, unless a later block runs it."""
        named = re.match(r"# ([\w-]+\.py)\n", block.text)
        script = self.folder / (named[1] if named else ".block.py")
        script.write_text(block.text)
        if f"python {script.name}" not in later:
            self.run(sys.executable, "-W", "error", script.name)

    def run_console(self, block: Block) -> None:
        """Run the commands of a block in one shell; each must succeed, and write what stands below it."""
        commands: list[tuple[list[str], list[str]]] = []
        for line in block.text.splitlines():
            if line.startswith("$ "):
                commands.append(([line[2:]], []))
            elif line.startswith("> ") and not commands[-1][1]:
                commands[-1][0].append(line[2:])
            else:
                commands[-1][1].append(line)
        script = "".join("\n".join(command) + f'\necho "{MARK} $?"\n' for command, _ in commands)
        outputs = re.split(rf"{MARK} (\d+)\n", self.run("sh", "-c", script))
        assert len(outputs) == 2 * len(commands) + 1, f"not every command ran:\n{outputs}"
        for (command, expected), output, status in zip(commands, outputs[::2], outputs[1::2], strict=False):
            if status != "0" or not matches("\n".join(expected), output):
                wanted = "\n".join(expected)
                raise AssertionError(f"{command} ended with {status} and wrote\n{output}\nnot\n{wanted}")


def matches(expected: str, output: str) -> bool:
    """Say whether an output is what a page shows, in which `...` stands for anything."""
    pattern = ".*".join(re.escape(part) for part in expected.strip().split("..."))
    return re.fullmatch(pattern, output.strip(), re.DOTALL) is not None


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_code_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    """Every block of a page succeeds, and writes what the page says."""
    shell = Shell(tmp_path)
    to_run = [block for block in blocks(page) if not is_setup(block) and not block.not_run]
    for number, block in enumerate(to_run):
        try:
            if block.language == "python":
                shell.run_python(block, "".join(later.text for later in to_run[number + 1 :]))
            elif block.language == "console":
                shell.run_console(block)
            else:
                shell.run("sh", "-euc", block.text)
        except AssertionError as error:
            raise pytest.fail.Exception(f"{page.name}:{block.line}: {error}", pytrace=False) from None


def test_only_known_languages_are_used() -> None:
    """A block in another language would not run: it must be one of these three."""
    for page in PAGES:
        for block in blocks(page):
            assert block.language in ("python", "sh", "console"), f"{page.name}:{block.line}: {block.language!r}"


def test_the_readme_sets_up_with_two_commands() -> None:
    """The README has two set-up commands, each of one line; the guides have none."""
    setups = [(page.name, block) for page in PAGES for block in blocks(page) if is_setup(block)]
    assert [name for name, _ in setups] == ["README.md", "README.md"]
    assert all(len(block.text.splitlines()) == 1 for _, block in setups)
    assert setups[0][1].text.rstrip().endswith("ledger compare linear boosting network")
    assert "pytest" in setups[1][1].text


def test_what_is_not_run_is_known() -> None:
    """A block that does not run is an exception that this file lists."""
    reasons = [block.not_run for page in PAGES for block in blocks(page) if block.not_run]
    assert reasons == NOT_RUN


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    """Every link and picture of a page that is a path names a file of this repository."""
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).is_file(), f"{page.name} links to {target}"


def test_the_comparison_of_output_has_teeth() -> None:
    """`...` stands for anything; everything else must be there, to the letter."""
    assert matches("made ..., closed", "made x-1, closed\n")
    assert not matches("made ..., closed", "made x-1, open\n")
    assert not matches("", "unexpected\n")
