"""The core and the score on California Housing, by the width at the start.

Run ``python benchmarks/widths.py``. Split with random_state=0, test_size=0.2; all
parameters but the width at their defaults; three seeds. The data are fetched by
scikit-learn.
"""

import warnings

import numpy as np
import torch
from sklearn.datasets import fetch_california_housing
from sklearn.model_selection import train_test_split

from skspectral import SpectralMLPRegressor

WIDTHS = (20, 30, 42, 64, 128, 300, 1000)
N_SEEDS = 3


def main():
    warnings.simplefilter("ignore")  # a fit that is too narrow to have dead nodes warns
    torch.set_num_threads(1)
    X, y = fetch_california_housing(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.2, random_state=0)
    print(f"{'width':>6}{'alpha':>9}  {'cores':14}{'mean R2':>8}{'lowest':>8}")
    for width in WIDTHS:
        cores, scores = [], []
        for seed in range(N_SEEDS):
            model = SpectralMLPRegressor(
                encoding="linear", hidden_layer_sizes=width, random_state=seed
            )
            model.fit(X, y)
            cores.append(model.core_sizes_[0])
            scores.append(model.score(X_test, y_test))
        print(
            f"{width:6}{model.alpha_:9.1e}  {cores!s:14}{np.mean(scores):8.3f}"
            f"{min(scores):8.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
