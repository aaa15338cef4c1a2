"""What choosing alpha costs, and how near the choice comes to the best in hindsight.

Run ``python benchmarks/choice.py``. On each table and split of benchmarks/peers.py, one
network at the defaults, the CV estimator with both rules, and a network at each
candidate that any split tried, on the same rows with the same seed. "regret" is the
score of the choice over that of the best single candidate, both as means over the
splits, on test rows: what somebody would gain who knew them. "seconds" counts fits of
one network at the defaults. Each result is kept in a file of its own, and not computed
again; tables beyond scikit-learn's own are read from the folder named by
SKSPECTRAL_TABLES.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
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
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X.iloc[rows], y[rows])
    result = {"seconds": time.perf_counter() - start, "core": sum(model.core_sizes_)}
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
    parser.add_argument("--out", default="out/choice", help="folder of the results")
    parser.add_argument("--jobs", type=int, default=1, help="processes, a thread each")
    arguments = parser.parse_args()
    folder = Path(arguments.out)
    folder.mkdir(parents=True, exist_ok=True)

    def kept(name, cases):
        """Results of (tag, seed, who, parameters), from files where they are there."""
        paths = [folder / f"{name}-{tag}-{seed}.json" for tag, seed, *_ in cases]
        todo = [
            (path, delayed(measure)(name, *case[1:]))
            for path, case in zip(paths, cases, strict=True)
            if not path.is_file()
        ]
        found = Parallel(n_jobs=arguments.jobs, return_as="generator")(
            job for _, job in todo
        )
        for (path, _), result in zip(todo, found, strict=True):
            path.write_text(json.dumps(result))
        return [json.loads(path.read_text()) for path in paths]

    splits = range(arguments.splits)
    print("                         seconds, in fits         core        best single")
    print("table           regret    best    1se    one  best  1se  candidate")
    for name in arguments.only:
        if frame(name) is None:
            print(f"{name:15} absent")
            continue
        one = kept(name, [("one", seed, "ours", {}) for seed in splits])
        by_rule = {
            tag: kept(name, [(tag, seed, "cv", {"rule": rule}) for seed in splits])
            for tag, rule in RULES.items()
        }
        chosen = by_rule["best"]
        grid = sorted({tuple(c) for own in chosen for c in own["tried"]})
        scores = {
            (encoding, alpha): np.mean([
                own["score"]
                for own in kept(name, [
                    (f"{encoding}-{alpha:.3g}", seed, "ours",
                     {"encoding": encoding, "alpha": alpha})
                    for seed in splits
                ])
            ])
            for encoding, alpha in grid
        }  # fmt: skip
        best = min(scores, key=scores.get)
        regret = np.mean([own["score"] for own in chosen]) / scores[best] - 1
        fits = {
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
            f"{name:15} {regret:6.1%} {fits['best']:7.1f} {fits['1se']:6.1f}   "
            + " ".join(f"{core:5.0f}" for core in cores)
            + f"  {best[0]} {best[1]:.2g}, {scores[best]:.4f} ({len(grid)} tried)",
            flush=True,
        )


if __name__ == "__main__":
    main()
