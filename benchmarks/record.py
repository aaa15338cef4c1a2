"""What the public calls return, to the last bit: a check that a restructuring is one.

``python benchmarks/record.py before.npz`` writes a record, and
``python benchmarks/record.py --compare before.npz after.npz`` prints each entry that
differs. The numbers are those of one machine, one thread and one set of versions, so a
record is made just before a change and again after it. It takes some 40 seconds.
"""

import argparse
import itertools
import sys
import warnings

import numpy as np
import torch
from scipy import sparse
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skspectral import (
    SpectralGridSearchCV,
    SpectralMLPClassifier,
    SpectralMLPRegressor,
    SpectralPruner,
    null_importances,
    pruning_curve,
    regularization_path,
)
from skspectral.datasets import make_teacher_student

BASE = {
    **{"dtype": "float64", "max_iter": 30, "hidden_layer_sizes": 20},
    "encoding": "linear",
}
VARIANTS = [
    {},
    {"gate": "in", "alpha": 1e-3},
    {"gate": "in", "hidden_layer_sizes": (12, 8)},
    {"gate": "both"},
    {"parametrization": "dense"},
    {"trainable": "eigenvalues"},
    {"trainable": "eigenvectors"},
    *({"activation": a} for a in ("tanh", "logistic", "silu", "identity")),
    *({"hidden_layer_sizes": h} for h in ((12, 8), (), 3)),
    {"early_stopping": True},
    {"early_stopping": True, "learning_rate": "constant"},
    *({"learning_rate": kind} for kind in ("cosine", "constant")),
    {"n_iter_warmup": 5},
    {"fit_intercept": False},
    {"standardize": False, "alpha": 1e-3},
    {"standardize": "X"},
    {"dtype": "float32"},
    {"alpha_readout": 0.0},
    {"shuffle": False},
    {"batch_size": 50},
]
CUTS = [{}, {"threshold": 0.05}, {"n_nodes": 2}, {"relevance": "path"}, {"merge": 0}]
ATTRIBUTES = (
    *("layer_relevances_", "core_sizes_", "core_mask_", "core_formed_", "alpha_"),
    *("feature_importances_", "eigenvectors_", "eigenvalues_in_", "eigenvalues_out_"),
    *("coefs_", "intercepts_", "loss_curve_", "n_iter_", "n_trained_parameters_"),
    *("validation_loss_curve_", "best_epoch_"),
)


class Record:
    """Arrays by name."""

    def __init__(self):
        self.entries = {}

    def put(self, name, value):
        """Keep a value, or each array of a list of them."""
        if isinstance(value, (list, tuple)) and any(np.ndim(v) for v in value):
            for number, part in enumerate(value):
                self.put(f"{name}/{number}", part)
            return
        array = np.asarray(value)
        self.entries[name] = np.asarray(str(value)) if array.dtype == object else array

    def fitted(self, name, model, X):
        """Keep predictions, attributes, cuts and exports of a fitted network."""
        for method in ("predict", "predict_proba", "decision_function"):
            if hasattr(model, method):
                self.put(f"{name}/{method}", getattr(model, method)(X))
        for attribute in ATTRIBUTES:
            if hasattr(model, attribute):
                self.put(f"{name}/{attribute}", getattr(model, attribute))
        rows = torch.tensor(X.toarray() if sparse.issparse(X) else X)
        self.put(f"{name}/torch", model.to_torch()(rows).detach().numpy())
        if model.activation != "silu":
            self.put(f"{name}/sklearn", model.to_sklearn().predict(X))
        if model.gate == "both" or len(model.coefs_) == 1:
            return
        for cut in CUTS:
            options = {k: bool(v) if k == "merge" else v for k, v in cut.items()}
            small = model.prune(**options)
            self.put(f"{name}/prune {cut}", small.predict(X))
            self.put(f"{name}/prune {cut}/nodes", small.hidden_layer_sizes)


def record_fits(record):
    """All kinds of single fits."""
    X, y = load_diabetes(return_X_y=True)
    flowers, kinds = load_iris(return_X_y=True)
    for seed, variant in itertools.product(range(3), VARIANTS):
        options = {**BASE, **variant, "random_state": seed}
        model = SpectralMLPRegressor(**options).fit(X, y)
        record.fitted(f"regressor/{variant}/{seed}", model, X[:50])
        model = SpectralMLPClassifier(**options).fit(flowers, kinds)
        record.fitted(f"classifier/{variant}/{seed}", model, flowers[:50])
    weight = np.random.default_rng(0).uniform(size=len(y))
    weight[::5] = 0
    for seed in range(2):
        options = {**BASE, "random_state": seed}

        def regressor(options=options, **more):
            return SpectralMLPRegressor(**{**options, **more})

        def classifier(options=options, **more):
            return SpectralMLPClassifier(**{**options, **more})

        labels = np.stack([kinds == 0, kinds == 1], 1).astype(int)
        chunks, classes = regressor(alpha=1e-3), classifier(alpha=1e-3)
        for start in range(0, 400, 100):
            chunks.partial_fit(X[start : start + 100], y[start : start + 100])
        for start in range(3):
            classes.partial_fit(flowers[start::3], kinds[start::3], classes=[0, 1, 2])
        rows = sparse.csr_matrix(X)
        for name, model, table in (
            ("weights", regressor(alpha=1e-3).fit(X, y, weight), X),
            ("two outputs", regressor().fit(X, np.stack([y, y**2], 1)), X),
            ("csr", regressor().fit(rows, y), rows),
            (
                "validation rows",
                regressor(early_stopping=True).fit(X, y, X_val=X[300:], y_val=y[300:]),
                X,
            ),
            ("warm", regressor(warm_start=True).fit(X[:200], y[:200]).fit(X, y), X),
            ("chunks", chunks, X),
            ("chunks of classes", classes, flowers),
            (
                "two classes",
                classifier(class_weight="balanced").fit(flowers, kinds == 1),
                flowers,
            ),
            ("labels", classifier().fit(flowers, labels), flowers),
            ("digits", classifier().fit(*(t[:400] for t in digits())), digits()[0]),
        ):
            record.fitted(f"{name}/{seed}", model, table[:50])


def digits():
    """Ten classes, and columns that are constant."""
    return load_digits(return_X_y=True)


def record_shrinking(record):
    """Networks that lose nodes while they train, folds, refits and curves."""
    X, y, _ = make_teacher_student(1500, n_teacher_nodes=5, random_state=0)
    for seed, dtype in itertools.product(range(2), ("float32", "float64")):
        model = SpectralMLPRegressor(
            encoding="linear",
            hidden_layer_sizes=200,
            dtype=dtype,
            max_iter=250,
            random_state=seed,
        ).fit(X, y)
        name = f"shrinking/{dtype}/{seed}"
        record.fitted(name, model, X[:50])
        record.put(f"{name}/fold", model.prune(X, y, merge="fold").predict(X[:50]))
        record.put(f"{name}/refit", model.prune(X, y, refit=True).predict(X[:50]))
        for scoring in (None, "neg_mean_absolute_error"):
            curve = pruning_curve(
                model, X, y, n_nodes=[1, 2, 5, 10], scoring=scoring, random_state=0
            )
            for ranking, scores in curve.scores.items():
                record.put(f"{name}/curve/{scoring}/{ranking}", scores)


def record_selection(record):
    """Pruners, searches, paths and importances."""
    X, y = load_diabetes(return_X_y=True)
    flowers, kinds = load_iris(return_X_y=True)
    weight = np.random.default_rng(0).uniform(size=len(y))
    for seed in range(2):
        options = {**BASE, "random_state": seed}
        network = SpectralMLPRegressor(**options)
        for cut in (
            {},
            {"n_nodes": 3},
            {"max_loss": 0.05, "cv": 3},
            {"max_loss": 0.0, "rule": "one_standard_error", "cv": 3},
            {"merge": "fold"},
        ):
            pruner = SpectralPruner(network, **cut).fit(X, y)
            record.put(f"pruner/{cut}/{seed}/predict", pruner.predict(X[:50]))
            record.put(f"pruner/{cut}/{seed}/transform", pruner.transform(X[:50]))
            record.put(f"pruner/{cut}/{seed}/kept", pruner.kept_nodes_)
        pipe = make_pipeline(StandardScaler(), network)
        searches = {
            "regressor": (network, {"alpha": [1e-4, 1e-2]}, X, y, {}),
            "widths": (network, {"hidden_layer_sizes": [4, 30]}, X, y, {}),
            "classifier": (
                SpectralMLPClassifier(**options),
                {"alpha": [1e-4, 1e-2]},
                flowers,
                kinds,
                {},
            ),
            "pipeline": (
                pipe,
                {"spectralmlpregressor__alpha": [1e-3, 1e-2]},
                X,
                y,
                {"spectralmlpregressor__sample_weight": weight},
            ),
        }
        for name, (estimator, grid, table, target, fit) in searches.items():
            search = SpectralGridSearchCV(
                estimator, grid, cv=3, return_train_score=True
            )
            results = search.fit(table, target, **fit).cv_results_
            for key in results:
                if "score" in key and "time" not in key:
                    record.put(f"search/{name}/{seed}/{key}", results[key])
            record.put(f"search/{name}/{seed}/predict", search.predict(table[:50]))
        path = regularization_path(network, X, y, alphas=[1e-3, 1e-2, 1e-1])
        record.put(f"path/{seed}/relevances", path.relevances)
        record.put(f"path/{seed}/scores", path.train_scores)
        gated = SpectralMLPRegressor(**options, gate="in", alpha=1e-3)
        found = null_importances(gated, X, y, n_repeats=4, random_state=seed)
        record.put(f"null/{seed}/importances", found.importances)
        record.put(f"null/{seed}/copies", found.null)


def compare(before, after):
    """Print entries that differ; return how many do."""
    n_different = 0
    for name in before.files:
        old, new = before[name], after[name] if name in after.files else None
        numbers = old.dtype.kind == "f"
        if new is not None and np.array_equal(old, new, equal_nan=numbers):
            continue
        n_different += 1
        largest = ""
        if new is not None and numbers and old.shape == new.shape:
            largest = f"by {np.nanmax(np.abs(old - new)):.3g} at most"
        print(name, "is gone" if new is None else f"differs {largest}")
    print(f"{len(before.files)} entries, {n_different} differ")
    return n_different


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--compare", action="store_true")
    arguments = parser.parse_args()
    if arguments.compare:
        sys.exit(compare(*map(np.load, arguments.files)) > 0)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    record = Record()
    record_fits(record)
    record_shrinking(record)
    record_selection(record)
    np.savez_compressed(arguments.files[0], **record.entries)
    print(len(record.entries), "entries")
