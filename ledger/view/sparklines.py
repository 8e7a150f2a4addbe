"""A curve as one line of text: eight heights, a gap for what is no number."""

import math
from collections.abc import Sequence

_HEIGHTS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float]) -> str:
    """Write values as bars between the least and the greatest of them; `·` stands for NaN, infinities are cut off."""
    finite = [value for value in values if math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    return "".join(_bar(value, low, high) for value in values)


def _bar(value: float, low: float, high: float) -> str:
    if math.isnan(value):
        return "·"
    if math.isinf(value):
        return _HEIGHTS[-1 if value > 0 else 0]
    if low == high:
        return _HEIGHTS[3]
    if math.isinf(high - low):  # halves of such numbers are exact; those of the least numbers are not
        value, low, high = value / 2, low / 2, high / 2
    share = (value - low) / (high - low)
    return _HEIGHTS[min(len(_HEIGHTS) - 1, int(share * len(_HEIGHTS)))]
