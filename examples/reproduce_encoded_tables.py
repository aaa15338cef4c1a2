"""Width from data: tables as they are, in networks with encoded columns.

Claim 6 asked it of straight columns. Here each column may bend (``encoding="auto"``):
does the core at the best alpha depend on the width of the network, what does alpha
alone say, and who predicts better with how many nodes, spectral or dense? Protocol and
figure are those of claim 6: alpha from rows held back, everything else the defaults.
Beside it, what a user would call: ``SpectralMLPRegressorCV`` and its classifier, which
say between which sizes the core lies.

Tables are read as ``_tables.py`` says. Those that are not there are left out, and
named.
"""

import warnings

from _reproduction import Results, arguments, save, table
from _tables import REGRESSIONS, available, split
from _widths import ALPHAS, STRONGER, cases, draw, fit_and_cut, loss_of, report
from sklearn.exceptions import ConvergenceWarning

from skspectral import (
    SpectralMLPClassifier,
    SpectralMLPClassifierCV,
    SpectralMLPRegressor,
    SpectralMLPRegressorCV,
)

NAMES = ("california", "bike_sharing", "adult", "letter")
# No single column of letter bends enough for "auto", which keeps them straight.
SETTINGS = {"letter": {"encoding": "piecewise"}}


def one_network(name, kind, h, seed, n_rows, alphas, max_iter, encoding="auto"):
    kinds = (SpectralMLPClassifier, SpectralMLPRegressor)
    model = kinds[name in REGRESSIONS](
        encoding=encoding,
        hidden_layer_sizes=h,
        parametrization=kind,
        max_iter=max_iter,
        random_state=seed,
    )
    return fit_and_cut(model, *split(name, seed, n_rows), alphas, seed)


def chosen(name, h, seed, n_rows, cv, max_iter, encoding="auto"):
    kinds = (SpectralMLPClassifierCV, SpectralMLPRegressorCV)
    model = kinds[name in REGRESSIONS](
        encoding=encoding,
        hidden_layer_sizes=h,
        cv=cv,
        max_iter=max_iter,
        random_state=seed,
    )
    X, y, X_test, y_test = split(name, seed, n_rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    return {
        "alpha": model.alpha_,
        "core": model.core_sizes_[0],
        "interval": [int(size) for size in model.core_interval_],
        "loss": float(f"{loss_of(model, X_test, y_test):.5g}"),
    }


def cases_chosen(scale, names):
    quick, full = scale == "quick", scale == "full"
    return [
        {
            "name": name,
            "h": h,
            "seed": 0,
            "n_rows": 1000 if quick else 100_000 if full else 10_000,
            "cv": 2 if quick else 5,
            "max_iter": 5 if quick else "auto",
            **SETTINGS.get(name, {}),
        }
        for h in ((8, 16) if quick else (16, 64, 256) if full else (16, 256))
        for name in names
    ]


def report_chosen(rows, names):
    lines = [
        [
            name,
            row["h"],
            f"{row['alpha']:.1e}",
            row["core"],
            "{} to {}".format(*row["interval"]),
            f"{row['loss']:.4f}",
        ]
        for name in names
        for row in rows
        if row["name"] == name
    ]
    header = ["data", "h", "alpha", "core", "core_interval_", "test loss"]
    return table(header, lines)


def all_cases(scale, names):
    if scale == "quick":
        settings = {"n_rows": 1000, "max_iter": 5, "alphas": [1e-4, 1e-3]}
        return cases("california", (8, 16), (0,), **settings)
    full = scale == "full"
    return [
        case
        for seed in ((0, 1, 2) if full else (0,))
        for h in ((16, 64, 256, 1000) if full else (16, 256))
        for name in names
        for case in cases(
            name,
            (h,),
            (seed,),
            n_rows=100_000 if full else 10_000,
            max_iter="auto",
            alphas=STRONGER if name == "adult" else ALPHAS,
            **SETTINGS.get(name, {}),
        )
    ]


def main():
    options = arguments(__doc__)
    names = ["california"] if options.scale == "quick" else NAMES
    if not options.draw_only:
        names = [name for name in names if available(name)]
    results = Results(options.folder / "encoded_tables.json")
    rows = results.rows(all_cases(options.scale, names), one_network, options)
    names = [name for name in names if any(row["name"] == name for row in rows)]
    if not names:
        raise SystemExit("there are no results to show")
    text = report(rows, names)
    found = results.rows(cases_chosen(options.scale, names), chosen, options)
    text += "\n\nAlpha chosen in five folds by the CV estimators, one split:\n\n"
    text += report_chosen(found, names)
    save(options, "encoded_tables", draw(rows, names), text)


if __name__ == "__main__":
    main()
