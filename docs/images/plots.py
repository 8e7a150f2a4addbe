"""Make the pictures of docs/guides/plots.md with the commands that stand there: plot-curves.svg and so on.

    python docs/images/plots.py

Its script and its `ledger plot ... -o FILE` run in a new folder. The same libraries give the same bytes.
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "guides" / "plots.md"


def main() -> None:
    """Run the page and keep its pictures."""
    text = PAGE.read_text(encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LEDGER_")}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *sys.path[1:]])
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "init", "-q", folder], check=True)
        for script in re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            subprocess.run([sys.executable, "-c", script], cwd=folder, env=environment, check=True)
        for command in re.findall(r"^\$ ledger (plot .* -o \S+)$", text, re.MULTILINE):
            words = shlex.split(command)
            subprocess.run([sys.executable, "-m", "ledger", *words], cwd=folder, env=environment, check=True)
            picture = Path(folder) / words[-1]
            (ROOT / "docs" / "images" / f"plot-{words[-1]}").write_bytes(picture.read_bytes())


if __name__ == "__main__":
    main()
