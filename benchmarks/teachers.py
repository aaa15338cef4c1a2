"""Core sizes on teachers of known width: spectral and dense networks, defaults.

Run ``python benchmarks/teachers.py``. Teachers of 5, 10 and 20 nodes, three of each;
students of 50, 100 and 300 nodes; 10 inputs, 10,000 rows to fit and 10,000 to test.
Every parameter but the width is the default. "gap" and "0.05" are the two cuts by R,
"path" is the 0.05 cut by path relevance, "merged" the gap cut followed by merging.
"""

import warnings

import numpy as np
from joblib import Parallel, delayed

from skspectral import SpectralMLPRegressor
from skspectral._core.relevance import path_relevance
from skspectral.datasets import make_teacher_student

TEACHERS, STUDENTS, SEEDS = (5, 10, 20), (50, 100, 300), (0, 1, 2)


def fit(n_teacher_nodes, width, seed, parametrization):
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    X, y, _ = make_teacher_student(
        20_000, n_teacher_nodes=n_teacher_nodes, random_state=seed
    )
    model = SpectralMLPRegressor(
        encoding="linear",
        hidden_layer_sizes=width,
        parametrization=parametrization,
        random_state=seed,
    ).fit(X[:10_000], y[:10_000])
    X, y = X[10_000:], y[10_000:]
    r = model.feature_relevance_
    path = path_relevance(model._network())[0].numpy()
    pruned = model.prune(merge=False)
    merged = model.prune()
    return {
        "teacher": n_teacher_nodes,
        "width": width,
        "gap": model.core_sizes_[0],
        "0.05": int((r >= 0.05 * r.max()).sum()),
        "path": int((path >= 0.05 * path.max()).sum()),
        "merged": merged.hidden_layer_sizes[0],
        "r2": model.score(X, y),
        "change": abs(model.score(X, y) - pruned.score(X, y)),
    }


def main():
    cases = [
        (t, h, s, p)
        for p in ("spectral", "dense")
        for t in TEACHERS
        for h in STUDENTS
        for s in SEEDS
    ]
    fits = Parallel(n_jobs=2)(delayed(fit)(*case) for case in cases)
    results = {"spectral": fits[: len(fits) // 2], "dense": fits[len(fits) // 2 :]}
    print(
        f"{'':8} {'teacher':>7} {'width':>5} {'gap':>14} {'merged':>14} {'0.05':>14} "
        f"{'path':>14} {'lowest R2':>10} {'change':>8}"
    )
    for kind, rows in results.items():
        for t in TEACHERS:
            for h in STUDENTS:
                own = [r for r in rows if (r["teacher"], r["width"]) == (t, h)]
                sizes = "".join(
                    f" {[r[cut] for r in own]!s:>14}"
                    for cut in ("gap", "merged", "0.05", "path")
                )
                print(
                    f"{kind:8} {t:7} {h:5}{sizes} {min(r['r2'] for r in own):10.6f} "
                    f"{max(r['change'] for r in own):8.1e}"
                )
    excess = np.array([r["gap"] / r["teacher"] - 1 for r in results["spectral"]])
    print(
        f"spectral: {int(((excess >= -0.05) & (excess <= 0.30)).sum())} of "
        f"{len(excess)} cores within -5% and +30%, mean excess {excess.mean():.1%}"
    )


if __name__ == "__main__":
    main()
