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
import time
import warnings

import numpy as np
from joblib import delayed
from kept import Kept
from peers import BUNDLED, OPEN, OURS, frame, is_regression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

RULES = {"best": "best", "1se": "one_standard_error"}


def measure(name, seed, who, parameters):
    """Score on test rows, seconds, core and the candidates tried, of one fit."""
    import torch

    torch.set_num_threads(1)
    X, y = frame(name)
    regression = is_regression(name)
    rows, others = train_test_split(
        np.arange(len(y)), test_size=0.2, random_state=seed,
        stratify=None if regression else y,
    )  # fmt: skip
    model = OURS[who][0 if regression else 1](random_state=seed, **parameters)
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X.iloc[rows], y[rows])
    result = {"seconds": time.process_time() - start, "core": sum(model.core_sizes_)}
    if regression:
        apart = model.predict(X.iloc[others]) - y[others]
        result["score"] = float(np.sqrt(np.mean(apart**2)) / np.std(y[others]))
    else:
        result["score"] = float(
            log_loss(y[others], model.predict_proba(X.iloc[others]))
        )
    if who == "cv":
        tried = np.isfinite(model.scores_path_).any(-1)
        result["tried"] = [
            [model.encodings_[e], float(model.alphas_[a])]
            for e, a in np.argwhere(tried)
        ]
    return result


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
                f"{name}-{tag}-{seed}": delayed(measure)(name, seed, who, parameters)
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
