"""The workflows in `examples/ci`: their shell steps, run as GitHub and GitLab run them, in a real repository."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.conftest import git

EXAMPLES = Path(__file__).parents[1] / "examples" / "ci"
GITHUB: dict[str, Any] = yaml.safe_load((EXAMPLES / "github.yml").read_text("utf-8"))["jobs"]["ledger"]
GITLAB: dict[str, Any] = yaml.safe_load((EXAMPLES / "gitlab.yml").read_text("utf-8"))["results"]
STEPS = [step for step in GITHUB["steps"] if "run" in step]
GATE = "Did a metric get worse?"
EVALUATED = {"github.token": "s3cret", "github.repository": "ada/model", "github.event.pull_request.number": "7"}
HOSTILE = "x$(touch${IFS}pwned);touch${IFS}pwned"  # git takes it for a branch, a careless script for a command

# What a branch adds to a main whose baseline has val/auc 0.88, and how the gate ends.
BRANCHES = {
    "good": (["val/auc=0.90"], 0),
    "worse": (["val/auc=0.80"], 1),
    "undecided": (["val/auc=nan"], 3),
    "no-results": ([], 0),
}

# Stands for gh, curl and pip: writes down how it was called, and answers as curl would to a list of notes.
RECORDER = """#!/bin/sh
{ printf '%s' "$(basename "$0")"; printf ' <%s>' "$@"; echo; } >> "$RECORD"
case "$*" in *--header*) read -r header; echo "stdin: $header" >> "$RECORD" ;; esac
case "$*" in *per_page*) printf '%s' "${NOTES:-[]}" ;; esac
exit "${STUB_EXIT:-0}"
"""


class Said(NamedTuple):
    """What a step did: its exit code, and all that it wrote."""

    code: int
    text: str


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a repository with a gate, a baseline, and the branches; all have a common commit that main went on from."""
    folder = tmp_path_factory.mktemp("origin")

    def add(name: str, *values: str) -> None:
        for words in (["start", name], ["log", *values], ["finish"]):
            command = [sys.executable, "-m", "ledger", *words]
            done = subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.PIPE, text=True)
            environment["LEDGER_RUN"] = done.stdout.strip() or environment["LEDGER_RUN"]
        del environment["LEDGER_RUN"]

    environment = {**os.environ}

    git("init", "-q", "-b", "main", cwd=folder)
    git("config", "user.name", "Ada", cwd=folder)
    git("config", "user.email", "ada@example.org", cwd=folder)
    (folder / ".ledger-schema").write_text('[gate."val/auc"]\nmin = 0.5\nmax_drop = 0.01\n')
    add("model", "val/auc=0.88")
    git("add", ".", cwd=folder)
    git("commit", "-q", "-m", "baseline", cwd=folder)
    for branch, (values, _) in BRANCHES.items():
        git("switch", "-q", "-c", branch, "main", cwd=folder)
        (folder / "README").write_text(branch)
        if values:
            add("model", *values)
        git("add", ".", cwd=folder)
        git("commit", "-q", "-m", branch, cwd=folder)
    git("switch", "-q", "main", cwd=folder)
    add("other", "val/auc=0.1")  # below the gate: nobody's business but main's
    git("add", ".", cwd=folder)
    git("commit", "-q", "-m", "main goes on", cwd=folder)
    git("branch", HOSTILE, "main", cwd=folder)
    return folder


class Runner:
    """A machine of a CI: a clone, programs on the PATH, and what it was asked to send."""

    def __init__(self, folder: Path, origin: Path) -> None:
        self.clone, self.bin, self.record = folder / "clone", folder / "bin", folder / "record"
        self.bin.mkdir()
        self.record.touch()
        for name, command in {"ledger": "-m ledger", "python": ""}.items():
            self._program(name, f'#!/bin/sh\nexec "{sys.executable}" {command} "$@"\n')
        for name in ("gh", "curl", "pip"):
            self._program(name, RECORDER)
        git("clone", "-q", str(origin), str(self.clone))
        git("checkout", "-q", "--detach", cwd=self.clone)
        git("branch", "-q", "-D", "main", cwd=self.clone)
        git("config", "user.name", "CI", cwd=self.clone)
        git("config", "user.email", "ci@example.org", cwd=self.clone)

    def _program(self, name: str, text: str) -> None:
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def run(self, shell: list[str], script: str, env: dict[str, str]) -> Said:
        """Run a script from a file, as runners do."""
        file = self.bin.parent / "step.sh"
        file.write_text(script)
        environment = {**os.environ, "PATH": f"{self.bin}:{os.environ['PATH']}", "RECORD": str(self.record), **env}
        done = subprocess.run(
            [*shell, str(file)], cwd=self.clone, env=environment, text=True, check=False, timeout=120,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        return Said(done.returncode, done.stdout)

    @property
    def sent(self) -> str:
        """How the programs that send something were called, a line a call."""
        return self.record.read_text()

    @property
    def is_clean(self) -> bool:
        """Whether no file came that a script was made to write."""
        return not list(self.clone.rglob("pwned"))


@pytest.fixture
def runner(tmp_path: Path, origin: Path) -> Runner:
    """Give a machine with a clone of the repository."""
    return Runner(tmp_path, origin)


def github(runner: Runner, branch: str, base: str = "main", **env: str) -> dict[str, Said]:
    """Run the steps as GitHub does on a pull request: on the merge of the branch, each in a shell of its own.

    After a failed step only those with a condition run; every condition in the example is true here.
    """
    git("checkout", "-q", "--detach", f"origin/{base}", cwd=runner.clone)
    git("merge", "-q", "--no-ff", "-m", "merge", f"origin/{branch}", cwd=runner.clone)
    shared = {"GITHUB_BASE_REF": base, "GITHUB_STEP_SUMMARY": str(runner.bin.parent / "summary")}
    said: dict[str, Said] = {}
    for step in STEPS:
        if all(one.code == 0 for one in said.values()) or "if" in step:
            own = {
                name: re.sub(r"\$\{\{ (.+?) \}\}", lambda m: EVALUATED[m[1]], value)
                for name, value in step.get("env", {}).items()
            }
            said[step["name"]] = runner.run(["bash", "-e"], step["run"], {**shared, **own, **env})
    return said


def gitlab(runner: Runner, branch: str, *, merged: bool = False, **env: str) -> tuple[Said, Said]:
    """Run the job as GitLab does in a pipeline of a merge request: all lines in one shell, then the last part."""
    git("checkout", "-q", "--detach", f"origin/{branch}", cwd=runner.clone)
    base = git("merge-base", "origin/main", "HEAD", cwd=runner.clone).strip()
    shared = {"CI_MERGE_REQUEST_DIFF_BASE_SHA": base, "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main"}
    shared |= {"CI_API_V4_URL": "https://gitlab.example.org/api/v4", "CI_MERGE_REQUEST_IID": "7"}
    shared |= {"CI_MERGE_REQUEST_PROJECT_ID": "42", **GITLAB["variables"], **env}
    if merged:
        git("checkout", "-q", "--detach", "origin/main", cwd=runner.clone)
        git("merge", "-q", "--no-ff", "-m", "merge", f"origin/{branch}", cwd=runner.clone)
        shared["CI_MERGE_REQUEST_TARGET_BRANCH_SHA"] = git("rev-parse", "origin/main", cwd=runner.clone).strip()
    shell = ["bash", "-e", "-o", "pipefail"]
    job = runner.run(shell, "\n".join([*GITLAB["before_script"], *GITLAB["script"]]), shared)
    return job, runner.run(shell, "\n".join(GITLAB["after_script"]), shared)


def test_nothing_of_a_pull_request_becomes_a_command() -> None:
    """No script has an expression in it: what others name comes in by the environment, and the token may do little."""
    assert [step["name"] for step in STEPS if "${{" in step["run"]] == []
    assert len(STEPS) == 6
    workflow = yaml.safe_load((EXAMPLES / "github.yml").read_text("utf-8"))
    assert workflow["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert list(workflow[True]) == ["pull_request"]  # YAML 1.1 reads `on` so; never pull_request_target
    [checkout] = [step for step in GITHUB["steps"] if step.get("uses", "").startswith("actions/checkout@")]
    assert checkout["with"] == {"fetch-depth": 0, "persist-credentials": False}
    [comment] = [step for step in STEPS if step["name"] == "Comment"]
    assert comment["continue-on-error"] is True
    assert "head.repo.full_name == github.repository" in comment["if"]
    assert GITLAB["variables"] == {"GIT_DEPTH": "0"}


@pytest.mark.slow
@pytest.mark.parametrize("branch", BRANCHES)
def test_github(runner: Runner, branch: str) -> None:
    """The gate decides the job: 0 for a good branch, 1 for a worse one, 3 where it cannot be told.

    Whatever it says, the report is in the summary and goes out as the comment; a branch without runs passes.
    """
    values, expected = BRANCHES[branch]
    said = github(runner, branch)
    assert {name: one.code for name, one in said.items() if one.code} == ({GATE: expected} if expected else {})
    report = (runner.clone / "report.md").read_text("utf-8")
    assert (runner.bin.parent / "summary").read_text("utf-8") == report
    assert ("| model |" in report) == bool(values)
    assert "other" not in report
    assert (runner.clone / "gate.xml").exists() == bool(values)
    assert runner.sent.splitlines() == [
        "pip <install> <--quiet> <ledger-ml>",
        "gh <pr> <comment> <7> <--edit-last> <--create-if-none> <--body-file> <report.md>",
    ]


@pytest.mark.slow
def test_github_lets_undecided_pass_where_it_is_told_to(runner: Runner) -> None:
    """UNDECIDED: pass gives a warning instead, and a failure stays one."""
    said = github(runner, "undecided", UNDECIDED="pass")
    assert said[GATE].code == 0
    assert "::warning title=Results::" in said[GATE].text
    assert github(runner, "worse", UNDECIDED="pass")[GATE].code == 1


@pytest.mark.slow
def test_a_branch_that_is_called_like_a_command(runner: Runner) -> None:
    """The name of a branch is no command, whatever stands in it: the job ends as with any other name."""
    said = github(runner, "worse", base=HOSTILE)
    assert {name: one.code for name, one in said.items() if one.code} == {GATE: 1}
    assert runner.is_clean


@pytest.mark.slow
def test_damage_fails_the_github_job(runner: Runner, origin: Path) -> None:
    """An altered file stops the job before the gate; a report that cannot be whole fails too."""
    git("checkout", "-q", "-b", "damaged", "origin/good", cwd=runner.clone)
    added = git("diff", "--name-only", "--diff-filter=A", "origin/main...HEAD", cwd=runner.clone).split()
    [entry] = [runner.clone / name for name in added if "-rows-" in name]
    entry.write_bytes(entry.read_bytes().replace(b"0.9", b"0.99"))
    git("commit", "-q", "-a", "-m", "better numbers", cwd=runner.clone)
    git("update-ref", "refs/remotes/origin/damaged", "HEAD", cwd=runner.clone)
    said = github(runner, "damaged")
    assert said["Are the files sound?"].code == 5
    assert GATE not in said
    assert said["Write the report"].code != 0


@pytest.mark.slow
@pytest.mark.parametrize("merged", [False, True], ids=["branch", "merged results"])
@pytest.mark.parametrize("branch", BRANCHES)
def test_gitlab(runner: Runner, branch: str, merged: bool) -> None:
    """The job ends as the gate does, the report is there all the same; without a token nothing is sent."""
    values, expected = BRANCHES[branch]
    job, after = gitlab(runner, branch, merged=merged)
    assert (job.code, after.code) == (expected, 0), job.text
    report = (runner.clone / "report.md").read_text("utf-8")
    assert ("| model |" in report) == bool(values)
    assert "other" not in report
    assert runner.sent == "pip <install> <--quiet> <ledger-ml>\n"


@pytest.mark.slow
def test_gitlab_keeps_one_note(runner: Runner) -> None:
    """With a token the report becomes a note, or replaces the one that is there; the token is no word of a call."""
    notes = "https://gitlab.example.org/api/v4/projects/42/merge_requests/7/notes"
    others = '[{"id": 1, "body": "Looks good"}, {"id": 5, "body": "## Experiment results\\n\\nold"}]'
    put = f"<--request> <PUT> <--data-urlencode> <body@report.md> <--output> </dev/null> <{notes}/5>"
    post = f"<--request> <POST> <--data-urlencode> <body@report.md> <--output> </dev/null> <{notes}>"
    for known, expected in ((others, put), ("[]", post)):
        runner.record.write_text("")
        assert gitlab(runner, "good", LEDGER_TOKEN="s3cret", NOTES=known)[1] == Said(0, "")
        calls = [line for line in runner.sent.splitlines() if line.startswith("curl")]
        assert [line.endswith(end) for line, end in zip(calls, (f"<{notes}?per_page=100>", expected), strict=True)] == [
            True, True
        ]  # fmt: skip
        assert not any("s3cret" in line for line in calls)
        assert runner.sent.count("stdin: PRIVATE-TOKEN: s3cret") == 2


@pytest.mark.slow
def test_a_gate_may_name_the_base_branch(runner: Runner, origin: Path) -> None:
    """A baseline such as main:model is found in CI too, where nothing is checked out but a commit."""
    git("checkout", "-q", "-b", "named", "origin/worse", cwd=runner.clone)
    with (runner.clone / ".ledger-schema").open("a") as file:
        file.write('baseline = "main:model"\n')
    git("commit", "-q", "-a", "-m", "gates", cwd=runner.clone)
    git("checkout", "-q", "--detach", cwd=runner.clone)
    git("branch", "-q", "-D", "named", cwd=runner.clone)
    git("update-ref", "refs/remotes/origin/named", "HEAD", cwd=runner.clone)
    job, _ = gitlab(runner, "named")
    assert job.code == 1, job.text
    git("branch", "-q", "-D", "main", cwd=runner.clone)
    said = github(runner, "named")
    assert {name: one.code for name, one in said.items() if one.code} == {GATE: 1}
    assert "**Gate: fail**" in (runner.clone / "report.md").read_text("utf-8")


@pytest.mark.slow
def test_a_branch_that_only_removes_a_run_passes(runner: Runner) -> None:
    """Nothing is there for the gate to judge; the report says what went."""
    git("checkout", "-q", "-b", "removal", "origin/main", cwd=runner.clone)
    removed = runner.run(["sh"], "ledger rm model -m 'wrong data'", {})
    assert removed.code == 0, removed.text
    git("add", ".", cwd=runner.clone)
    git("commit", "-q", "-m", "away", cwd=runner.clone)
    git("checkout", "-q", "--detach", cwd=runner.clone)
    git("update-ref", "refs/remotes/origin/removal", "HEAD", cwd=runner.clone)
    assert [one.text for one in github(runner, "removal").values() if one.code] == []
    assert "### 1 run removed" in (runner.clone / "report.md").read_text("utf-8")
    job, _ = gitlab(runner, "removal")
    assert job.code == 0, job.text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("diff", "expected"),
    [("exit 3", 3), ('i=0; while [ $i -lt 20000 ]; do echo "+ run $i"; i=$((i+1)); done; exit 0', 1)],
    ids=["cannot be told", "very many runs"],
)
def test_the_gate_is_never_passed_over(runner: Runner, diff: str, expected: int) -> None:
    """Where the question of what changed fails, or its answer is longer than a pipe, a worse branch does not pass."""
    ledger = f'exec "{sys.executable}" -m ledger "$@"'
    runner._program("ledger", f'#!/bin/sh\nif [ "$1" = diff ]; then {diff}; fi\n{ledger}\n')
    assert github(runner, "worse")[GATE].code == expected
    assert gitlab(runner, "worse")[0].code == expected


@pytest.mark.slow
def test_gitlab_outside_a_merge_request(runner: Runner) -> None:
    """Without a commit to compare with the job fails; it does not compare HEAD with itself and pass."""
    job, _ = gitlab(runner, "worse", CI_MERGE_REQUEST_DIFF_BASE_SHA="")
    assert job.code not in (0, 3)
    assert "CI_MERGE_REQUEST_DIFF_BASE_SHA" in job.text
