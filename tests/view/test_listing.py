"""Files of a ledger as text: rows line by line, cut where there are many; nothing in them steers a terminal."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.format import columns
from ledger.format.rows import NO_STEP, Rows
from ledger.table import listing as table
from ledger.view import listing as view

RUN = "20260102-030405-baseline-0123456789ab"


def rows_of(keys: list[tuple[str, str | None]], steps: int) -> Rows:
    """Return `steps` rows of each key: the value of step n is n / 2."""
    n = len(keys) * steps
    rows = Rows(sorted(keys, key=lambda key: (key[0], key[1] or "")), ["w"], n)
    rows.key = np.repeat(np.arange(len(keys), dtype=np.int32), steps)
    rows.step = np.tile(np.arange(steps, dtype=np.int64), len(keys))
    rows.value = rows.step / 2
    rows.seq = np.arange(n, dtype=np.int64)
    rows.time = 1_767_323_045_000_000 + rows.seq
    rows.attempt = np.ones(n, np.int32)
    return rows


def lines_of(rows: Rows) -> list[str]:
    """Return a segment of these rows as lines."""
    text = view.render_listing(table.of_segment(columns.encode(RUN, rows), "it"))
    assert text.endswith("\n")
    return text[:-1].split("\n")


def test_a_row_is_a_line() -> None:
    """Metric, step and value, aligned; without a step a dash, without a value the word."""
    rows = rows_of([("loss", None), ("val/auc", '{"fold":1}')], 2)
    rows.step[3], rows.undefined[2] = NO_STEP, True
    assert lines_of(rows) == [
        f"segment: 4 rows of 2 metrics, run {RUN}, 2026-01-02T03:04:05Z to 2026-01-02T03:04:05.000003Z",
        "loss             0  0.0",
        "loss             1  0.5",
        "val/auc{fold=1}  0  undefined",
        "val/auc{fold=1}  -  0.5",
    ]


def test_attempts_are_told_apart_where_there_are_several() -> None:
    """A step that was logged again after a resume stands there twice."""
    rows = rows_of([("loss", None)], 2)
    rows.attempt[1] = 2
    assert lines_of(rows)[1:] == ["loss  0  0.0  (attempt 1)", "loss  1  0.5  (attempt 2)"]


def test_a_segment_without_rows_says_so() -> None:
    """No row, no time."""
    assert lines_of(rows_of([], 0)) == ["segment: 0 rows of 0 metrics"]


@pytest.mark.parametrize(("metrics", "steps"), [(1, 1000), (1, 1001), (3, 5000), (700, 1), (700, 2), (2500, 3)])
def test_what_is_cut_is_said(metrics: int, steps: int) -> None:
    """The lines and what they say is left out are all there is; the last row of each metric shown is there."""
    lines = lines_of(rows_of([(f"m{i:04}", None) for i in range(metrics)], steps))
    assert len(lines) <= table.ROWS_MAX + table.ROWS_MAX // 2 + 2
    cut = [line for line in lines[1:] if " more" in line]
    shown = [line.split() for line in lines[1:] if " more" not in line]
    hidden = sum(int(line.split()[2].replace(",", "")) for line in cut if line.startswith("m"))
    hidden += sum(int(line.split()[1]) * steps for line in cut if line.startswith("…"))
    assert len(shown) + hidden == metrics * steps
    assert not cut or metrics * steps > table.ROWS_MAX
    last = {name: step for name, step, _ in shown}
    assert set(last.values()) == {str(steps - 1)}


def test_a_long_text_is_cut() -> None:
    """Two thousand lines, and how many more there are; a text of just as many is whole."""
    whole = b"line\n" * view.LINES_MAX
    assert view.render_text(whole) == whole.decode()
    cut = view.render_text(whole + b"more\nand more\n")
    assert cut == whole.decode() + "… 2 more lines\n"


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_nothing_steers_a_terminal(data: bytes) -> None:
    """Whatever is in a file, and whatever it is called: what comes out is printable, line by line."""
    name = data.decode("utf-8", "replace")
    for text in (view.render_text(data), view.render_file(name, len(data), data, name)):
        assert text is None or all(line == view.clean(line) for line in text.split("\n"))


@given(st.text(st.characters(blacklist_categories=("Cc", "Cf", "Cs", "Zl", "Zp")), max_size=300))
def test_a_text_comes_out_as_it_is(text: str) -> None:
    """With or without an end of its last line."""
    assert view.render_text(text.encode()) == text
    assert view.render_text(f"{text}\n".encode()) == f"{text}\n"


HEADS = {
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\x80\0\0\x01\xe0\x08": "640 x 480",
    b"GIF89a\x0a\0\x14\0": "10 x 20",
    b"BM" + b"\0" * 16 + b"\x05\0\0\0\xf9\xff\xff\xff": "5 x 7",
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0": None,
    b"GIF89a": None,
    b"": None,
}


@pytest.mark.parametrize(("head", "shape"), HEADS.items())
def test_the_size_of_a_picture(head: bytes, shape: str | None) -> None:
    """Width and height where the first bytes say them, else only how many bytes it has."""
    middle = f", {shape}" if shape else ""
    assert view.render_file("a.png", 1536, head) == f"picture (png){middle}, 1.5 KiB\n"
