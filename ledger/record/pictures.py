"""What may be logged as a chart, and the bytes it becomes: the same picture gives the same bytes (no dates inside).

Drawing libraries are never imported here for their own sake: a figure brings its own.
"""

import io
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ledger.errors import InvalidSchema, InvalidValue, warn
from ledger.format import layout
from ledger.store import blobs
from ledger.store.tree import Tree

if TYPE_CHECKING:
    from ledger.record.calls import ChartCall

_MAGICS = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpg"),
    (b"GIF8", "gif"),
    (b"%PDF-", "pdf"),
    (b"BM", "bmp"),
    (b"PAR1", "parquet"),
)


class Picture(NamedTuple):
    """Bytes to be stored, and the extension that says what they are."""

    data: bytes
    extension: str

    @property
    def media_type(self) -> str:
        """The media type that goes with the extension."""
        return layout.MEDIA_TYPES[self.extension]


def to_picture(name: str, chart: Any) -> Picture:
    """Return the bytes of a chart: a path, bytes, a matplotlib figure, a PIL image, or a 2-d or 3-d array.

    Arrays are (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), uint8, bool, or floats in [0, 1]. Raises InvalidValue.
    """
    if isinstance(chart, (bytes, bytearray, memoryview)):
        data = bytes(chart)
        if not data:
            raise InvalidValue(f"chart {name!r} has no bytes")
        return Picture(data, _sniff(data))
    if isinstance(chart, (str, os.PathLike)):
        return from_file(name, chart)
    chart = getattr(chart, "figure_", chart)  # scikit-learn's displays
    if not hasattr(chart, "savefig") and hasattr(chart, "get_figure"):  # an Axes
        chart = chart.get_figure()
    if hasattr(chart, "savefig"):
        buffer = io.BytesIO()
        chart.savefig(buffer, format="png", metadata={"Software": None})
        return Picture(buffer.getvalue(), "png")
    if hasattr(chart, "save") and hasattr(chart, "mode"):  # a PIL image
        return Picture(_png(chart), "png")
    if hasattr(chart, "detach"):  # a torch tensor, which may need a gradient or lie on a device
        chart = chart.detach().cpu()
    if hasattr(chart, "__array__"):
        return _from_array(name, chart)
    raise InvalidValue(
        f"chart {name!r} is a {type(chart).__name__}, of which no picture can be made",
        hint="give a path, bytes, a matplotlib figure, a PIL image, or an array of shape (H, W) or (H, W, 3)",
    )


def from_file(name: str, path: "str | os.PathLike[str]") -> Picture:
    """Return the bytes of a file the user named; raises InvalidValue where there is none, or it is a folder."""
    where = os.fspath(path)
    try:
        with open(where, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        raise InvalidValue(f"chart {name!r}: there is no file {where}", hint=f"looked in {os.getcwd()}") from None
    except IsADirectoryError:
        raise InvalidValue(
            f"chart {name!r}: {where} is a folder, not a file", hint="log its files one by one"
        ) from None
    except OSError as error:
        raise InvalidValue(f"chart {name!r}: {where} cannot be read: {error.strerror}") from None
    if not data:
        raise InvalidValue(f"chart {name!r}: the file {where} is empty")
    extension = layout.blob_extension(where)
    return Picture(data, _sniff(data) if extension == "bin" else extension)


def from_text(text: str, extension: str = "txt") -> Picture:
    """Return the bytes of a text."""
    return Picture(text.encode("utf-8", "backslashreplace"), extension)


def refuse_large(tree: Tree, charts: Iterable["ChartCall"]) -> None:
    """Raise InvalidValue for a chart above `max_blob` of `.ledger-schema`."""
    refuse_sizes(tree, {f"chart {chart.name!r}": len(chart.picture.data) for chart in charts})


def small_enough(tree: Tree, charts: Iterable["ChartCall"]) -> "list[ChartCall]":
    """Return the charts that `max_blob` allows; each of the others is lost, with a warning that names it."""
    kept = []
    for chart in charts:
        try:
            refuse_large(tree, [chart])
            kept.append(chart)
        except InvalidValue as error:
            warn(f"chart {chart.name!r} is lost: {error.message}")
    return kept


def refuse_sizes(tree: Tree, sizes: Mapping[str, int]) -> None:
    """Raise InvalidValue for what has more bytes than `max_blob`; a schema that cannot be read sets no limit."""
    text = tree.schema_text()
    if text is None or "max_blob" not in text:
        return
    from ledger import schema  # which few have, and a call of the shell needs not

    try:
        limit = schema.parse(text).storage.get("max_blob")
    except InvalidSchema:
        return
    for what, size in sizes.items():
        if limit is not None and size > limit:
            raise InvalidValue(
                f"{what} has {size} bytes, and max_blob in {layout.SCHEMA_FILE} is {limit}",
                hint="keep it elsewhere and log its path and digest as params, or raise max_blob",
            )


def store(
    tree: Tree, name: str, picture: Picture, step: int | None, context: str | None, caption: str | None
) -> dict[str, Any]:
    """Store a chart's bytes and return what a journal or an entry says of it."""
    fields, blob = described(name, picture, step, context, caption)
    blobs.write(tree, blob)
    return fields


def described(
    name: str, picture: Picture, step: int | None, context: str | None, caption: str | None
) -> tuple[dict[str, Any], blobs.Blob]:
    """Return what a journal or an entry says of a chart, and the blob that is to be stored before."""
    blob = blobs.of(picture.data, picture.extension)
    fields = {
        "name": name,
        "blob": blob.sha256,
        "extension": picture.extension,
        "media_type": picture.media_type,
        "bytes": len(picture.data),
        "step": step,
        "context": context,
        "caption": caption,
    }
    return {key: value for key, value in fields.items() if value is not None}, blob


def _sniff(data: bytes) -> str:
    """Return the extension of well-known kinds of bytes, else `bin`."""
    for magic, extension in _MAGICS:
        if data.startswith(magic):
            return extension
    head = data[:512].lstrip()
    if head.startswith(b"<svg") or (head.startswith(b"<?xml") and b"<svg" in head):
        return "svg"
    return "webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else "bin"


def _from_array(name: str, chart: Any) -> Picture:
    import numpy as np

    array = np.asarray(chart)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)) or 0 in array.shape:
        raise InvalidValue(
            f"chart {name!r} is an array of shape {array.shape}; a picture has (H, W), (H, W, 3) or (H, W, 4)",
            hint="for channels first, move the axis: np.moveaxis(x, 0, -1)",
        )
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * 255
    elif array.dtype.kind == "f":
        low, high = float(array.min()), float(array.max())
        if not (low >= 0.0 and high <= 1.0):
            raise InvalidValue(
                f"chart {name!r} is an array of floats from {low:g} to {high:g}; a picture has 0 to 1",
                hint="scale it: (x - x.min()) / (x.max() - x.min())",
            )
        array = np.rint(array * 255).astype(np.uint8)
    elif array.dtype != np.uint8:
        if array.dtype.kind not in "iu":
            raise InvalidValue(f"chart {name!r} is an array of {array.dtype}; a picture has numbers from 0 to 255")
        if array.min() < 0 or array.max() > 255:
            raise InvalidValue(
                f"chart {name!r} is an array of {array.dtype} from {array.min()} to {array.max()}; "
                "a picture has 0 to 255"
            )
        array = array.astype(np.uint8)
    from PIL import Image

    return Picture(_png(Image.fromarray(np.ascontiguousarray(array))), "png")


def _png(image: Any) -> bytes:
    buffer = io.BytesIO()
    (image if image.mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16") else image.convert("RGB")).save(buffer, "PNG")
    return buffer.getvalue()
