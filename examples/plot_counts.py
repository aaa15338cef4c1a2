"""
Counts: bikes rented by the hour
================================

A count is never negative, and the larger it is the more it varies. Squared error knows
neither. ``loss="poisson"`` minimises the Poisson deviance through a log link: columns
multiply the prediction instead of adding to it.
"""

# %%
# Bike sharing
# ------------
# Bikes rented in each hour of two years, by season, hour and weather. Read from the
# folder that ``SKSPECTRAL_TABLES`` names, if it does, else fetched from OpenML.

import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import fetch_openml
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import mean_poisson_deviance
from sklearn.model_selection import train_test_split

from skspectral import NodeDisplay, SpectralMLPRegressor

if folder := os.environ.get("SKSPECTRAL_TABLES"):
    bikes = pd.read_csv(Path(folder) / "bike_sharing.csv.gz")
else:
    bikes = fetch_openml("Bike_Sharing_Demand", version=2, as_frame=True).frame
strings = bikes.select_dtypes(exclude="number").columns
bikes = bikes.astype(dict.fromkeys(strings, "category"))
X, y = bikes.drop(columns="count"), bikes["count"]
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)

# %%
# Three models
# ------------
# All with their defaults. A prediction of squared error may be negative, and then has
# no deviance: it is raised to one tenth of a bike here.

models = {
    "boosted trees, poisson": HistGradientBoostingRegressor(
        loss="poisson", categorical_features="from_dtype", random_state=0
    ),
    "network, squared error": SpectralMLPRegressor(random_state=0),
    "network, poisson": SpectralMLPRegressor(loss="poisson", random_state=0),
}
print(f"{'':24}{'deviance':>9}{'R2':>7}{'negative':>10}{'nodes':>7}")
for name, model in models.items():
    model.fit(X_train, y_train)
    predicted = model.predict(X_test)
    deviance = mean_poisson_deviance(y_test, np.maximum(predicted, 0.1))
    nodes = sum(getattr(model, "core_sizes_", ())) or ""
    print(
        f"{name:24}{deviance:9.2f}{model.score(X_test, y_test):7.3f}"
        f"{int((predicted < 0).sum()):10}{nodes:>7}"
    )

# %%
# Look
# ----
# Rows of the test set in groups of equal prediction: where a model is right on average,
# its curve lies on the diagonal, for hours of two bikes as for hours of five hundred.

figure, panel = plt.subplots(figsize=(5.5, 4.5), layout="constrained")
colours = ("#999999", "#E69F00", "#0072B2")
for (name, model), colour in zip(models.items(), colours, strict=True):
    predicted = np.maximum(model.predict(X_test), 0.5)
    group = pd.qcut(predicted, 20, labels=False, duplicates="drop")
    means = pd.DataFrame({"predicted": predicted, "rented": y_test.to_numpy()})
    means = means.groupby(group).mean()
    panel.loglog(means["predicted"], means["rented"], "o-", label=name, color=colour)
panel.axline((1, 1), (10, 10), color="black", linewidth=0.8, zorder=0)
panel.set(xlabel="bikes predicted", ylabel="bikes rented, mean of the group")
panel.legend()
plt.show()

# %%
# What the nodes do with the columns. Their sum, through the readout, is the logarithm
# of the prediction.

NodeDisplay.from_estimator(models["network, poisson"].prune(), X_train, node=[0, 1, 2])
plt.show()
