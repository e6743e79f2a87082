#!/usr/bin/env bash
# The gate around a training script: bash loop.sh DIRECTORY [--kind KIND] [--seed SEED]
# Ends with the code of the verdict: 11 a plateau, 12 a collapse; with 0 where the run came to its end.
set -euo pipefail
here=$(dirname "$0")
run=$1
shift
while true; do
    checkpoint=$(python "$here/train.py" "$run" --once "$@")
    [ -n "$checkpoint" ] || exit 0
    labelfree embed "$checkpoint" --data "$run/texts.txt" -o "$checkpoint.parquet" -q > /dev/null
    labelfree separability "$checkpoint.parquet" --append "$run/history.jsonl" -q > "$checkpoint.txt" || [ $? -eq 3 ]
    labelfree gate --history "$run/history.jsonl" --plateau separability --classes 10 --json > "$checkpoint.verdict.json" && continue
    verdict=$?
    echo "$(basename "$checkpoint"): $verdict" >&2
    exit $verdict
done
