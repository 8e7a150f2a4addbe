"""The pictures of a series as a grid, each with its step above it."""

import io
import math
import warnings
from typing import TYPE_CHECKING, Any

from ledger.table.charts import Montage
from ledger.view.drawing import style
from ledger.view.drawing.style import SOFT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH = 10.0  # inches of a full row
_CELL_LEAST, _CELL_MOST = 1.1, 3.4  # inches of a picture's width
_PIXELS_MOST = 1000  # of a picture's side: what is larger is made smaller before it is drawn


def draw(data: Montage) -> "Figure":
    """Return the figure of a montage; call it within `style.applied()`. What is no readable picture is said so."""
    images = [_read(one) for one in data.data]
    sizes = [image.shape[:2] for image in images if image is not None] or [(1, 1)]
    ratio = sorted(height / width for height, width in sizes)[len(sizes) // 2]
    columns = min(data.columns or _columns(len(images), ratio), len(images))
    rows = math.ceil(len(images) / columns)
    wide = min(_CELL_MOST, max(_CELL_LEAST, _WIDTH / columns))
    heading = 0.25 if any(chart.caption for chart in data.pictures) else 0.0
    figure = style.figure(wide * columns + 0.1, (wide * ratio + 0.3 + heading) * rows + 0.4)
    figure.suptitle(style.name(f"{data.name}  {data.chart}", 80), x=0.01, ha="left", fontsize=10, fontweight="bold")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for axes, image, chart in zip(grid.flat, images, data.pictures, strict=False):
        axes.set_title(
            "no step" if chart.step is None else f"step {chart.step}", fontsize=8, fontweight="normal", pad=3
        )
        if image is None:
            axes.text(0.5, 0.5, "cannot be read", ha="center", va="center", color=SOFT, transform=axes.transAxes)
            continue
        shown: dict[str, Any] = {"cmap": "gray", "vmin": 0, "vmax": 255} if image.ndim == 2 else {}
        axes.imshow(image, interpolation="nearest" if max(image.shape[:2]) < 200 else "antialiased", **shown)
        if chart.caption:
            room = max(12, int(wide * 13))
            axes.text(
                0, -0.02, style.name(chart.caption, room), transform=axes.transAxes, fontsize=7, color=SOFT, va="top"
            )
    return figure


def _columns(count: int, ratio: float) -> int:
    """Return how many pictures stand side by side, so that the whole is about as wide as a page."""
    return max(1, min(count, 8, math.ceil(math.sqrt(count * max(0.4, min(2.5, ratio)) * 1.5))))


def _read(data: bytes) -> Any:
    """Return a picture as an array, (H, W) or (H, W, 3 or 4), uint8; None where its bytes are none."""
    import numpy as np
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.filterwarnings("ignore", category=UserWarning)
            with Image.open(io.BytesIO(data)) as opened:
                image: Any = opened
                image.draft("RGB", (_PIXELS_MOST, _PIXELS_MOST))
                if image.mode.startswith("I;16"):  # whose upper bytes are the picture
                    image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
                clear = "A" in image.mode or "transparency" in image.info
                plain = image.convert("L" if image.mode in ("1", "L") else "RGBA" if clear else "RGB")
                plain.thumbnail((_PIXELS_MOST, _PIXELS_MOST))
                return np.asarray(plain)
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return None
