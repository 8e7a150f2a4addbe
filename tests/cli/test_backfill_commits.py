"""The command of `ledger backfill --commits`: how it is split into words, and what is left to a shell."""

import shlex
from pathlib import Path

import pytest

from ledger.cli.backfill_commits import split
from tests.conftest import git, run_cli


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("python eval.py", ["python", "eval.py"]),
        ("  python  -m x.eval --lr=0.1 ", ["python", "-m", "x.eval", "--lr=0.1"]),
        ("python eval.py --where 'a > 1; b'", ["python", "eval.py", "--where", "a > 1; b"]),
        ("python eval.py --note=\"a & 'b' | c\"", ["python", "eval.py", "--note=a & 'b' | c"]),
        ("sh -c 'cd exp && python eval.py > $OUT'", ["sh", "-c", "cd exp && python eval.py > $OUT"]),
        ("env SEED=1 python eval.py layers=[1,2] #1", ["env", "SEED=1", "python", "eval.py", "layers=[1,2]", "#1"]),
        (r"./my\ eval \* \$", ["./my eval", "*", "$"]),
        ("''", [""]),
    ],
)
def test_a_command_is_split_into_words(command: str, words: list[str]) -> None:
    """As a shell splits it, where no more than that is asked of one."""
    assert split(command) == words


@pytest.mark.parametrize(
    ("command", "sign"),
    [
        ("cd exp && python eval.py", "'&' in"),
        ("python eval.py > out.txt", "'>' in"),
        ("python eval.py | tail", "'|' in"),
        ("python eval.py data/*.csv", "'*' in"),
        ('python eval.py --out "$HOME/out"', "'$' in"),
        ("python eval.py `date`", "'`' in"),
        ("SEED=1 python eval.py", "setting a variable (SEED=1) in"),
        ("python a.py\npython b.py", "'\\n' in"),
    ],
)
def test_what_a_shell_is_needed_for_is_refused(repo: Path, command: str, sign: str) -> None:
    """Exit 2 with what to type instead, which works; never an argument that the user did not mean."""
    done = run_cli("backfill", "--commits", "HEAD", "--run", command, "-n")
    assert (done.code, done.out) == (2, "")
    assert f"{sign} --run is for a shell: " in done.err
    hint = " ".join(line.strip() for line in done.err.splitlines()).partition("is for a shell: ")[2]
    if "\n" not in command:
        assert split(shlex.split(hint.partition(" try: ")[0])[1]) == ["sh", "-c", command]


@pytest.mark.parametrize(
    ("command", "said"), [("", "--run is empty"), (" ", "--run is empty"), ("a 'b", "no closing quotation")]
)
def test_what_is_no_command(repo: Path, command: str, said: str) -> None:
    """Exit 2 with what is wrong."""
    done = run_cli("backfill", "--commits", "HEAD", "--run", command, "-n")
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_what_is_said_of_a_commit_cannot_steer_the_terminal(repo: Path) -> None:
    """Neither the message of a commit nor what a program writes."""
    git("commit", "-q", "--allow-empty", "-m", "a\x1b[31mb")
    (repo / "say.sh").write_text("printf 'c\\033[31md\\n'; exit 1")
    git("add", ".")
    git("commit", "-q", "-m", "more")
    done = run_cli("backfill", "--commits", "HEAD~2..", "--run", "sh say.sh", "-n")
    assert (done.code, "\x1b" in done.out + done.err) == (0, False)
    done = run_cli("backfill", "--commits", "HEAD", "--run", "sh say.sh")
    assert (done.code, "\x1b" in done.out + done.err) == (1, False)
    assert "c\\x1b[31md" in done.out
