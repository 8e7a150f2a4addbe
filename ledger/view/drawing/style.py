"""How every figure looks, and how it becomes a picture: same data, same bytes, whatever the user's settings are."""

import contextlib
import io
import math
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from ledger.errors import warn
from ledger.view import numbers
from ledger.view.rows import clean, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMS = ("png", "svg", "pdf")
# Okabe and Ito's colours, which colour-blind people tell apart, in the order of their contrast to white.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
INK, SOFT, GRID, REST = "#1a1a1a", "#6b6b6b", "#e7e7e7", "#c4c4c4"
SEQUENTIAL = "viridis"
NAME_MOST = 28  # characters of a label
_DOTS_PER_INCH = 200
# Drawn where the first font lacks a character, if they are installed.
_FONTS = (
    "DejaVu Sans", "Noto Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans CJK TC", "Noto Sans CJK KR",
    "Noto Sans SC", "Noto Sans JP", "Noto Sans KR", "Source Han Sans SC", "Source Han Sans", "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei", "Droid Sans Fallback", "IPAexGothic", "NanumGothic", "PingFang SC", "Hiragino Sans",
    "Hiragino Sans GB", "Apple SD Gothic Neo", "Microsoft YaHei", "SimHei", "Yu Gothic", "MS Gothic", "Malgun Gothic",
    "Arial Unicode MS", "Noto Sans Arabic", "Noto Sans Hebrew", "Noto Sans Devanagari", "Noto Sans Thai",
    "Noto Sans Symbols", "Noto Sans Symbols 2", "Noto Emoji", "Segoe UI Symbol",
)  # fmt: skip
_MISSING = re.compile(r"Glyph (\d+) .* missing from")
_OVER = 0.03  # inches beyond the edge that are not seen
_READABLE = 4.5  # the least contrast of text, as WCAG has it

_SETTINGS: dict[str, Any] = {
    "axes.axisbelow": True, "axes.edgecolor": "#8a8a8a", "axes.formatter.useoffset": False, "axes.grid": True,
    "axes.labelcolor": INK, "axes.labelsize": 9, "axes.linewidth": 0.8, "axes.spines.right": False,
    "axes.spines.top": False, "axes.titlecolor": INK, "axes.titlelocation": "left", "axes.titlesize": 10,
    "axes.titleweight": "bold", "axes.titlepad": 8, "figure.constrained_layout.use": True, "font.size": 9,
    "grid.color": GRID, "grid.linewidth": 0.7, "legend.fontsize": 8.5, "legend.frameon": False,
    "legend.handlelength": 2.0, "lines.linewidth": 1.7, "lines.solid_capstyle": "round", "pdf.fonttype": 42,
    "savefig.dpi": _DOTS_PER_INCH, "svg.hashsalt": "ledger", "text.color": INK, "text.parse_math": False,
    "xtick.color": "#8a8a8a", "xtick.labelcolor": INK, "xtick.labelsize": 8.5, "xtick.major.size": 3,
    "xtick.minor.size": 0, "ytick.color": "#8a8a8a", "ytick.labelcolor": INK, "ytick.labelsize": 8.5,
    "ytick.major.size": 3, "ytick.minor.size": 0,
}  # fmt: skip
_METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


@contextlib.contextmanager
def applied() -> Iterator[set[str]]:
    """Draw within this: the settings of the user, of a notebook or of other code do not count.

    The set that it gives takes up the characters that no font here has, which are drawn as boxes.
    """
    import matplotlib
    from matplotlib import font_manager

    installed = set(font_manager.get_font_names())
    missing: set[str] = set()
    with matplotlib.rc_context(), warnings.catch_warnings():
        shown: Any = warnings.showwarning

        def note(message: Any, *rest: Any, **more: Any) -> None:
            glyph = _MISSING.match(str(message))
            if glyph:
                missing.add(chr(int(glyph[1])))
            else:
                shown(message, *rest, **more)

        warnings.showwarning = note
        warnings.filterwarnings("always", message="Glyph .* missing from")
        warnings.filterwarnings("ignore", category=RuntimeWarning)  # numbers at the edge of what a float holds
        matplotlib.rcdefaults()
        fonts = [font for font in _FONTS if font in installed]
        settings: Any = matplotlib.rcParams
        settings.update(_SETTINGS | {"font.family": fonts or ["sans-serif"]})
        yield missing


def figure(width: float, height: float) -> "Figure":
    """Return an empty figure, its size in inches; it belongs to no window and needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    empty = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(empty)
    return empty


def picture(drawn: "Figure", form: str, title: str) -> bytes:
    """Return a figure as bytes: png, svg or pdf, without dates or the names of programs.

    In SVG what a part stands for (`tooltip`) is its title, which browsers show under the pointer. Where no font here
    has a character, SVG keeps texts as texts, for the reader's fonts; in other forms it is a box, and a LedgerWarning
    says so.
    """
    metadata = _METADATA[form] | ({"Title": clean(title)} if form != "png" else {})
    data, missing = _rendered(drawn, form, metadata, "path")
    if missing and form == "svg":
        data, _ = _rendered(drawn, form, metadata, "none")
    elif missing:
        some = "".join(sorted(missing)[:12]) + ("..." if len(missing) > 12 else "")
        warn(
            f"no font here has {clean(some)}: drawn as boxes; SVG keeps the text (-o FILE.svg), "
            "or install a font such as Noto Sans CJK"
        )
    if form == "svg":
        titled: list[Any] = drawn.findobj(lambda artist: hasattr(artist, "ledger_title"))
        for artist in titled:
            mark = f'<g id="{artist.get_gid()}">'.encode()
            data = data.replace(mark, mark + f"<title>{escape(artist.ledger_title)}</title>".encode(), 1)
        data = b"".join(line.rstrip() + b"\n" for line in data.splitlines())
    return data


def _rendered(drawn: "Figure", form: str, metadata: dict[str, Any], texts: str) -> tuple[bytes, set[str]]:
    """Return a figure as bytes, texts in SVG as a `path` or as they are (`none`), and the characters without a font."""
    buffer = io.BytesIO()
    with applied() as missing:
        import matplotlib

        matplotlib.rcParams["svg.fonttype"] = texts
        drawn.savefig(buffer, format=form, metadata=metadata)
    return buffer.getvalue(), missing


def tooltip(artist: Any, text: str) -> None:
    """Say what a part of a figure stands for."""
    found = artist.axes.figure
    count = found.ledger_titles = getattr(found, "ledger_titles", 0) + 1
    artist.set_gid(f"part{count}")
    artist.ledger_title = clean(text)


def name(text: str, limit: int = NAME_MOST) -> str:
    """Return a name as a label: nothing that steers text, and its middle cut where it is long."""
    return shorten(clean(text), limit)


def names(texts: Mapping[str, str], limit: int = NAME_MOST) -> dict[str, str]:
    """Return labels by id; where two would read alike, the end of the id tells them apart."""
    short = {id: name(text, limit) for id, text in texts.items()}
    seen: dict[str, int] = {}
    for label in short.values():
        seen[label] = seen.get(label, 0) + 1
    return {id: f"{text} {id[-4:]}" if seen[text] > 1 else text for id, text in short.items()}


def colors(owners: Sequence[str], most: int = len(COLORS), top: int = 5) -> dict[str, str]:
    """Return the colours of lines whose best come first: each its own, or of too many those of the best alone."""
    shown = owners if len(owners) <= most else owners[:top]
    return dict(zip(shown, COLORS, strict=False))


def fit(drawn: "Figure") -> None:
    """Make a figure so wide that all of it is seen: the layout leaves too little beside axes of a fixed shape."""
    for _ in range(3):
        drawn.draw_without_rendering()
        wide, high = (float(side) for side in drawn.get_size_inches())
        box: Any = drawn.get_tightbbox()
        over = max(0.0, -float(box.x0)) + max(0.0, float(box.x1) - wide)
        if over < _OVER:
            return
        drawn.set_size_inches(wide + over + 2 * _OVER, high)


def hues(places: Sequence[int], most: int = len(COLORS), top: int = 5) -> list[str]:
    """Return a colour for each line, the best first; of too many those of the best alone, the others grey.

    A place is where a run stands in the order that all kinds of plot share: it decides which colour is the run's.
    """
    taken: dict[int, str] = {}
    for place in sorted(places if len(places) <= most else places[:top]):
        near = [COLORS[(place + step) % len(COLORS)] for step in range(len(COLORS))]
        taken[place] = next((color for color in near if color not in taken.values()), near[0])
    return [taken.get(place, REST) for place in places]


def ink_on(tint: Sequence[float]) -> str:
    """Return a colour of text that can be read on a tint (red, green, blue in [0, 1]): dark, white, or black."""
    under = _luminance(tint)
    for color in (INK, "white"):
        over = 1.0 if color == "white" else _luminance([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        if (max(under, over) + 0.05) / (min(under, over) + 0.05) >= _READABLE:
            return color
    return "black"


def _luminance(tint: Sequence[float]) -> float:
    """Return how light a colour is, 0 to 1, as WCAG defines it."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in tint]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def heading(metric: str, goal: str | None) -> str:
    """Return a metric's name with an arrow to where it is better."""
    arrow = {"maximize": " ↑", "minimize": " ↓"}.get(goal or "", "")
    return name(metric, 40) + arrow


def log_scale(axes: "Axes", which: str, values: Sequence[float]) -> None:
    """Make an axis logarithmic around the values that are positive, with ticks that are written as plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    places = [math.log10(value) for value in values if 0 < value < math.inf]
    first, last = padded(places, 0.05) or (-1.0, 0.0)
    getattr(axes, f"set_{which}lim")(10 ** max(first, -300.0), 10 ** min(last, 300.0))
    getattr(axes, f"set_{which}scale")("log", nonpositive="mask")
    axis = getattr(axes, f"{which}axis")
    subs = (1.0, 2.0, 5.0) if last - first < 2.5 else (1.0,)
    axis.set_major_locator(LogLocator(subs=subs, numticks=9))
    axis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))
    axis.set_minor_formatter(NullFormatter())


def plain(value: float) -> str:
    """Write the number of a tick: 0.001, 0.5, 100, 1e-05."""
    return f"{value:g}"


def whole(axes: "Axes", which: str) -> None:
    """Put ticks on whole numbers alone, and not many of them."""
    from matplotlib.ticker import MaxNLocator

    getattr(axes, f"{which}axis").set_major_locator(MaxNLocator(nbins=6, integer=True, steps=[1, 2, 5, 10]))


def write(values: Sequence[float]) -> list[str]:
    """Write numbers that stand together with the digits that tell them apart."""
    return numbers.column(list(values))


def padded(values: Sequence[float], share: float = 0.06) -> tuple[float, float] | None:
    """Return limits around finite values with some room; None without any."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return None
    low, high = min(finite), max(finite)
    room = (high / 2 - low / 2) * 2 * share if math.isfinite(high - low) else 0.0
    room = room or abs(high) * 0.05 or 0.5
    return low - room, high + room


def grid(count: int, across: int = 3) -> tuple[int, int]:
    """Return rows and columns for so many panels; four stand two by two."""
    columns = 2 if count == 4 else min(count, across)
    return math.ceil(count / columns), columns
