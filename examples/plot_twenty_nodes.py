"""
Twenty nodes that predict California Housing
============================================

A network for a table is usually a black box of thousands of numbers. Here is one that
predicts house prices as well as boosted trees, and that fits on a figure: some twenty
hidden nodes, each of which adds up one function of each column.
"""

# %%
# As accurate as boosted trees
# ----------------------------
# All with their defaults, on one split. The network starts with 256 nodes; ``prune``
# keeps those that it has in use.

import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import fetch_california_housing
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import train_test_split

from skspectral import NodeDisplay, SpectralMLPRegressor, node_functions

X, y = fetch_california_housing(return_X_y=True, as_frame=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)
models = {
    "boosted trees": HistGradientBoostingRegressor(random_state=0),
    "straight columns": SpectralMLPRegressor(encoding="linear", random_state=0),
    "columns that bend": SpectralMLPRegressor(random_state=0),
}
print(f"{'':20}{'R2 on test rows':>16}{'nodes':>7}{'seconds':>9}")
for name, model in models.items():
    start = time.perf_counter()
    model.fit(X_train, y_train)
    took = time.perf_counter() - start
    nodes = model.core_sizes_[0] if hasattr(model, "core_sizes_") else ""
    print(f"{name:20}{model.score(X_test, y_test):16.4f}{nodes:7}{took:9.1f}")
small = models["columns that bend"].prune()

# %%
# One node
# --------
# A node adds up what the columns say, each through a function of its own, and sends
# the sum on where it is positive. The functions are in units of the target, 100,000
# dollars. Below each is the distribution of the column. (+) raises the price, (-)
# lowers it.

NodeDisplay.from_estimator(small, X_train, node=[0, 1], n_columns=4)
plt.show()

# %%
# One column
# ----------
# Where does the coast matter, and to which nodes?

NodeDisplay.from_estimator(small, X_train, node=[0, 1, 2, 3], column="Longitude")
plt.show()

# %%
# The whole network
# -----------------
# A row for each node, a column for each column of the table: this is all there is. What
# the nodes send is added up, and that is the prediction.

NodeDisplay.from_estimator(small, X_train, node="all", n_columns=8)
plt.show()

# %%
# The figure is the network
# -------------------------
# The same prediction, from the functions that were drawn.

functions = node_functions(small, X_train)
total = np.tile(functions.bias, (len(X_test), 1))
for column in functions.columns:
    x = X_test.iloc[:, column.column]
    for node, values in enumerate(column.values):
        total[:, node] += np.interp(x, column.points, values)
drawn = np.maximum(total, 0) @ functions.weight + small.intercepts_[-1]
within = np.ones(len(X_test), dtype=bool)  # the drawing ends where X_train ends
for name in X:
    within &= X_test[name].between(X_train[name].min(), X_train[name].max())
difference = np.abs(drawn[:, 0] - small.predict(X_test))[within]
print(f"rows: {within.sum()} of {len(X_test)}")
print(f"largest difference: {difference.max():.1e}")
