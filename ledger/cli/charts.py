"""`ledger charts`: the charts of a run, listed or written to files."""

import os
import sys

import click

from ledger import api
from ledger.cli import options, output, plotting
from ledger.view.numbers import plural

_PICTURES = ("png", "svg", "pdf")
_KINDS_MAX = 100  # charts that a list reads to say what data they are
_NAME_MAX = 180  # bytes of a chart's name in a file's name, which file systems hold to 255


@click.command("charts")
@click.argument("run")
@click.argument("name", required=False)
@click.option("--step", type=int, help="Which picture of a series; else the last.")
@click.option(
    "-o", "--output", "target", metavar="PATH", help="Write NAME there ('-' is stdout); without NAME a folder."
)
@click.option("--terminal", is_flag=True, help="Draw NAME here, as text.")
@options.at
@options.formats()
def command(
    run: str, name: str | None, step: int | None, target: str | None, terminal: bool, at: str | None, form: str | None
) -> None:
    """List the charts of RUN, or write the chart NAME to a file.

    \b
    ledger charts baseline
    ledger charts baseline roc -o roc.png
    ledger charts baseline test/roc --csv
    ledger charts baseline test/report --terminal

    Charts of an evaluation are one line; --csv and --json list each. Of a chart that is data, NAME alone shows the
    data, and -o FILE.png, .svg or .pdf draws it; --terminal draws it as text.
    """
    ledger, run = api.open_runs([run], at).home(run)
    state = ledger.state(run)
    output.run_notices([state])
    if terminal and (name is None or form is not None or target is not None):
        raise click.UsageError("--terminal draws one chart: ledger charts RUN NAME --terminal")
    if name is not None:
        _one(ledger, run, name, step, target, form, terminal)
        return
    if target is not None:
        _write_all(ledger, state, target)
        return
    if form == "json":
        from ledger.view.document import charts_document

        output.json(charts_document(state, ledger.chart_kinds(run)))
    elif form is not None:
        kinds = ledger.chart_kinds(run)
        headings = ["chart", "context", "step", "media_type", "bytes", "blob", "kind"]
        rows = [[c.name, c.context, c.step, c.media_type, c.bytes, c.blob, kinds.get(c.blob)] for c in state.charts]
        output.rows(form, headings, rows)
    elif not state.charts:
        output.notice(f"the run {state.id} has no charts")
    else:
        from ledger.view.charts import listed, render_charts

        shown = listed(state.charts)
        kinds = ledger.chart_kinds(run, shown[:_KINDS_MAX])
        output.text(render_charts(state.charts, kinds, color=output.color(), width=output.width()))
        if any(chart.extension == "json" for chart in shown[_KINDS_MAX:]):
            output.notice(f"what data is was looked up for the first {_KINDS_MAX} charts; for all of them: --json")


def _one(
    ledger: api.Ledger, run: str, name: str, step: int | None, target: str | None, form: str | None, terminal: bool
) -> None:
    """Show one chart, draw it, or write it to a file."""
    chart = ledger.find_chart(run, name, step)
    data = ledger.chart(run, name, step)
    if terminal:
        plotting.quiet()
        plotted = ledger.plot_chart(run, name, step)
        output.text(plotted.text(width=output.width() or 80, color=output.color()))
    elif target is None and ledger.chart_kinds(run, [chart]):
        _show_data(ledger, run, name, step, form)
    elif target == "-":
        sys.stdout.buffer.write(data)
    elif target is not None:
        ending = os.path.splitext(target)[1][1:].lower()
        if ending in _PICTURES and ledger.chart_kinds(run, [chart]):
            plotting.quiet()
            data = ledger.plot_chart(run, name, step).picture(ending)
        output.write(target, data)
    else:
        output.text(os.path.relpath(ledger.blob_path(chart)) + "\n")


def _show_data(ledger: api.Ledger, run: str, name: str, step: int | None, form: str | None) -> None:
    """Write chart data: as it is stored, or its columns as CSV or Markdown."""
    if form in ("csv", "md"):
        columns = ledger.chart_data(run, name, step).columns
        output.rows(form, list(columns), list(zip(*columns.values(), strict=True)))
    else:
        output.Rows().write(ledger.chart(run, name, step))


def _write_all(ledger: api.Ledger, state: "api.RunState", folder: str) -> None:
    """Write every chart into a folder, under names that hold no part of a path."""
    output.folder(folder)
    for chart in state.charts:
        plain = "".join(c if c.isalnum() or c in "._-" else "-" for c in chart.name).lstrip(".-") or "chart"
        plain = plain.encode()[:_NAME_MAX].decode(errors="ignore")
        step = "" if chart.step is None else f"-{chart.step:06d}"
        output.write(os.path.join(folder, f"{plain}{step}-{chart.blob[:8]}.{chart.extension}"), ledger.blob(chart))
    output.notice(f"wrote {plural(len(state.charts), 'file')} to {folder}")
