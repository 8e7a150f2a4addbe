#!/bin/sh
# Ada and Grace train a model in one git repository: branches, late labels, a gate that says no, a merge that should not
# have been, and how its commit is found. All of it is git and `ledger`; there is no server.
#
#     sh examples/team_story.sh
#
# It works in a temporary folder, which it removes. PYTHON names a Python that has ledger, if python3 is none:
# PYTHON=.venv/bin/python sh examples/team_story.sh
set -eu
PYTHON=$("${PYTHON:-python3}" -c 'import sys, ledger; print(sys.executable)')
ledger() { "$PYTHON" -m ledger "$@"; }
train() { "$PYTHON" train.py "$@"; }
edit() { sed "$1" train.py > train.new && mv train.new train.py; }

story=$(mktemp -d)
trap 'rm -rf "$story"' EXIT
# Nothing of whoever tells the story is in it: neither settings of git, nor runs that are open, nor the cache.
unset LEDGER_RUN LEDGER_DIR LEDGER_AUTHOR LEDGER_MODE
unset $(env | sed -n 's/^\(GIT_[A-Z_]*\)=.*/\1/p')
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_MERGE_AUTOEDIT=no
export LEDGER_CACHE_DIR="$story/cache" COLUMNS=120

day() { printf '\n\n=== %s\n' "$1"; }
tell() { echo && printf '# %s\n' "$@"; }
# as NAME: who types what follows, in the clone of that name.
as() { who=$1 && cd "$story/$1"; }
# show COMMAND [CODE]: print the command as it is typed, then what it says. It must end with CODE, or 0.
show() {
    printf '\n%s$ %s\n' "$who" "$1"
    code=0
    eval "$1" 2>&1 || code=$?
    [ "$code" -eq 0 ] || printf '(exit code %s)\n' "$code"
    [ "$code" -eq "${2:-0}" ]
}

clone() {
    git clone -q "$story/origin.git" "$story/$1" 2>/dev/null
    git -C "$story/$1" config user.name "$2"
    git -C "$story/$1" config user.email "$1@example.org"
}

git init -q --bare -b main "$story/origin.git"
clone ada 'Ada'

# ----------------------------------------------------------------------------------------------------------------------
day 'Monday: Ada begins'
as ada
tell 'A small model: who falls ill? Logistic regression on two measurements of made-up patients.'
cat > train.py <<'END'
"""Predict who of some made-up patients falls ill, from two measurements. Usage: train.py NAME [RATE]"""

import math
import os
import random
import sys

import ledger

EPOCHS = 6


def patients(seed: int, count: int = 300) -> list[tuple[float, float, int]]:
    """Draw (age in years, marker in ng/l, ill or not)."""
    draw = random.Random(seed)
    found = []
    for _ in range(count):
        age, marker = 20 + 60 * draw.random(), 900 * draw.random()
        risk = (age - 50) / 12 + (marker - 450) / 180 + (age - 50) * (marker - 450) / 4000
        risk += 5 * (draw.random() - 0.5)
        found.append((age, marker, int(risk > 0)))
    return found


def features(age: float, marker: float) -> list[float]:
    """Bring the measurements to one scale."""
    age, marker = (age - 50) / 20, (marker - 450) / 300
    return [1.0, age, marker]


def score(weights: list[float], age: float, marker: float) -> float:
    """Return the probability to fall ill."""
    total = sum(w * x for w, x in zip(weights, features(age, marker)))
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, total))))


def auc(weights: list[float], people: list[tuple[float, float, int]]) -> float:
    """Return how often an ill one is ranked above a healthy one."""
    ill = [score(weights, a, m) for a, m, y in people if y]
    healthy = [score(weights, a, m) for a, m, y in people if not y]
    won = sum((i > h) + (i == h) / 2 for i in ill for h in healthy)
    return round(won / (len(ill) * len(healthy)), 4)


name, rate = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 0.01
training, validation = patients(1), patients(2)
weights = [0.0] * len(features(50, 450))
with ledger.start(name, params={"rate": rate, "epochs": EPOCHS}, seed=1) as run:
    for epoch in range(1, EPOCHS + 1):
        for age, marker, ill in training:
            error = score(weights, age, marker) - ill
            weights = [w - rate * error * x for w, x in zip(weights, features(age, marker))]
        run.log({"val/auc": auc(weights, validation)}, step=epoch)
END
tell 'What the team wants of val/auc stands in a file, reviewed like code.'
cat > .ledger-schema <<'END'
[metric."val/auc"]
goal = "maximize"
tolerance = 0.002

[gate."val/auc"]
min = 0.75
max_drop = 0.01
END
show 'cat .ledger-schema'
show 'train baseline'
show 'ledger ls'
tell 'The results are files beside the code, and are committed with it.'
show 'git add . && git commit -qm "A first model" && git push -q origin main'

# ----------------------------------------------------------------------------------------------------------------------
day 'Tuesday: two branches at once'
clone grace 'Grace'
as grace
tell 'Grace changes the code: the two measurements may matter together. Her clone needs no set-up.'
show 'git switch -qc grace/product'
edit 's/return \[1.0, age, marker\]/return [1.0, age, marker, age * marker]/'
show 'git commit -qam "The product of both measurements" && git show -U0 --format= | tail -n 2'
show 'train product'
show 'ledger tag baseline reference'
show 'git add . && git commit -qm "Results with the product"'
tell 'Is it good enough? The gate holds it against the run of main that has the same params.'
show 'ledger check --baseline main'

as ada
tell 'Ada tries learning rates meanwhile. A shell loop opens the runs; the program joins each by LEDGER_RUN.'
show 'git switch -qc ada/rates'
show 'for rate in 0.001 0.1; do
    export LEDGER_RUN=$(ledger start "rate-$rate" --tag sweep)
    train "rate-$rate" "$rate"
    ledger log "code/lines=$(wc -l < train.py)"
    ledger finish
done'
unset LEDGER_RUN
show 'ledger note baseline "all later models are held against this one"'
show 'git add . && git commit -qm "Two other learning rates"'

tell 'Both touched the run baseline: Grace its tags, Ada its note. Both branches merge, and nothing conflicts.'
show 'git switch -q main && git merge -q --no-ff -m "Merge ada/rates" ada/rates && git push -q origin main'
as grace
show 'git fetch -q && git switch -q main && git merge -q --ff-only origin/main'
show 'git merge --no-ff --no-stat -m "Merge grace/product" grace/product'
show 'git push -q origin main'
show 'ledger ls --columns name,tag,params.rate,val/auc,note'

# ----------------------------------------------------------------------------------------------------------------------
day 'Wednesday: the labels of the test set arrive'
tell 'The runs have long closed. A late value goes to its run all the same, with a reason.'
show 'ledger log --run baseline test/auc=0.871 -m "labels came late"'
show 'ledger log --run product test/auc=0.889 -m "labels came late"'
tell 'What did that change, since the last commit?'
show 'ledger diff'
show 'git add . && git commit -qm "Results on the test set" && git push -q origin main'

# ----------------------------------------------------------------------------------------------------------------------
day 'Thursday: the gate'
tell 'Grace tidies up on a branch. Round numbers read better, she thinks, and they do.'
show 'git switch -qc grace/tidy'
edit 's|age, marker = (.*|age, marker = age / 100, marker / 1000|'
show 'git commit -qam "Round numbers in the features" && git show -U0 --format= | tail -n 2'
show 'train tidy'
show 'git add . && git commit -qm "Results of the tidy model" && git push -q origin grace/tidy'
tell 'CI asks the gate. The run of main with the same params is product by now, and the exit code fails the job.'
show 'ledger check --baseline main' 1
tell 'And it writes this comment on the pull request:'
show 'ledger report --diff main...HEAD'
tell 'It is late, the demo is tomorrow, and the change looks harmless. Somebody merges it anyway.'
show 'git switch -q main && git merge -q --no-ff -m "Merge grace/tidy" grace/tidy && git push -q origin main'

# ----------------------------------------------------------------------------------------------------------------------
day 'A week later: what happened to the model?'
as ada
tell 'Ada trains longer, which should help. Her branch is squashed when it is merged, and deleted.'
show 'git pull -q --ff-only && git switch -qc ada/longer'
edit 's/EPOCHS = 6/EPOCHS = 10/'
show 'git commit -qam "Ten epochs"'
show 'train longer'
show 'git add . && git commit -qm "Results of ten epochs"'
show 'git switch -q main && git merge -q --squash ada/longer && git commit -qm "Train for ten epochs"'
show 'git branch -qD ada/longer && git push -q origin main'
tell 'It is worse than what they had on Tuesday. Since when? Follow the newest run, commit by commit:'
show 'ledger history val/auc --newest'
culprit=$(ledger history val/auc --newest --json | "$PYTHON" -c '
import json, sys
commits = json.load(sys.stdin)["commits"]
print(next(found["commit"][:8] for found in commits if found.get("change") == "worse"))')
tell 'And what did the commit do that made it worse?'
show "git show -m --first-parent -U0 --format='%h %an: %s' $culprit -- train.py"
tell 'The features are no longer centred. Comparing the two runs leads there, too. (The commit that Ada trained from went' \
    'with the squash; the one that brought the run into main stands for it.)'
show 'ledger diff product longer'

tell 'She centres the features again, keeps the ten epochs, and asks the gate, this time against the good run.'
show 'git switch -qc ada/centred'
edit 's|age, marker = age / 100, marker / 1000|age, marker = (age - 50) / 20, (marker - 450) / 300|'
show 'git commit -qam "Centred features again"'
show 'train centred'
show 'git add . && git commit -qm "Results with centred features"'
show 'ledger check --baseline main:product'
show 'git switch -q main && git merge -q --no-ff -m "Merge ada/centred" ada/centred && git push -q origin main'
show 'ledger ls --sort -val/auc --limit 3 --columns name,tag,val/auc,test/auc,params.epochs'
show 'ledger verify'
