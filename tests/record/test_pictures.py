"""What may be logged as a chart, and the bytes it becomes."""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ledger.errors import InvalidValue
from ledger.record import pictures


def size_of(picture: pictures.Picture) -> tuple[tuple[int, int], str]:
    """Return the width and height of a picture, and its mode."""
    from PIL import Image

    image = Image.open(io.BytesIO(picture.data))
    return image.size, image.mode


@pytest.mark.parametrize(
    ("data", "extension"),
    [
        (b"\x89PNG\r\n\x1a\nrest", "png"), (b"\xff\xd8\xffrest", "jpg"), (b"GIF89a", "gif"), (b"%PDF-1.7", "pdf"),
        (b"BMrest", "bmp"), (b"PAR1", "parquet"), (b"  <svg></svg>", "svg"), (b"<?xml version='1.0'?><svg/>", "svg"),
        (b"RIFF1234WEBPVP8", "webp"), (b"<?xml version='1.0'?><x/>", "bin"), (b"whatever", "bin"), (b"RIFF", "bin"),
    ],
)  # fmt: skip
def test_bytes_are_told_by_how_they_begin(data: bytes, extension: str) -> None:
    """The extension decides what forges and editors show; what is unknown is `bin`."""
    for given in (data, bytearray(data), memoryview(data)):
        picture = pictures.to_picture("c", given)
        assert (picture.data, picture.extension) == (data, extension)


@pytest.mark.parametrize(("shape", "mode"), [((4, 6), "L"), ((4, 6, 1), "L"), ((4, 6, 3), "RGB"), ((4, 6, 4), "RGBA")])
@pytest.mark.parametrize("kind", ["uint8", "bool", "float32", "float64", "int64"])
def test_arrays_become_pictures(shape: tuple[int, ...], mode: str, kind: str) -> None:
    """(H, W), (H, W, 1), (H, W, 3) and (H, W, 4): bytes, bools, whole numbers to 255, floats from 0 to 1."""
    array = np.ones(shape, kind)
    assert size_of(pictures.to_picture("c", array)) == ((6, 4), mode)


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.zeros(5), r"shape \(5,\)"), (np.zeros((4, 6, 2)), "shape"), (np.zeros((3, 4, 6)), "channels first"),
        (np.zeros((0, 4)), "shape"), (np.zeros((2, 2, 2, 3)), "shape"), (np.full((4, 6), 1.5), "from 1.5 to 1.5"),
        (np.full((4, 6), np.nan), "nan"), (np.full((4, 6), 256), "256"), (np.full((4, 6), -1), "-1"),
        (np.array([["a"]]), "array of <U1"), (np.ones((2, 2), complex), "array of complex128"),
    ],
)  # fmt: skip
def test_arrays_that_are_no_pictures_say_why(array: Any, text: str) -> None:
    """The shape or the range found and the ones that fit; never a picture that was scaled silently."""
    with pytest.raises(InvalidValue, match=text):
        pictures.to_picture("c", array)


def test_a_figure_has_the_same_bytes_each_time() -> None:
    """No date and no version inside: what did not change is no change in git."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib.figure import Figure

    def draw() -> Figure:
        figure = Figure(figsize=(2, 1))
        figure.subplots().plot([1, 2, 3])
        return figure

    first = pictures.to_picture("c", draw())
    assert first.extension == "png"
    assert pictures.to_picture("c", draw()) == first
    assert b"Software" not in first.data
    axes = draw().axes[0]
    assert pictures.to_picture("c", axes) == first

    class Display:
        """Stands for what scikit-learn draws with."""

        figure_ = draw()

    assert pictures.to_picture("c", Display()) == first


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "F", "I;16"])
def test_images_become_png(mode: str) -> None:
    """A PIL image of any mode; modes that PNG lacks become RGB."""
    from PIL import Image

    size, found = size_of(pictures.to_picture("c", Image.new(mode, (6, 4))))
    assert size == (6, 4)
    assert found == ("RGB" if mode in ("CMYK", "F") else mode)


def test_files_keep_their_bytes(tmp_path: Path) -> None:
    """Whatever they hold; the extension is the file's where editors know it, else what the bytes say."""
    for name, data, extension in (
        ("a.PNG", b"not even a picture", "png"),
        ("a.csv", b"a,b\n", "csv"),
        ("a.weights", b"\x89PNG\r\n\x1a\n", "png"),
        ("weights", b"\0\1", "bin"),
        ("a.tar.gz", b"\0\1", "bin"),
    ):
        (tmp_path / name).write_bytes(data)
        for given in (tmp_path / name, str(tmp_path / name)):
            assert pictures.to_picture("c", given) == pictures.Picture(data, extension)


def test_files_that_cannot_be_read_say_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing, a folder, empty, or a path with a NUL: one clear error, and where was looked."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.png").touch()
    for path, text in (
        ("none.png", "there is no file"),
        (".", "is a folder"),
        ("empty.png", "is empty"),
        ("x" * 300, "cannot be read"),
    ):
        with pytest.raises(InvalidValue, match=text):
            pictures.from_file("c", path)
    with pytest.raises(InvalidValue) as caught:
        pictures.from_file("c", "none.png")
    assert str(tmp_path) in str(caught.value)
    if os.getuid() != 0:
        (tmp_path / "secret").write_text("x")
        (tmp_path / "secret").chmod(0)
        with pytest.raises(InvalidValue, match="Permission denied"):
            pictures.from_file("c", tmp_path / "secret")


@pytest.mark.parametrize("chart", [5, None, object(), {"a": 1}, [1, 2], b""])
def test_what_is_no_picture_says_what_is(chart: Any) -> None:
    """The error names the type and what may be given."""
    with pytest.raises(InvalidValue) as caught:
        pictures.to_picture("c", chart)
    assert "'c'" in str(caught.value)


def test_texts_are_utf8() -> None:
    """A byte that was no text is written as an escape; the media type goes with the extension."""
    assert pictures.from_text("ü\udcff").data == "ü\\udcff".encode()
    assert pictures.from_text("x").media_type == "text/plain"
    assert pictures.Picture(b"x", "png").media_type == "image/png"
