"""Writes inputs.json: a few rows of each kind of evaluation, with ties, and every class on both sides."""

import json
import random
from pathlib import Path

random.seed(20261122)


def share() -> float:
    """Return a multiple of 1/64 between 0 and 1, both left out."""
    return random.randint(1, 63) / 64


def probabilities(wanted: int, classes: int) -> list[float]:
    """Return multiples of 1/64 whose sum is 1, the wanted class mostly ahead."""
    cuts = sorted(random.sample(range(1, 64), classes - 1))
    parts = [b - a for a, b in zip([0, *cuts], [*cuts, 64], strict=True)]
    if random.random() < 0.6:
        best = parts.index(max(parts))
        parts[best], parts[wanted] = parts[wanted], parts[best]
    return [part / 64 for part in parts]


truth = [int(i % 3 == 0) for i in range(40)]
binary = {"y_true": truth, "y_score": [min(max(share() * 0.75 + y / 4, 1 / 64), 63 / 64) for y in truth]}
binary["y_score"] = [int(score * 64) / 64 for score in binary["y_score"]]
binary["y_score"][5], binary["y_score"][6] = 0.5, 0.5  # at the threshold: neither is above it
classes = [i % 4 for i in range(48)]
labels = [[int(random.random() < rate) for rate in (0.5, 0.3, 0.6)] for _ in range(30)]
values = [random.randint(-320, 320) / 64 or 1.0 for _ in range(36)]
images = [[[random.randint(0, 2) for _ in range(6)] for _ in range(5)] for _ in range(3)]
inputs = {
    "binary": binary,
    "multiclass": {"y_true": classes, "y_score": [probabilities(label, 4) for label in classes]},
    "multilabel": {
        "y_true": labels,
        "y_score": [[int((share() * 0.7 + flag * 0.25) * 64) / 64 for flag in row] for row in labels],
    },
    "regression": {"y_true": values, "y_pred": [value + random.randint(-64, 64) / 64 for value in values]},
    "segmentation": {
        "y_true": images,
        "y_pred": [[[p if random.random() < 0.7 else (p + 1) % 3 for p in row] for row in image] for image in images],
    },
}
text = json.dumps(inputs, indent=None, separators=(",", ":")).replace('],"', '],\n"').replace('},"', '},\n\n"')
Path(__file__).with_name("inputs.json").write_text(text + "\n", "utf-8")
