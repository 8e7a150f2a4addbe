"""No secret gets into a ledger by itself: not through params, notes, reasons, errors, output or the environment."""

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

import ledger
from ledger.errors import LedgerWarning
from ledger.record import calls, program, redact
from tests.conftest import Result

R = "[redacted]"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7+/=\n-----END RSA PRIVATE KEY-----"

SECRET = [
    ({"api_key": "hunter2"}, {"api_key": R}, ["api_key"]),
    ({"apiKey": "x", "OPENAI_API_KEY": "y"}, {"apiKey": R, "OPENAI_API_KEY": R}, ["apiKey", "OPENAI_API_KEY"]),
    ({"db": {"password": "x", "port": 5432}}, {"db": {"password": R, "port": 5432}}, ["db.password"]),
    ({"db.password": "x"}, {"db.password": R}, ["db.password"]),
    ({"password": 123456, "pin_secret": 1.5}, {"password": R, "pin_secret": R}, ["password", "pin_secret"]),
    ({"passwords": ["a", "b"]}, {"passwords": [R, R]}, ["passwords[0]", "passwords[1]"]),
    ({"credentials": {"user": "a", "on": True}}, {"credentials": {"user": R, "on": True}}, ["credentials.user"]),
    ({"hf_token": "x", "auth-token": "y"}, {"hf_token": R, "auth-token": R}, ["hf_token", "auth-token"]),
    ({"x": "AKIAIOSFODNN7EXAMPLE"}, {"x": R}, ["x"]),
    ({"x": "ghp_" + "a1B2" * 9}, {"x": R}, ["x"]),
    ({"x": "hf_" + "aBcD" * 8}, {"x": R}, ["x"]),
    ({"x": "sk-proj-" + "a1-_" * 12}, {"x": R}, ["x"]),
    ({"x": [1, {"y": JWT}]}, {"x": [1, {"y": R}]}, ["x[1].y"]),
    ({"x": PEM}, {"x": R}, ["x"]),
    ({"url": "postgres://u:p@h/db"}, {"url": f"postgres://{R}@h/db"}, ["url"]),
    ({"dsn": "host=h password=hunter2"}, {"dsn": f"host=h password={R}"}, ["dsn"]),
    ({"args": ["--api-key", "a b", "-v"]}, {"args": ["--api-key", R, "-v"]}, ["args"]),
]

HARMLESS: list[dict[str, Any]] = [
    {"token_count": 5, "max_tokens": 512, "num_keys": 3, "key_dim": 64, "tokenizer": "bert", "monkey": "x"},
    {"max_token": "5", "pad_token": "[PAD]", "eos_token": "</s>", "token_type": "bpe", "token": 5, "tokens": "a b"},
    {"key": "k", "sort_key": "x", "primary_key": 3, "public_key": "y", "keyboard": "us", "n_keys": "2"},
    {"password": "", "api_key": None, "use_auth_token": True, "secret": False, "token": "None"},
    {"secretary": "z", "author": "me", "auth_method": "ldap", "password_file": "/run/x", "passes": 4, "pass": 1},
    {"x": float("nan"), "y": [float("nan"), 1], "z": {"lr": 1e-3}, "compass": "n", "bypass": "y", "oauth": 2},
    {"url": "https://host/path?page=2", "prompt": "What is the token the secretary keeps?", "name": "sk-learn"},
]


@pytest.mark.parametrize(("given", "expected", "named"), SECRET)
def test_params_that_are_secrets(given: dict[str, Any], expected: dict[str, Any], named: list[str]) -> None:
    """By its name or by its shape a secret goes; one warning names the params and says how to keep what is none."""
    with pytest.warns(LedgerWarning) as said:
        assert calls.check_params(given) == expected
    (warning,) = said
    assert f"in the params: {', '.join(named)} (a name that sounds less like one keeps" in str(warning.message)
    assert redact.redact_params(expected) == (expected, [])  # twice is as once


@pytest.mark.parametrize("given", HARMLESS)
def test_params_that_only_look_alike(given: dict[str, Any]) -> None:
    """What is no secret stays, type and all, and nothing is said."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert repr(calls.check_params(given)) == repr(given)


def everything(folder: Path) -> bytes:
    """Return all bytes under the ledger, journals too."""
    return b"\n".join(path.read_bytes() for path in sorted((folder / ".ledger").rglob("*")) if path.is_file())


def test_no_door_lets_a_secret_in(workdir: Path, cli: Callable[..., Result]) -> None:
    """Params, notes, reasons, captions and errors, from Python and the shell: `verify --secrets` finds nothing."""
    secret = "ghp_" + "s3Cr" * 9
    with pytest.warns(LedgerWarning, match="what looks like a secret"):
        run = ledger.start("a", params={"api_key": secret}, note=f"used {secret}")
        run.log_params({"db": {"password": secret}})
        run.note(f"now {secret}")
        run.log_text("text", "harmless", caption=f"of {secret}")
        run.finish("failed", error=f"denied: {secret}")
        led = ledger.open()
        led.run("a").log({"x": 1.0}, reason=f"because of {secret}")
        led.set_params("a", {"x": secret}, reason=f"because of {secret}")
        led.tag("a", "t", reason=f"because of {secret}")
        led.note("a", secret)
        open_run = ledger.start("b")
        open_run.log_params({"token": secret})
        assert secret.encode() not in everything(workdir)  # not in a journal either
        open_run.finish()
    id = cli("start", "c", "-p", f"api_key={secret}", "-p", f'cfg={{"password": "{secret}"}}', "--note", secret)
    assert id.err.count("kept as") == 2
    assert f"kept as {R} in the params: api_key, cfg.password" in id.err
    for words in (
        ["log", "--run", "c", "x=1", "-p", f"wandb_key={secret}", "--note", secret, "-m", secret],
        ["log", "--run", "new", "x=1", "-p", f"url=https://u:{secret}@h/", "--note", secret],
        ["note", "c", secret],
        ["finish", "c"],
        ["rm", "c", "-m", secret],
        ["restore", "c", "-m", secret],
    ):
        assert cli(*words).code == 0, words
    assert secret.encode() not in everything(workdir)
    assert [found.kind for found in led.verify(secrets=True).findings if found.kind == "secret"] == []
    assert led.state("a").params == {"api_key": R, "db": {"password": R}, "x": R}
    assert led.state("a").error == f"denied: {R}"


def test_verify_finds_a_number_under_a_secret_name(workdir: Path) -> None:
    """What got in otherwise (an older version, another writer) is found: a password may be a number."""
    run = ledger.start("a", params={"pass_word": 4242, "token": 7})
    run.finish()
    (entry,) = (workdir / ".ledger").glob("runs/*/*/*-open-*.json")
    data = entry.read_bytes().replace(b'"pass_word"', b'"password"')
    entry.unlink()
    entry.with_name(entry.name[:-21] + sha256(data).hexdigest()[:16] + ".json").write_bytes(data)
    found = [f.message for f in ledger.open().verify(secrets=True).findings if f.kind == "secret"]
    assert found == ["params.password looks like a credential"]


def test_nothing_of_the_environment_is_kept(workdir: Path) -> None:
    """A run keeps no variable's name nor value, whatever it is called."""
    marked = {"MARKER_ONE": "marked-value-1", "AWS_SECRET_ACCESS_KEY": "marked-value-2", "LR": "marked-value-3"}
    code = "import ledger\nwith ledger.start('a') as run: run.log({'x': 1.0})"
    subprocess.run([sys.executable, "-c", code], env={**os.environ, **marked}, check=True)
    command = [sys.executable, "-m", "ledger", "run", "--name", "b", "--", sys.executable, "-c", "print(1)"]
    subprocess.run(command, env={**os.environ, **marked}, check=True, capture_output=True)
    kept = everything(workdir)
    assert b"marked-value" not in kept
    assert b"MARKER_ONE" not in kept
    programs = [
        json.loads(path.read_text())["program"] for path in (workdir / ".ledger").glob("runs/*/*/*-open-*.json")
    ]
    assert [sorted(program) for program in programs] == [["argv", "host", "platform", "python", "versions"]] * 2


def test_the_output_of_a_program_and_its_arguments(workdir: Path, cli: Callable[..., Result]) -> None:
    """`ledger run` keeps the command line and the tail of the output, without the secrets in them."""
    secret = "hf_" + "aBcD" * 8
    code = f"import sys; print('token is', '{secret}'); print('API_KEY=' + '{secret}', file=sys.stderr)"
    (workdir / "t.py").write_text(code)
    subprocess.run(
        [sys.executable, "-m", "ledger", "run", "--", sys.executable, "t.py", "--api-key", secret],
        check=True,
        capture_output=True,
    )
    assert secret.encode() not in everything(workdir)
    assert b"token is [redacted]" in everything(workdir)


def test_output_of_two_streams_is_not_mixed_in_a_line() -> None:
    """A line that comes in pieces is redacted as a whole, whatever another stream says meanwhile."""
    tail = program.Tail()
    for piece, stream in [(b"token is ", 1), (b"noise\nand ", 2), (b"hf_" + b"aBcD" * 4, 1), (b"more\n", 2)]:
        tail.add(piece, stream)
    tail.add(b"aBcD" * 4 + b"\nlast", 1)
    assert tail.text() == f"noise\nand more\ntoken is {R}\nlast"
