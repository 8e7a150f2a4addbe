"""The law of union: whatever way the files of a ledger come together, the answers agree."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ledger
from ledger.errors import LedgerError


def make_history(folder: Path, choice: random.Random) -> None:
    """Fill a ledger with what people do, in an order that chance decides."""
    names = ["a", "b", "c"]
    for name in names:
        with ledger.start(name, params={"n": choice.random()}, directory=str(folder)) as run:
            for step in range(choice.randrange(5)):
                run.log({"x": choice.random()}, step=step)
            if choice.random() < 0.5:
                run.log_text("t", name)
    led = ledger.open(str(folder))
    for _ in range(8):
        name = choice.choice(names)
        try:
            match choice.randrange(7):
                case 0:
                    led.run(name).log({"x": choice.random()}, step=choice.choice([None, 1, 9]), reason="late")
                case 1:
                    led.tag(name, choice.choice(["s", "-s"]))
                case 2:
                    led.set_params(name, {"n": choice.random()})
                case 3:
                    led.remove(name)
                case 4:
                    led.restore(name)
                case 5:
                    with ledger.start(resume=name, directory=str(folder)) as run:
                        run.log({"x": choice.random()}, step=2)
                case _:
                    led.rename(name, choice.choice(names))
        except LedgerError:
            continue  # out of view, or called otherwise by now


@pytest.mark.parametrize("seed", range(6))
def test_any_two_halves_come_together_to_the_same(seed: int, workdir: Path, cli: Callable[..., Any]) -> None:
    """Overlapping halves of a ledger's files, copied in any order, by any of both first: the same answers as before."""
    choice = random.Random(seed)
    make_history(workdir / "whole", choice)
    root = workdir / "whole" / ".ledger"
    shutil.rmtree(root / "journal", ignore_errors=True)
    files = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
    verbs = (["ls", "--json"], ["ls", "--removed", "--json"], ["compare", "--all", "--json"], ["export"])
    expected = [cli("-C", workdir / "whole", *verb).out for verb in verbs]
    assert json.loads(expected[0])["runs"]
    for turn in range(3):
        halves = [[file for file in files if choice.random() < 0.7] for _ in range(2)]
        halves[1] += [file for file in files if file not in halves[0]]
        target = workdir / f"union{turn}" / ".ledger"
        for half in halves:
            choice.shuffle(half)
            for file in half:
                (target / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(root / file, target / file)
            if half is halves[0]:  # a half may be damaged, and never more than that
                assert cli("-C", target.parent, "ls", "--json").code in (0, 4, 5)
        assert [cli("-C", target.parent, *verb).out for verb in verbs] == expected
