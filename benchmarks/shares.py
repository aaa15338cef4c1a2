"""How two hidden layers should share the penalty, on tables.

Run ``python benchmarks/shares.py``. Networks of 100 and 100 nodes, all else the
default, on the tables and splits of ``benchmarks/peers.py``: the strengths of the first
hidden layer and of what lies behind it are alpha times the shares printed. Scores are
those of peers.py (lower is better), geometric means of three splits over those of equal
shares; then the nodes of both cores. Tables marked "held out" had no part in the choice
of the shares.
"""

import warnings
from unittest import mock

import numpy as np
from peers import frame, measure

from skspectral._engine import run_table

CHOSEN_ON = ("california", "kin8nm", "wine_quality", "bike_sharing", "friedman1")
CHOSEN_ON += ("diabetes", "breast_cancer", "digits")
HELD_OUT = ("adult", "letter", "iris", "wine")
SHARES = ((1.0, 1.0), (2.5, 2.5), (5.0, 0.3), (10.0, 0.3))
N_SPLITS = 3


def scores(name, first, behind):
    """Score and nodes of each split."""
    options = {"hidden_layer_sizes": (100, 100)}
    with mock.patch.multiple(run_table, FIRST=first, BEHIND=behind):
        found = [measure("ours", name, seed, options) for seed in range(N_SPLITS)]
    return np.array([[result["score"], result["core"]] for result in found]).T


def main():
    warnings.simplefilter("ignore")
    print(" " * 26 + "".join(f"{first:9g}, {behind:g}" for first, behind in SHARES))
    ratios = {True: [], False: []}
    for name in (*CHOSEN_ON, *HELD_OUT):
        if frame(name) is None:
            print(f"{name:16} absent")
            continue
        found = [scores(name, *shares) for shares in SHARES]
        ratio = [np.exp(np.mean(np.log(s / found[0][0]))) for s, _ in found]
        ratios[name in HELD_OUT].append(ratio)
        line = f"{name:15}{'held out' if name in HELD_OUT else '':11}"
        cells = zip(ratio, found, strict=True)
        line += "".join(f"{r:7.3f}{nodes.mean():5.0f}" for r, (_, nodes) in cells)
        print(line, flush=True)
    for held_out, rows in ratios.items():
        if rows:
            mean = np.exp(np.mean(np.log(rows), axis=0))
            line = f"{'held out' if held_out else 'chosen on':26}"
            print(line + "".join(f"{value:7.3f}     " for value in mean))


if __name__ == "__main__":
    main()
