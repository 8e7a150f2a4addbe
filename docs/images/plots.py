"""Make the pictures of the guides on plots, evaluation and Keras with the commands that stand in them and in examples.

    python docs/images/plots.py

The scripts of the guides, the examples, and their `ledger ... -o FILE` run in new folders. The same libraries give the
same bytes.
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GUIDES, EXAMPLES = ROOT / "docs" / "guides", ROOT / "examples"
PAGES = {"plot": GUIDES / "plots.md", "evaluation": GUIDES / "evaluation-plots.md", "keras": GUIDES / "keras.md"}
SCRIPTS = {
    "binary": EXAMPLES / "evaluate_binary.py",
    "multiclass": EXAMPLES / "evaluate_multiclass.py",
    "regression": EXAMPLES / "evaluate_regression.py",
    "keras-example": EXAMPLES / "keras_callback.py",
}


def main() -> None:
    """Run the pages and the examples, and keep their pictures."""
    for stem, page in PAGES.items():
        text = page.read_text(encoding="utf-8")
        scripts = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        make(stem, [["-c", script] for script in scripts], re.findall(r"^\$ ledger (.* -o \S+)$", text, re.MULTILINE))
    for stem, script in SCRIPTS.items():
        commands = re.findall(r"^    ledger (.* -o \S+)$", script.read_text(encoding="utf-8"), re.MULTILINE)
        make(stem, [[str(script)]], commands)


def make(stem: str, programs: Iterable[list[str]], commands: Iterable[str]) -> None:
    """Run programs, then commands in the same folder; keep what they drew as STEM-NAME."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LEDGER_")}
    environment.setdefault("KERAS_BACKEND", "jax")
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *sys.path[1:]])
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "init", "-q", folder], check=True)
        for program in programs:
            subprocess.run([sys.executable, *program], cwd=folder, env=environment, check=True)
        for command in commands:
            words = shlex.split(command)
            subprocess.run([sys.executable, "-m", "ledger", *words], cwd=folder, env=environment, check=True)
            picture = Path(folder) / words[-1]
            (ROOT / "docs" / "images" / f"{stem}-{words[-1]}").write_bytes(picture.read_bytes())


if __name__ == "__main__":
    main()
