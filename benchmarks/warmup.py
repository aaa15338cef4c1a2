"""What the first epochs without penalty (`n_iter_warmup`) are worth, by seed.

Run ``python benchmarks/warmup.py``. At most 3,000 rows of each table of
``benchmarks/tables.py``, a quarter of them to test on; eight seeds of the network, on
one split, at two strengths of the penalty. Printed are the mean and the worst of the
R2 on the test rows, the objective on the training rows and the core.
"""

import warnings

import numpy as np
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import OneHotEncoder
from tables import REGRESSION, load

from skspectral import SpectralMLPRegressor
from skspectral._estimators.batch_fits import fit_together

N_ROWS, N_SEEDS, WIDTH = 3000, 8, 128
WARMUPS = (0, 10, 20, 40)


def split(name):
    """Training and test rows of a table, encoded; None where it is absent."""
    loaded = load(name)
    if loaded is None:
        return None
    X, y = loaded
    n_rows = min(N_ROWS, len(y))
    part = train_test_split(X, y, train_size=n_rows * 3 // 4, random_state=0)
    X, X_test, y, y_test = part
    X_test, y_test = X_test[: n_rows // 4], y_test[: n_rows // 4]
    if hasattr(X, "columns"):
        encode = make_column_transformer(
            (
                OneHotEncoder(handle_unknown="ignore", sparse_output=False),
                make_column_selector(dtype_exclude="number"),
            ),
            remainder="passthrough",
        )
        X, X_test = encode.fit_transform(X), encode.transform(X_test)
    return X, X_test, np.asarray(y, float), np.asarray(y_test, float)


def main():
    warnings.simplefilter("ignore")
    print("table           alpha  warmup  mean R2  worst   objective  core")
    for name in REGRESSION:
        data = split(name)
        if data is None:
            print(f"{name:14}  absent")
            continue
        X, X_test, y, y_test = data
        for alpha in ("auto", 5e-3):
            for warmup in WARMUPS:
                models = [
                    SpectralMLPRegressor(
                        encoding="linear",
                        hidden_layer_sizes=WIDTH,
                        alpha=alpha,
                        n_iter_warmup=warmup,
                        random_state=seed,
                    )
                    for seed in range(N_SEEDS)
                ]
                fit_together(models, [(X, y, {})] * N_SEEDS)
                scores = [model.score(X_test, y_test) for model in models]
                loss = np.mean([model.loss_ for model in models])
                core = np.mean([model.core_sizes_[0] for model in models])
                print(
                    f"{name:14} {alpha!s:>6}  {warmup!s:>6}  {np.mean(scores):7.3f}"
                    f"  {min(scores):5.3f}  {loss:10.4f}  {core:4.1f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
