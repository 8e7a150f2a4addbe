"""The pages in `docs` say what the code says, and their links lead somewhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import ledger
from ledger import cli, errors

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / name for name in ("ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md")]
PAGES += [*sorted((ROOT / "docs").rglob("*.md"))]


def anchors(page: Path) -> set[str]:
    """Return the anchors that a forge makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_generated_pages_are_up_to_date() -> None:
    """`python -m docs.generate --check` finds nothing to write."""
    command = [sys.executable, "-m", "docs.generate", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_command_and_public_name_has_its_heading() -> None:
    """The command line's page has a section for each command, the Python page for each public name."""
    commands = (ROOT / "docs" / "cli.md").read_text("utf-8")
    assert [name for name in cli.COMMANDS if f"\n## ledger {name}\n" not in commands] == []
    names = (ROOT / "docs" / "python.md").read_text("utf-8")
    assert [name for name in ledger.__all__[1:] if name[0] != "_" and f"\n### `ledger.{name}`\n" not in names] == []


def test_every_public_method_is_documented() -> None:
    """Each public method and property of the public classes has a docstring, and stands on the Python page."""
    page = (ROOT / "docs" / "python.md").read_text("utf-8")
    for kind in (ledger.Ledger, ledger.LoggedRun, ledger.Run):
        for name, member in vars(kind).items():
            if not name.startswith("_"):
                assert member.__doc__, f"{kind.__name__}.{name}"
                assert re.search(rf"^{name}[(:]", page, re.MULTILINE), f"{kind.__name__}.{name}"


def test_every_error_is_in_the_errors_page() -> None:
    """Each error's name and code stand on the page."""
    page = (ROOT / "docs" / "errors.md").read_text("utf-8")
    for name in errors.__all__:
        assert f"`{name}`" in page or f"`ledger.{name}`" in page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    """Every link that is a path names a file or folder of this repository, every anchor a heading there."""
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)", page.read_text("utf-8")):
        if "://" in target:
            continue
        linked = page.parent / target if target else page
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked), f"{target}#{anchor}"


def test_the_glossary_has_each_term_once() -> None:
    """A term has one meaning: its row."""
    page = (ROOT / "docs" / "glossary.md").read_text("utf-8")
    terms = [
        term
        for row in re.findall(r"^\| (\*\*.*?) \|", page, re.MULTILINE)
        for term in re.findall(r"\*\*(.+?)\*\*", row)
    ]
    assert sorted(set(terms)) == sorted(terms)
    assert {"run", "step", "metric", "context", "key", "entry", "journal", "segment", "blob", "seal"} <= set(terms)
