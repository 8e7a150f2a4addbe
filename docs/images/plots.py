"""Make the pictures of the guides on plots and Keras with the commands that stand there: plot-curves.svg and so on.

    python docs/images/plots.py

Their scripts and their `ledger plot ... -o FILE` run in new folders. The same libraries give the same bytes.
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GUIDES = ROOT / "docs" / "guides"
PAGES = {"plot": GUIDES / "plots.md", "evaluation": GUIDES / "evaluation-plots.md", "keras": GUIDES / "keras.md"}


def main() -> None:
    """Run the pages and keep their pictures."""
    for stem, page in PAGES.items():
        make(stem, page.read_text(encoding="utf-8"))


def make(stem: str, text: str) -> None:
    """Run a page and keep its pictures as STEM-NAME."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LEDGER_")}
    environment.setdefault("KERAS_BACKEND", "jax")
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *sys.path[1:]])
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "init", "-q", folder], check=True)
        for script in re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            subprocess.run([sys.executable, "-c", script], cwd=folder, env=environment, check=True)
        for command in re.findall(r"^\$ ledger (plot .* -o \S+)$", text, re.MULTILINE):
            words = shlex.split(command)
            subprocess.run([sys.executable, "-m", "ledger", *words], cwd=folder, env=environment, check=True)
            picture = Path(folder) / words[-1]
            (ROOT / "docs" / "images" / f"{stem}-{words[-1]}").write_bytes(picture.read_bytes())


if __name__ == "__main__":
    main()
