"""Smoke test of an installed wheel: fit, prune, predict. ``make dist`` runs it.

It runs away from the sources, in an environment that has the wheel and its required
dependencies only.
"""

import importlib.metadata
import pickle
import sys
from pathlib import Path

import numpy as np

import skspectral
from skspectral import (
    SpectralGridSearchCV,
    SpectralMLPClassifier,
    SpectralMLPRegressor,
    SpectralPruner,
)
from skspectral.datasets import make_teacher_student


def check(is_true, message):
    """Exit with `message` unless `is_true`; `assert` would be skipped by -O."""
    if not is_true:
        sys.exit(f"smoke test failed: {message}")


def main():
    """Fit, prune and predict with what is installed."""
    package = Path(skspectral.__file__).parent
    check(
        package.is_relative_to(sys.prefix),
        f"skspectral must be the installed wheel; it was imported from {package}",
    )
    installed = importlib.metadata.version("skspectral")
    check(
        skspectral.__version__ == installed,
        f"the package says version {skspectral.__version__}, the wheel {installed}",
    )
    check((package / "py.typed").is_file(), "py.typed is not in the wheel")

    X, y, _ = make_teacher_student(
        n_samples=1000, n_features=5, n_teacher_nodes=4, random_state=0
    )
    settings = {"hidden_layer_sizes": 40, "alpha": 1e-2, "max_iter": 200}
    reg = SpectralMLPRegressor(**settings, random_state=0).fit(X, y)
    core = reg.prune()
    check(reg.core_sizes_ == (4,), f"4 nodes made the data, {reg.core_sizes_} found")
    check(core.score(X, y) > 0.95, f"R2 of the core is {core.score(X, y)}")
    check(
        np.array_equal(pickle.loads(pickle.dumps(core)).predict(X), core.predict(X)),
        "predictions differ after pickle",
    )
    check(
        np.allclose(core.to_sklearn().predict(X), core.predict(X), atol=1e-4),
        "predictions of to_sklearn() differ",
    )

    labels = np.where(y > np.median(y), "high", "low")
    clf = SpectralMLPClassifier(**settings, random_state=0).fit(X, labels).prune()
    check(clf.score(X, labels) > 0.9, f"accuracy of the core is {clf.score(X, labels)}")

    small = SpectralMLPRegressor(**settings, random_state=0)
    for estimator in (
        SpectralPruner(small, n_nodes=4),
        SpectralGridSearchCV(small, {"alpha": [5e-3, 1e-2]}, cv=2),
    ):
        score = estimator.fit(X, y).score(X, y)
        check(score > 0.95, f"R2 of {estimator} is {score}")
    print(
        f"skspectral {installed}: a core of {reg.core_sizes_[0]} of 40 nodes, R2 "
        f"{core.score(X, y):.3f}"
    )


if __name__ == "__main__":
    main()
