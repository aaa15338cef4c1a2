"""
Outliers: one price in fifty is a hundred times too high
========================================================

Squared error follows what lies far off. A robust loss does not: ``"absolute_error"``
predicts the median, ``"huber"`` the mean of what is near.
"""

# %%
# A slip of the keyboard
# ----------------------
# Two per cent of the prices that the network learns from are multiplied by 100. The
# error is measured on test rows without any slip.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import fetch_california_housing
from sklearn.metrics import median_absolute_error
from sklearn.model_selection import train_test_split

from skspectral import SpectralMLPRegressor

X, y = fetch_california_housing(return_X_y=True, as_frame=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=6_000, random_state=0
)
rng = np.random.default_rng(0)
slips = rng.choice(len(y_train), len(y_train) // 50, replace=False)
spoilt = y_train.to_numpy().copy()
spoilt[slips] *= 100

losses = ("squared_error", "huber", "absolute_error")
models = {}
print(f"{'median absolute error':22}{'clean':>8}{'spoilt':>8}{'nodes':>7}")
for loss in losses:
    clean = SpectralMLPRegressor(loss=loss, random_state=0).fit(X_train, y_train)
    models[loss] = SpectralMLPRegressor(loss=loss, random_state=0).fit(X_train, spoilt)
    errors = [
        median_absolute_error(y_test, m.predict(X_test)) for m in (clean, models[loss])
    ]
    nodes = models[loss].core_sizes_[0]
    print(f"{loss:22}{errors[0]:8.3f}{errors[1]:8.3f}{nodes:7}")

# %%
# Look
# ----
# Predictions of the networks that learned from spoilt prices, against the prices.

figure, panels = plt.subplots(
    1, 3, figsize=(9, 3.3), layout="constrained", sharex=True, sharey=True
)
rows = np.arange(len(y_test))[::10]
for panel, loss in zip(panels, losses, strict=True):
    panel.plot(
        y_test.iloc[rows], models[loss].predict(X_test.iloc[rows]), ".", ms=2,
        color="#0072B2",
    )  # fmt: skip
    panel.axline((0, 0), (1, 1), color="black", linewidth=0.8)
    panel.set(title=loss, xlabel="price", xlim=(0, 5.2), ylim=(-1, 12))
panels[0].set_ylabel("predicted")
plt.show()
