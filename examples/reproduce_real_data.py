"""Claim 6 (and 3 on real data): how the core and the score depend on the width.

Spectral and dense networks of a decade of widths learn California Housing, letter,
adult, MNIST and Fashion-MNIST, each at the alpha of a grid that is best on rows held
back from training (see ``_widths.py``). The paper gives no protocol for real data, so
these numbers stand for themselves.

Tables are read as ``_tables.py`` says. Sets that are not there are left out, and named.
"""

import numpy as np
from _images import images
from _reproduction import Results, arguments, save
from _tables import available, split
from _widths import ALPHAS, STRONGER, cases, draw, fit_and_cut, report
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder

from skspectral import SpectralMLPClassifier, SpectralMLPRegressor

IMAGES = {"mnist": "mnist_784", "fashion": "Fashion-MNIST"}
TABLES = ("letter", "adult")
NAMES = ("california", *TABLES, *IMAGES)


def load(name, seed, n_rows):
    """Training rows, at most n_rows of them, and test rows.

    The images keep the test rows they come with; of the tables a fifth is test rows.
    """
    if name in IMAGES:
        (X, y), (X_test, y_test) = images(IMAGES[name])
        rows = np.random.default_rng(seed).permutation(len(y))[:n_rows]
        return X[rows], y[rows], X_test, y_test
    X, y, X_test, y_test = split(name, seed, n_rows)
    if name in TABLES:
        encode = make_column_transformer(
            (SimpleImputer(), make_column_selector(dtype_include="number")),
            (
                OneHotEncoder(handle_unknown="ignore", sparse_output=False),
                make_column_selector(dtype_exclude="number"),
            ),
        )
        X, X_test = encode.fit_transform(X), encode.transform(X_test)
    return X, y, X_test, y_test


def one_network(name, kind, h, seed, n_rows, alphas, max_iter):
    kinds = (SpectralMLPClassifier, SpectralMLPRegressor)
    model = kinds[name == "california"](
        hidden_layer_sizes=h,
        encoding="linear",
        parametrization=kind,
        # Pixels share one scale already; a column scale would blow up rare ones.
        standardize=name not in IMAGES,
        max_iter=max_iter,
        random_state=seed,
    )
    return fit_and_cut(model, *load(name, seed, n_rows), alphas, seed)


def is_there(name):
    """Whether a set is here or can be fetched; says so where it is not."""
    if name not in IMAGES:
        return available(name)
    try:
        images(IMAGES[name])
    except (OSError, ValueError) as error:
        print(f"{name} is left out: {error}")
        return False
    return True


def all_cases(scale, names):
    if scale == "quick":
        settings = {"n_rows": 1000, "max_iter": 5, "alphas": [1e-4, 1e-3]}
        return cases("california", (8, 16), (0,), **settings)
    found = []
    for name in names:
        pictures, full = name in IMAGES, scale == "full"
        widths = (30, 100, 300) if pictures else (16, 64, 256, 1000)
        found += cases(
            name,
            widths if full else widths[:3:2],
            (0,) if not full else (0, 1) if pictures else (0, 1, 2),
            n_rows=100_000 if full else 10_000,
            # "auto" would be 300 epochs of 10,000 rows, some hours a network.
            max_iter=60 if pictures else "auto",
            alphas=STRONGER if name == "adult" else ALPHAS,
        )
    return found


def main():
    options = arguments(__doc__)
    names = ["california"] if options.scale == "quick" else NAMES
    if not options.draw_only:
        names = [name for name in names if is_there(name)]
    results = Results(options.folder / "real_data.json")
    rows = results.rows(all_cases(options.scale, names), one_network, options)
    names = [name for name in names if any(row["name"] == name for row in rows)]
    if not names:
        raise SystemExit("there are no results to show")
    save(options, "real_data", draw(rows, names), report(rows, names))


if __name__ == "__main__":
    main()
