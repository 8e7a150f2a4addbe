"""`ledger schema`: what `.ledger-schema` declares, and what it means for a metric."""

import click

from ledger import api
from ledger.cli import options, output


@click.command("schema")
@click.argument("metrics", nargs=-1, metavar="[METRIC]...")
@options.at
@options.formats()
def command(metrics: tuple[str, ...], at: str | None, form: str | None) -> None:
    """Show what .ledger-schema declares; with METRIC..., what holds for these metrics."""
    schema = api.open(rev=at).schema
    document = schema.to_json()
    if metrics:
        document = {"schema": document["schema"], "metrics": [_metric(schema, name) for name in metrics]}
    if form == "json":
        output.json(document)
        return
    fields = ["goal", "unit", "range", "tolerance", "relative_tolerance", "alias", "description"]
    first = "metric" if metrics else "glob"
    shown = [f for f in fields if f == "goal" or any(row.get(f) for row in document["metrics"])]
    values = [[row.get(first), *(row.get(f) for f in shown)] for row in document["metrics"]]
    if form is not None:
        output.rows(form, [first, *shown], values)
    elif not values:
        output.notice("no .ledger-schema declares a metric; goals go by well-known names (loss, auc, ...)")
    else:
        from ledger.view.rows import format_value, render_table

        texts = [["-" if value is None else format_value(value) for value in row] for row in values]
        output.text(render_table([first, *shown], texts, color=output.color(), width=output.width()))


def _metric(schema: "api.Schema", name: str) -> dict[str, object]:
    found = schema.metric(name)
    fields = {
        "metric": schema.canonical(name),
        "glob": found.glob,
        "goal": found.goal,
        "unit": found.unit,
        "range": list(found.range) if found.range else None,
        "tolerance": found.tolerance or None,
        "relative_tolerance": found.relative_tolerance or None,
        "description": found.description,
    }
    return {key: value for key, value in fields.items() if value is not None}
