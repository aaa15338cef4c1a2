"""Grid search on California Housing: ours, and GridSearchCV over ours and over MLP.

Five alphas, five folds, one process, one thread; the same epochs and minibatches.
Each width is a search of its own, so that a table by width can be printed; what is done
is kept in out/search.json and not done again, unless --again asks for it.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import fetch_california_housing
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skspectral import SpectralGridSearchCV, SpectralMLPRegressor

ALPHAS = [3e-5, 1e-4, 3e-4, 1e-3, 3e-3]
TABLE = (  # dtype, widths, whether scikit-learn's MLP runs beside
    ("float32", (8, 16, 24, 32), True),
    ("float32", (64, 128, 256), False),
    ("float64", (8, 16, 24, 32), False),
)


def timed(search, X, y):
    start = time.perf_counter()
    search.fit(X, y)
    seconds = time.perf_counter() - start
    results = search.cv_results_
    scores = np.stack([results[f"split{k}_test_score"] for k in range(5)])
    return {"seconds": seconds, "scores": scores.tolist()}


def searches(width, dtype, X, y, mlp_too):
    """The searches of one width by name, each yet to be fitted."""
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=width, dtype=dtype, random_state=0
    )
    grid = {"alpha": ALPHAS}
    probe = model._schedule(len(y) * 4 // 5)  # what "auto" stands for
    epochs = {"max_iter": probe.n_epochs, "tol": 0, "n_iter_no_change": probe.n_epochs}
    options = {"refit": False, "cv": 5}
    yield "together", SpectralGridSearchCV(model, grid, **options), X
    yield "one by one", GridSearchCV(model, grid, **options), X
    if mlp_too:
        mlp = MLPRegressor(
            hidden_layer_sizes=width,
            batch_size=probe.batch_size,
            random_state=0,
            **epochs,
        )
        grid = {f"mlpregressor__{name}": value for name, value in grid.items()}
        search = GridSearchCV(make_pipeline(StandardScaler(), mlp), grid, **options)
        yield "MLP", search, X.astype(np.float32)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--again", action="store_true", help="measure anew")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    X, y = fetch_california_housing(return_X_y=True)
    path = Path("out/search.json")
    path.parent.mkdir(exist_ok=True)
    kept = json.loads(path.read_text()) if path.exists() and not options.again else {}
    for dtype, widths, mlp_too in TABLE:
        print(f"{dtype}; seconds of 25 fits; gains; scores of ours against ours")
        for width in widths:
            rows = {}
            for name, search, columns in searches(width, dtype, X, y, mlp_too):
                key = f"{width} {dtype} {name}"
                if key not in kept:
                    kept[key] = timed(search, columns, y)
                    path.write_text(json.dumps(kept))
                rows[name] = kept[key]
            report(width, rows)


def report(width, rows):
    ours = rows["together"]
    line = f"{width:5d}  together {ours['seconds']:7.1f} s"
    for name, row in rows.items():
        if name != "together":
            gain = row["seconds"] / ours["seconds"]
            line += f"  {name} {row['seconds']:7.1f} s ({gain:.2f} times)"
    if "one by one" in rows:
        a, b = (np.array(r["scores"]) for r in (ours, rows["one by one"]))
        error = b.std(0, ddof=1) / np.sqrt(len(b))
        line += f"  largest difference of a score {np.abs(a - b).max():.1e},"
        shift = np.abs(a.mean(0) - b.mean(0)) / error
        line += f" of a mean {shift.max():.3f} standard errors"
    print(line, flush=True)


if __name__ == "__main__":
    main()
