"""What choosing alpha costs, and how near the choice comes to the best in hindsight.

Run ``python benchmarks/choice.py``. On each table and split of benchmarks/peers.py, one
network at the defaults, the CV estimator with both rules, and a network at each
candidate that any split tried, on the same rows with the same seed. "regret" is the
score of the choice over that of the best single candidate, both as means over the
splits, on test rows: what somebody would gain who knew them. "seconds" are those of the
processor, in fits of one network at the defaults. Tables beyond scikit-learn's own are
read from the folder named by SKSPECTRAL_TABLES.
"""

import argparse

import numpy as np
from joblib import delayed
from kept import Kept
from peers import BUNDLED, OPEN, frame, measure

RULES = {"best": "best", "1se": "one_standard_error"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="*", default=[*OPEN, *BUNDLED])
    parser.add_argument("--splits", type=int, default=5)
    kept = Kept(parser, "choice")
    arguments = parser.parse_args()
    kept.open(arguments)

    splits = range(arguments.splits)

    def fits(name, tag, who, parameters):
        """Results of one estimator on all splits."""
        return kept.results(
            {
                f"{name}-{tag}-{seed}": delayed(measure)(who, name, seed, parameters)
                for seed in splits
            }
        )

    print("                         seconds, in fits         core        best single")
    print("table           regret    best    1se    one  best  1se  candidate")
    for name in arguments.only:
        if frame(name) is None:
            print(f"{name:15} absent")
            continue
        one = fits(name, "one", "ours", {})
        by_rule = {
            tag: fits(name, tag, "cv", {"rule": rule}) for tag, rule in RULES.items()
        }
        chosen = by_rule["best"]
        grid = sorted({tuple(c) for own in chosen for c in own["tried"]})
        scores = {
            (encoding, alpha): np.mean([
                own["score"]
                for own in fits(
                    name, f"{encoding}-{alpha:.3g}", "ours",
                    {"encoding": encoding, "alpha": alpha},
                )
            ])
            for encoding, alpha in grid
        }  # fmt: skip
        best = min(scores, key=scores.get)
        regret = np.mean([own["score"] for own in chosen]) / scores[best] - 1
        seconds = {
            tag: np.median([
                a["seconds"] / b["seconds"] for a, b in zip(own, one, strict=True)
            ])
            for tag, own in by_rule.items()
        }  # fmt: skip
        cores = [
            np.mean([r["core"] for r in own])
            for own in (one, by_rule["best"], by_rule["1se"])
        ]
        print(
            f"{name:15} {regret:6.1%} {seconds['best']:7.1f} {seconds['1se']:6.1f}   "
            + " ".join(f"{core:5.0f}" for core in cores)
            + f"  {best[0]} {best[1]:.2g}, {scores[best]:.4f} ({len(grid)} tried)",
            flush=True,
        )
    kept.pack()


if __name__ == "__main__":
    main()
