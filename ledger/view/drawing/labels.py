"""Labels beside what they name, so that no legend has to be looked up; none lies over another."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from ledger.view.drawing.style import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE = 8.5  # points of type
_LINE = 1.3  # of its height
_TITLE = 10  # points
_APART = 8  # pixels between places along a line
_LEADER = {"arrowstyle": "-", "linewidth": 0.6, "alpha": 0.6, "shrinkA": 1, "shrinkB": 2, "relpos": (0, 0.5)}


class Label(NamedTuple):
    """A text at a place in data coordinates, in a colour."""

    text: str
    x: float
    y: float
    color: str


def spread(wanted: Sequence[float], room: float, low: float, high: float) -> list[float]:
    """Return places as near as can be to the wanted ones, `room` apart and between low and high where they fit."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    # Neighbours that are too close become one block, which is centred on what its members want.
    blocks: list[list[float]] = []  # sum of what members want less their offset, count
    for i in order:
        blocks.append([wanted[i], 1])
        while len(blocks) > 1 and _start(blocks[-2], room, low, high) + blocks[-2][1] * room > _start(
            blocks[-1], room, low, high
        ):
            total, count = blocks.pop()
            blocks[-1][0] += total - count * blocks[-1][1] * room
            blocks[-1][1] += count
    places = [0.0] * len(wanted)
    members = iter(order)
    for block in blocks:
        start = _start(block, room, low, high)
        for k in range(int(block[1])):
            places[next(members)] = start + k * room
    return places


def _start(block: Sequence[float], room: float, low: float, high: float) -> float:
    """Return where the first of a block stands."""
    return max(low, min(block[0] / block[1], high - (block[1] - 1) * room))


def at_the_right(axes: "Axes", labels: Sequence[Label]) -> None:
    """Write labels in a column right of the axes, each at the height of its line's end; moved ones get a thin line."""
    figure: Any = axes.figure
    figure.draw_without_rendering()
    height = axes.get_window_extent().height
    line = _SIZE * _LINE / 72 * figure.dpi
    ends = [float(axes.transAxes.inverted().transform(axes.transData.transform((x.x, x.y)))[1]) for x in labels]
    places = spread(ends, line / height, 0.0, 1.0)
    edges = [float(axes.transAxes.inverted().transform(axes.transData.transform((x.x, x.y)))[0]) for x in labels]
    moved = [edge < 0.94 or abs(p - e) * height > line / 3 for e, p, edge in zip(ends, places, edges, strict=True)]
    for label, end, place, edge, far in zip(labels, ends, places, edges, moved, strict=True):
        text = axes.annotate(
            label.text,
            (edge, end),
            xytext=(1.03 if any(moved) else 1.01, place),
            xycoords="axes fraction",
            textcoords="axes fraction",
            color=label.color,
            fontsize=_SIZE,
            va="center",
            ha="left",
            annotation_clip=False,
            arrowprops=_LEADER | {"color": label.color} if far else None,
        )
        text.set_in_layout(True)


def beside(
    axes: "Axes",
    labels: Sequence[Label],
    avoid: Sequence[tuple[float, float]],
    lines: Sequence[Sequence[tuple[float, float]]] = (),
    *,
    settled: bool = False,
) -> None:
    """Write each label beside its point where it covers the least: no other label, few of the points to avoid.

    Of lines, given by their corners, it covers as little as can be. `settled`: the layout is made already, which takes
    its time where there are many axes.
    """
    figure: Any = axes.figure
    if not settled:
        figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    frame = axes.get_window_extent()
    points: list[Any] = [axes.transData.transform(point) for point in avoid]
    for line in lines:
        points += _along([axes.transData.transform(point) for point in line])
    taken: list[Any] = []
    for label in labels:
        text: Any = axes.annotate(
            label.text, (label.x, label.y), xytext=(0, 0), textcoords="offset points", color=label.color,
            fontsize=_SIZE, fontweight="bold", va="center", ha="left", zorder=9,
        )  # fmt: skip
        text.set_in_layout(False)
        text.set_bbox({"facecolor": "white", "alpha": 0.65, "edgecolor": "none", "pad": 0.4})
        best = None
        for rank, (dx, dy, ha) in enumerate(_AROUND):
            text.set_position((dx, dy))
            text.set_horizontalalignment(ha)
            box = text.get_window_extent(renderer)
            outside = max(0.0, frame.x0 - box.x0) + max(0.0, box.x1 - frame.x1)
            outside += max(0.0, frame.y0 - box.y0) + max(0.0, box.y1 - frame.y1)
            over = sum(box.overlaps(other) for other in taken)
            covered = sum(box.x0 - 6 < x < box.x1 + 6 and box.y0 - 4.5 < y < box.y1 + 4.5 for x, y in points)
            cost = (over * 100 + outside * 10 + covered * 4 + rank * 0.1, rank)
            if best is None or cost < best[0]:
                best = (cost, (dx, dy), ha, box)
        assert best is not None
        text.set_position(best[1])
        text.set_horizontalalignment(best[2])
        taken.append(best[3])
        if best[0][1] >= _NEAR:
            axes.annotate(
                "", (label.x, label.y), xytext=best[1], textcoords="offset points", zorder=8,
                arrowprops=_LEADER | {"color": label.color},
            ).set_in_layout(False)  # fmt: skip


def _along(corners: Sequence[Any]) -> list[tuple[float, float]]:
    """Return places along a line, all given in pixels."""
    places = []
    for (x, y), (to_x, to_y) in pairwise(corners):
        length = math.hypot(to_x - x, to_y - y)
        count = int(min(length / _APART, 400)) if math.isfinite(length) else 0
        places += [(x + (to_x - x) * k / count, y + (to_y - y) * k / count) for k in range(1, count)]
    return places


# Where a label may stand around its point, in points; the first is the best.
_AROUND = [(dx * k, dy * k, ha) for k in (1.0, 1.9, 3.0) for dx, dy, ha in (
    (8, 0, "left"), (-8, 0, "right"), (6, 8, "left"), (-6, 8, "right"), (6, -8, "left"), (-6, -8, "right"),
    (0, 11, "center"), (0, -11, "center"),
)]  # fmt: skip


_NEAR = 8  # places of them that need no line to their point


def is_free(axes: "Axes", box: Any, own: Any = None) -> bool:
    """Say whether a box in pixels covers nothing that is drawn in the axes: no line, mark, area, text or other part.

    `own` is the part whose box it is.
    """
    from matplotlib.cbook import STEP_LOOKUP_MAP
    from matplotlib.collections import PathCollection
    from matplotlib.path import Path

    figure: Any = axes.figure
    pixels = figure.dpi / 72
    wide = box.padded(3 * pixels)
    for line in axes.lines:
        vertices: Any = line.get_path().vertices
        steps = STEP_LOOKUP_MAP[line.get_drawstyle()](*vertices.T)
        path = (
            line.get_transform().transform_path(Path(list(zip(*steps, strict=True))))
            if len(steps[0])
            else Path([[0, 0]])
        )
        marks = box.padded(line.get_markersize() / 2 * pixels) if line.get_marker() not in ("", "None", None) else None
        drawn = line.get_linestyle() not in ("", "None", "none")
        if (drawn and path.intersects_bbox(wide, filled=False)) or (marks is not None and _holds(marks, path.vertices)):
            return False
    for patch in axes.patches:
        path = patch.get_transform().transform_path(patch.get_path())
        if path.intersects_bbox(wide, filled=bool(patch.get_fill())):
            return False
    for some in axes.collections:
        if isinstance(some, PathCollection):
            if _holds(wide, some.get_offset_transform().transform(some.get_offsets())):
                return False
        elif any(some.get_transform().transform_path(path).intersects_bbox(wide) for path in some.get_paths()):
            return False
    parts: list[Any] = [*axes.child_axes, *(text for text in axes.texts if text.get_text())]
    return not any(part.get_tightbbox().overlaps(wide) for part in parts if part is not own)


def _holds(box: Any, points: Any) -> bool:
    """Say whether any of some points (n, 2) lies in a box."""
    return bool(box.count_contains(points)) if len(points) else False


def keys(figure: Any, entries: Sequence[tuple[str, dict[str, Any]]], title: str = "") -> None:
    """Put a legend above all axes, under a title: a name and how its line is drawn, each; nothing where none is."""
    from matplotlib.lines import Line2D

    if title and not entries:
        figure.suptitle(title, x=0.012, ha="left", color=INK, size=_TITLE, weight="bold")
    if entries:
        handles = [Line2D([], [], **how) for _, how in entries]
        texts = [text for text, _ in entries]
        room = figure.get_figwidth() * 12.5 - 2  # characters
        columns = next((n for n in range(len(texts), 1, -1) if _across(texts, n) <= room), 1)
        found = figure.legend(handles, texts, loc="outside upper left", ncols=columns)
        if title:
            found.set_title(title, prop={"size": _TITLE, "weight": "bold"})
            found.set_alignment("left")


def _across(texts: Sequence[str], columns: int) -> float:
    """Return how wide a legend is, in characters: its columns are filled one after the other, the first ones longer."""
    longer, rest = len(texts) % columns, len(texts) // columns
    width, start = 0.0, 0
    for column in range(columns):
        end = start + rest + (column < longer)
        width += max(map(len, texts[start:end])) + 8
        start = end
    return width
