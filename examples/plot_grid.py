"""
A grid over width and alpha: only one of them matters
=====================================================

With most networks one has to search over the width. Here a generous width is enough:
the score and the number of nodes in use follow `alpha`, not the width.
"""

# %%
# :class:`~skspectral.SpectralGridSearchCV` is GridSearchCV whose candidates and folds
# train together. A callable for `scoring` may return several numbers; the core is one.
# Look along the rows of both maps, then along the columns.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import fetch_california_housing
from sklearn.model_selection import KFold

from skspectral import SpectralGridSearchCV, SpectralMLPRegressor

X, y = fetch_california_housing(return_X_y=True)
rows = np.random.default_rng(0).permutation(len(y))[:5000]  # 20640 in all
X, y = X[rows], y[rows]
WIDTHS, ALPHAS = [10, 30, 100, 200], [3e-4, 1e-3, 3e-3, 1e-2]


def scores(model, X, y):
    """R2 on the rows of the fold, and nodes of the core."""
    return {"r2": model.score(X, y), "core": model.core_sizes_[0]}


search = SpectralGridSearchCV(
    SpectralMLPRegressor(max_iter=600, random_state=0),
    {"hidden_layer_sizes": WIDTHS, "alpha": ALPHAS},
    scoring=scores,
    refit="r2",
    cv=KFold(3, shuffle=True, random_state=0),
).fit(X, y)
print("best:", search.best_params_, f"R2 {search.best_score_:.3f}")
print("its core:", search.best_estimator_.core_sizes_)

# %%
figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
shape = (
    len(ALPHAS),
    len(WIDTHS),
)  # the last parameter in alphabetical order varies fastest
for ax, key, title, form in (
    (axes[0], "r2", "R² on test folds", "{:.3f}"),
    (axes[1], "core", "nodes of the core", "{:.0f}"),
):
    values = search.cv_results_[f"mean_test_{key}"].reshape(shape)
    image = ax.imshow(values, cmap="viridis", aspect="auto", origin="lower")
    dark = values < values.min() + 0.6 * np.ptp(values)
    for (i, j), value in np.ndenumerate(values):
        colour = "white" if dark[i, j] else "black"
        ax.text(j, i, form.format(value), ha="center", va="center", color=colour)
    ax.set_xticks(range(len(WIDTHS)), WIDTHS)
    ax.set_yticks(range(len(ALPHAS)), [f"{a:g}" for a in ALPHAS])
    ax.set(xlabel="hidden nodes to start with", ylabel="alpha", title=title)
    figure.colorbar(image, ax=ax)
plt.show()

# %%
# From 100 nodes on neither score nor core changes much along a row. Along a column they
# do: a stronger penalty buys fewer nodes and pays with score. Widths below the core's
# size are filled to the last node, and that is how one sees that they were too narrow.
#
# Where this fails: a fit whose core has not formed reports all of its nodes, which the
# warnings say.
