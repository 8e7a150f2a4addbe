"""The story of a team, as `examples/team_story.sh` tells it with real git: what it claims is what happens."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

STORY = Path(__file__).parents[1] / "examples" / "team_story.sh"

pytestmark = pytest.mark.slow


class Told(dict[str, str]):
    """What each command of the story said, by `who$ command`; typed again, by that and ` (again)`."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        parts = re.split(r"^(\w+\$ .*)\n", text, flags=re.MULTILINE)
        for command, said in zip(parts[1::2], parts[2::2], strict=True):
            key = command if command not in self else f"{command} (again)"
            self[key] = re.split(r"^(?:#|===) ", said, flags=re.MULTILINE)[0].strip()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Tell the story once, where somebody's own run is open; nothing may be left of it."""
    folder = tmp_path_factory.mktemp("story")
    (folder / "tmp").mkdir()
    env = {**os.environ, "PYTHON": sys.executable, "TMPDIR": str(folder / "tmp"), "LEDGER_RUN": "somebody's"}
    done = subprocess.run(
        ["sh", str(STORY)], cwd=folder, env=env, text=True, timeout=300, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert [path.name for path in folder.rglob("*")] == ["tmp"]
    assert str(folder) not in done.stdout  # it reads the same on every machine
    return Told(done.stdout)


def rows(table: str) -> dict[str, list[str]]:
    """Return the cells of a table's rows by their first one."""
    lines = [re.split(r"\s{2,}", line.strip()) for line in table.splitlines() if "  " in line.strip()]
    return {cells[0]: cells[1:] for cells in lines}


def test_both_branches_merge(told: Told) -> None:
    """Two people add runs, and to one run, on two branches; git merges them by itself, and all of it is there."""
    merged = told['grace$ git merge --no-ff --no-stat -m "Merge grace/product" grace/product']
    assert merged == "Merge made by the 'ort' strategy."
    assert "CONFLICT" not in told.text
    listed = rows(told["grace$ ledger ls --columns name,tag,params.rate,val/auc,note"])
    assert set(listed) >= {"baseline", "product", "rate-0.1", "rate-0.001"}
    assert listed["baseline"][0] == "reference"
    assert listed["baseline"][-1] == "all later models are held against this one"
    assert listed["product"][2].endswith("*")  # the best


def test_late_metrics_have_their_reason(told: Told) -> None:
    """A value for a run that has closed is told as new, with who brought it and why."""
    said = told["grace$ ledger diff"]
    assert re.search(r"^baseline  test/auc ↑ .* 0\.871 .* new$", said, re.MULTILINE)
    assert "late rows by Grace <grace@example.org>: labels came late" in said


def test_the_gate_says_no(told: Told) -> None:
    """A good branch passes, the one that made val/auc worse does not; the comment says what and by how much."""
    assert "✓ pass: 4 passed; runs added or changed since main (" in told["grace$ ledger check --baseline main"]
    gate = told["grace$ ledger check --baseline main (again)"]
    assert gate.endswith("(exit code 1)")
    failed = r"^✗ fail +val/auc +max_drop 0\.01 +tidy +0\.8490 +main:product +0\.8947 +-0\.0457"
    assert re.search(failed, gate, re.MULTILINE)
    comment = told["grace$ ledger report --diff main...HEAD"]
    assert comment.startswith("## Experiment results\n\n❌ main...HEAD (")
    assert "**Gate: fail** (1 failed, 1 passed; `runs added or changed since main (" in comment
    assert re.search(r"^\| tidy \| \w{8} \| finished \| 0\.849 [▁▂▃▄▅▆▇█]{6} \|$", comment, re.MULTILINE)


def test_history_finds_the_commit(told: Told) -> None:
    """The one commit that is marked worse is the merge that should not have been, and git shows what it changed."""
    history = told["ada$ ledger history val/auc --newest"]
    [worse] = [line for line in history.splitlines() if "✗ worse" in line]
    assert worse.endswith("Merge grace/tidy")
    [shown] = [said for command, said in told.items() if command.startswith("ada$ git show -m")]
    assert shown.startswith(worse.split()[0][:7])
    assert "+    age, marker = age / 100, marker / 1000" in shown


def test_a_squashed_commit_is_replaced(told: Told) -> None:
    """The commit that the run recorded is gone; the one that brought the run stands for it, and that is said."""
    said = told["ada$ ledger diff product longer"]
    replaced = re.search(r"no branch has its commit (\w{12}) any more .*; the commit (\w{12}) added the run", said)
    assert replaced
    assert f"\nnew  {replaced[2]}\n" in said
    assert replaced[1] not in said.replace(replaced[0], "")
    assert re.search(r"^train\.py +2 +2$", said, re.MULTILINE)


def test_all_is_well_that_ends_well(told: Told) -> None:
    """The mended model passes and is the best, and the files are sound."""
    gate = told["ada$ ledger check --baseline main:product"]
    assert "✓ pass: 2 passed" in gate
    assert "(exit code" not in gate
    best = rows(told["ada$ ledger ls --sort -val/auc --limit 3 --columns name,tag,val/auc,test/auc,params.epochs"])
    assert best["centred"][1].endswith("*")
    assert told["ada$ ledger verify"].endswith("nothing damaged")
