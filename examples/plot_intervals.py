"""
Intervals: between which prices?
================================

A prediction alone does not say how far off it may be. ``loss="quantile"`` with several
levels fits a curve for each, in one network, and the curves do not cross.
"""

# %%
# Three curves
# ------------
# Nine in ten prices should lie between the curves of 0.05 and 0.95, and half of them
# below that of 0.5. For boosted trees that is three models.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import fetch_california_housing
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import mean_pinball_loss
from sklearn.model_selection import train_test_split

from skspectral import SpectralMLPRegressor

levels = [0.05, 0.5, 0.95]
X, y = fetch_california_housing(return_X_y=True, as_frame=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)
network = SpectralMLPRegressor(loss="quantile", quantile=levels, random_state=0)
network.fit(X_train, y_train)
trees = [
    HistGradientBoostingRegressor(loss="quantile", quantile=level, random_state=0)
    for level in levels
]
curves = {
    "network": network.predict(X_test),
    "three boosted trees": np.stack(
        [model.fit(X_train, y_train).predict(X_test) for model in trees], axis=1
    ),
}
below = "below each curve"
print(f"{'':21}{below:>20}{'pinball loss':>21}{'width':>7}{'crossing':>9}")
for name, found in curves.items():
    share = (y_test.to_numpy()[:, None] <= found).mean(0)
    losses = [
        mean_pinball_loss(y_test, curve, alpha=level)
        for curve, level in zip(found.T, levels, strict=True)
    ]
    crossing = (np.diff(found, axis=1) < 0).any(1).sum()
    print(
        f"{name:21}  "
        + "".join(f"{s:6.3f}" for s in share)
        + "".join(f"{s:7.4f}" for s in losses)
        + f"{np.mean(found[:, 2] - found[:, 0]):7.2f}{crossing:9}"
    )
print(f"nodes in use: {network.core_sizes_[0]}")

# %%
# Look
# ----
# Test districts by their predicted median. The interval is narrow where prices are sure
# and wide where they are not. Prices above 5 were cut off in the data, and the upper
# curve knows it.

rows = np.argsort(curves["network"][:, 1])[::12]
low, middle, high = curves["network"][rows].T
figure, panel = plt.subplots(figsize=(7, 4), layout="constrained")
place = np.arange(len(rows))
panel.fill_between(place, low, high, color="#0072B2", alpha=0.25, label="0.05 to 0.95")
panel.plot(place, middle, color="#0072B2", label="0.5")
inside = (y_test.to_numpy()[rows] >= low) & (y_test.to_numpy()[rows] <= high)
for mask, colour, name in (
    (inside, "black", "price, inside"),
    (~inside, "#D55E00", "price, outside"),
):
    panel.plot(
        place[mask], y_test.to_numpy()[rows][mask], ".", color=colour, ms=4, label=name
    )
panel.set(xlabel="test districts, by predicted median", ylabel="price, 100,000 dollars")
panel.legend()
plt.show()

# %%
# Does the interval know where it is unsure?
# ------------------------------------------
# Districts in five groups by the width of their interval: the share of prices inside is
# near nine in ten in each, and not only on average.

width = curves["network"][:, 2] - curves["network"][:, 0]
covered = (y_test >= curves["network"][:, 0]) & (y_test <= curves["network"][:, 2])
for group in np.array_split(np.argsort(width), 5):
    print(
        f"width {width[group].min():.2f} to {width[group].max():.2f}: "
        f"{covered.to_numpy()[group].mean():.3f} inside"
    )
