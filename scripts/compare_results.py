"""Compare results of the claims with those kept in docs/results, case by case.

Delete ``docs/results/*.json`` in a clone, run ``make reproduce SCALE=reduced`` there,
and then here ``python scripts/compare_results.py CLONE/docs/results``. The cases of the
reduced scale are among those of the full one. Seconds are left out.
"""

import json
import sys
from pathlib import Path

import numpy as np

KEPT = Path(__file__).resolve().parent.parent / "docs" / "results"


def numbers(value):
    """All numbers of a nested result, in order."""
    if isinstance(value, dict):
        value = [
            value[key]
            for key in sorted(value)
            if "seconds" not in key and key not in ("date", "times")
        ]
    if isinstance(value, list):
        return [number for part in value for number in numbers(part)]
    return [float(value)] if isinstance(value, (int, float)) else []


def main(folder):
    """Print a row for each file of results."""
    print("| results | cases | equal | changed by less than 1 % | in the median |")
    print("| --- | --- | --- | --- | --- |")
    for path in sorted(Path(folder).glob("*.json")):
        if not (KEPT / path.name).is_file():
            continue
        new, kept = (
            json.loads((where / path.name).read_text())["rows"]
            for where in (path.parent, KEPT)
        )
        pairs = [
            (numbers(new[case]), numbers(kept[case])) for case in new if case in kept
        ]
        pairs = [(a, b) for a, b in pairs if len(a) == len(b)]
        if not pairs:
            continue
        changes = np.array([change(a, b) for a, b in pairs])
        equal, close = (np.mean(changes <= most) for most in (0, 0.01))
        median = np.median(changes)
        cells = (path.stem, str(len(pairs)), f"{equal:.0%}", f"{close:.0%}")
        print("| " + " | ".join((*cells, f"{median:.1%}")) + " |")


def change(a, b):
    """Distance of two lists of numbers, as a share of their size."""
    a, b = np.array(a), np.array(b)
    return np.abs(a - b).sum() / max(np.abs(b).sum(), np.finfo(float).tiny)


if __name__ == "__main__":
    main(sys.argv[1])
