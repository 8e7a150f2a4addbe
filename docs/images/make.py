"""Make all pictures of the README and the docs: compare.svg, `ledger compare` beside curves; boomerang; plots.

    python docs/images/make.py

Runs examples/breast_cancer.py and boomerang.py in new folders, then plots.py, which runs the guides and the other
examples. The same versions of scikit-learn, Keras and matplotlib give the same bytes.
"""

import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.sax.saxutils import escape

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pandas as pd

import ledger

ROOT = Path(__file__).resolve().parents[2]
COLORS = {"linear": "#58a6ff", "boosting": "#f0883e", "network": "#3fb950"}  # a run each
BACK, EDGE, TEXT, DIM, GREEN = "#0d1117", "#30363d", "#e6edf3", "#7d8590", "#3fb950"
STYLES = {"0": "", "1": "font-weight='bold'", "2": f"fill='{DIM}'", "32": f"fill='{GREEN}'"}  # by ANSI code
CHARACTER, LINE, MARGIN = 8.4, 20, 24  # of a 14 px monospaced font, in px


def table(text: str) -> tuple[str, float, float]:
    """Return SVG of text with ANSI colours, and its width and height: each word stands where its column begins."""
    words, widest = [], 0
    lines = text.splitlines()
    for row, line in enumerate(lines):
        column, style = 0, ""
        for code, run in re.findall(r"\x1b\[([0-9]+)m|([^\x1b]+)", line):
            if code:
                style = STYLES[code]
            for word in re.finditer(r"\S+", run):
                x, length = (column + word.start()) * CHARACTER, len(word[0]) * CHARACTER
                place = f"x='{x:g}' y='{(row + 0.75) * LINE:g}' textLength='{length:g}'"
                words.append(f"<text {place} lengthAdjust='spacingAndGlyphs' {style}>{escape(word[0])}</text>")
            column += len(run)
        widest = max(widest, column)
    return "\n".join(words), widest * CHARACTER, len(lines) * LINE


def curves(rows: pd.DataFrame, width: float, height: float) -> str:
    """Return SVG of the learning curves in `rows` (as `Ledger.metrics` gives them), in px."""
    plt.rcParams |= {
        "svg.hashsalt": "ledger", "figure.facecolor": BACK, "axes.facecolor": BACK, "axes.edgecolor": EDGE,
        "axes.labelcolor": DIM, "text.color": TEXT, "xtick.color": DIM, "ytick.color": DIM, "axes.titlesize": 11,
        "axes.spines.top": False, "axes.spines.right": False, "axes.titlelocation": "left", "font.size": 10,
        "grid.color": EDGE, "grid.linewidth": 0.5, "axes.grid": True, "axes.grid.axis": "y",
    }  # fmt: skip
    figure, (auc, loss) = plt.subplots(2, 1, figsize=(width / 72, height / 72), sharex=True, layout="constrained")
    for name, color in COLORS.items():
        of_run = rows[rows["run"].str.contains(f"-{name}-")]
        for axes, metric, style in ((loss, "train/loss", ":"), (loss, "val/loss", "-"), (auc, "val/auc", "-")):
            curve = of_run[of_run["metric"] == metric].sort_values("step")
            axes.plot(curve["step"], curve["value"], style, color=color, linewidth=1.8, label=name)
    auc.set(ylim=(0.94, 1.0), title="val/auc")
    auc.legend(frameon=False, loc="lower right", ncols=3)
    loss.set(yscale="log", xlabel="epoch", title="val/loss, dotted: train/loss")
    ticks = [0.02, 0.05, 0.1, 0.2, 0.5]
    loss.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    loss.minorticks_off()
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    return buffer.getvalue()[buffer.getvalue().index("<svg") :]


def card(text: str, rows: pd.DataFrame) -> str:
    """Return the whole picture: the terminal's text on the left, the curves on the right."""
    words, wide, high = table(text)
    plots = 450
    width, height = wide + plots + 3 * MARGIN, high + 2 * MARGIN
    font = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"
    place = f"<svg x='{wide + 2 * MARGIN:g}' y='{MARGIN}'"
    drawn = re.sub(r'(width|height)="([0-9.]+)pt"', r'\1="\2"', curves(rows, plots, high)).replace("<svg", place, 1)
    picture = f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}">
<title>ledger compare linear boosting network, and the learning curves of the three runs</title>
<rect width="{width:g}" height="{height:g}" rx="10" fill="{BACK}"/>
<g transform="translate({MARGIN} {MARGIN})" font-family="{font}" font-size="14" fill="{TEXT}">
{words}
</g>
{drawn}
</svg>
"""
    return "".join(line.rstrip() + "\n" for line in picture.splitlines())


def run_example(name: str, folder: str) -> dict[str, str]:
    """Run an example in a new repository; return the environment it ran in."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path[1:]])}
    for word in ("LEDGER_RUN", "LEDGER_DIR", "LEDGER_MODE", "COLUMNS", "NO_COLOR"):
        environment.pop(word, None)
    subprocess.run(["git", "init", "-q", folder], check=True)
    subprocess.run([sys.executable, str(ROOT / "examples" / name)], cwd=folder, env=environment, check=True)
    return environment


def boomerangs() -> None:
    """Draw the models of examples/boomerang.py, in one plane and in panels."""
    with tempfile.TemporaryDirectory() as folder:
        run_example("boomerang.py", folder)
        found = ledger.open(folder)
        whole = found.plot_data("boomerang", min_score=0.9, max_loss=0.7)
        panels = found.plot_data("boomerang", by="group", max_loss=1.5)
    (ROOT / "docs" / "images" / "boomerang.svg").write_bytes(whole.picture("svg"))
    (ROOT / "docs" / "images" / "boomerang-panels.svg").write_bytes(panels.picture("svg"))


def main() -> None:
    """Run the examples and draw what they left."""
    boomerangs()
    command = ["compare", *COLORS]
    with tempfile.TemporaryDirectory() as folder:
        environment = run_example("breast_cancer.py", folder)
        shown = [sys.executable, "-m", "ledger", "--color", "always", *command]
        output = subprocess.run(shown, cwd=folder, env=environment, check=True, capture_output=True, text=True).stdout
        rows = ledger.open(folder).metrics()
    prompt = f"\x1b[32m$\x1b[0m \x1b[1mledger {' '.join(command)}\x1b[0m\n\n"
    (ROOT / "docs" / "images" / "compare.svg").write_text(card(prompt + output, rows), encoding="utf-8")
    subprocess.run([sys.executable, str(ROOT / "docs" / "images" / "plots.py")], check=True)


if __name__ == "__main__":
    main()
