"""Cases in which a default misleads: the numbers of the user guide's warnings.

``python benchmarks/caveats.py`` takes some two minutes on one core.
"""

import warnings

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import KFold, train_test_split

from skspectral import SpectralMLPRegressor
from skspectral.datasets import make_teacher_student


def refit_on_noise():
    """R2 on other rows of a core, as it is and refitted without penalty: diabetes."""
    X, y = load_diabetes(return_X_y=True)
    scores = []
    for train, test in KFold(5, shuffle=True, random_state=0).split(X):
        model = SpectralMLPRegressor(encoding="linear", random_state=0).fit(
            X[train], y[train]
        )
        refitted = model.prune(X[train], y[train], refit=True)
        scores.append([m.score(X[test], y[test]) for m in (model.prune(), refitted)])
    core, refitted = np.mean(scores, axis=0)
    print(f"refit, diabetes, five folds: R2 {core:.3f}, refitted {refitted:.3f}")


def passes_over_the_same_rows():
    """R2 on other rows after passes of partial_fit: diabetes, alpha="auto"."""
    rows = train_test_split(*load_diabetes(return_X_y=True), random_state=0)
    X_train, X_test, y_train, y_test = rows
    model = SpectralMLPRegressor(encoding="linear", random_state=0)
    for number in range(1, 301):
        model.partial_fit(X_train, y_train)
        if number in (21, 57, 300):
            score = model.score(X_test, y_test)
            print(f"pass {number}: alpha {model.alpha_:.1e}, R2 {score:.3f}")


def outputs_of_noise():
    """Core and error of a teacher of 10 nodes, alone and beside outputs of noise."""
    X, y, _ = make_teacher_student(24_000, n_teacher_nodes=10, random_state=0)
    noise = np.random.default_rng(0).normal(size=(len(y), 9))
    for name, targets in (("alone", y[:, None]), ("beside noise", np.c_[y, noise])):
        model = SpectralMLPRegressor(
            encoding="linear", hidden_layer_sizes=100, random_state=0
        )
        model.fit(X[:20_000], targets[:20_000])
        predicted = model.predict(X[20_000:])[:, 0]
        error = np.mean((predicted - y[20_000:]) ** 2) / y[20_000:].var()
        print(f"output {name}: core {model.core_sizes_[0]}, 1 - R2 {error:.1e}")


def floor_of_auto():
    """A teacher of 40 nodes, 200,000 rows without noise: "auto" and a tenth of it."""
    X, y, _ = make_teacher_student(204_000, n_teacher_nodes=40, random_state=0)
    for alpha in ("auto", 1e-5):
        model = SpectralMLPRegressor(
            encoding="linear", hidden_layer_sizes=200, alpha=alpha, random_state=0
        ).fit(X[:200_000], y[:200_000])
        error = 1 - model.score(X[200_000:], y[200_000:])
        core = model.core_sizes_[0]
        print(f"200,000 rows, alpha {model.alpha_:g}: core {core}, 1 - R2 {error:.1e}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    refit_on_noise()
    passes_over_the_same_rows()
    outputs_of_noise()
    floor_of_auto()
