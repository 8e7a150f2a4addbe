"""`ledger report`: what a branch did to the results, as the comment on a pull request."""

import click

from ledger import api
from ledger.cli import output


@click.command("report")
@click.option("--diff", "span", metavar="A...B", required=True, help="From where to where, as `ledger diff` takes it.")
@click.option("--title", metavar="TEXT", default="Experiment results", help="The heading.")
@click.option("-o", "--output", "target", metavar="FILE", help="Write to FILE instead of stdout.")
@click.option("--md", "form", flag_value="md", default="md", help="Write Markdown, as without an option.")
@click.option("--json", "form", flag_value="json", help="Write JSON.")
def command(span: str, title: str, target: str | None, form: str) -> None:
    """Write what a branch did to the results: new runs, changed values, what the gates say.

    \b
    ledger report --diff main...HEAD > comment.md

    The text goes to stdout or FILE; nothing is sent anywhere. The exit code says nothing of the gates: that is what
    `ledger check` is for.
    """
    ledger = api.open_for((span,))
    found = ledger.report(span)
    output.notices(found.diff.notices)
    document = found.diff.to_json()
    if form == "json":
        from ledger.view.document import encode

        gate = {} if found.outcome is None else {"gate": found.outcome.to_json()}
        text = encode({**document, "schema": "ledger.report/1", **gate, "curves": found.curves})
    else:
        from ledger.view.report import report_markdown

        text = report_markdown(
            document, found.outcome, found.curves, found.diff.goals, title=title, has_gates=found.has_gates
        )
    if target is None:
        output.text(text)
    else:
        output.write(target, text)
    if ledger.damaged:
        click.get_current_context().exit(5)
