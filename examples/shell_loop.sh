#!/bin/sh
# Fit a line by gradient descent in awk, at two learning rates, and keep both runs with `ledger` alone.
#
#     sh examples/shell_loop.sh
#
# The data are stopping distances of cars of the 1920s: speed in mph, distance in feet (Ezekiel, 1930).
# LEDGER names another command than `ledger`, such as: LEDGER="python -m ledger" sh examples/shell_loop.sh
set -eu
LEDGER=${LEDGER:-ledger}
CARS='4 2  4 10  7 4  7 22  8 16  9 10  10 18  10 26  10 34  11 17  11 28  12 14  12 20  12 24  12 28  13 26  13 34
13 34  13 46  14 26  14 36  14 60  14 80  15 20  15 26  15 54  16 32  16 40  17 32  17 40  17 50  18 42  18 56  18 76
18 84  19 36  19 46  19 68  20 32  20 48  20 52  20 56  20 64  22 66  23 54  24 70  24 92  24 93  24 120  25 85'

# descend SLOPE INTERCEPT RATE: one pass over the data; prints the new slope and intercept, and the loss before them.
descend() {
    echo "$CARS" | awk -v slope="$1" -v intercept="$2" -v rate="$3" '
        { for (i = 1; i < NF; i += 2) {
            speed = ($i - 15) / 5                           # centred and scaled, so that plain descent converges
            error = slope * speed + intercept - $(i + 1)
            loss += error * error; ds += error * speed; di += error; n++
        } }
        END { printf "%.9g %.9g %.9g\n", slope - rate * ds / n, intercept - rate * di / n, loss / n }'
}

# fit NAME RATE: one run.
fit() {
    run=$($LEDGER start "$1" --param "rate=$2" --param data=cars --tag shell)
    slope=0 intercept=0 step=0
    while [ "$step" -lt 12 ]; do
        # shellcheck disable=SC2046  # three words are meant
        set -- "$1" "$2" $(descend "$slope" "$intercept" "$2")
        slope=$3 intercept=$4
        $LEDGER log --run "$run" --step "$step" "train/mse=$5"
        step=$((step + 1))
    done
    $LEDGER log --run "$run" "slope=$slope" "intercept=$intercept"
    $LEDGER finish "$run"
}

fit cars-slow 0.1
fit cars-fast 0.6
$LEDGER compare cars-slow cars-fast
