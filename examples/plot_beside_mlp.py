"""
Beside scikit-learn's MLP: error, time, size, and the price of a single row
===========================================================================

How good are the two networks after how many seconds of training? How large are they
afterwards, and how long does one row take to predict? Both get the same table, the same
width and the same optimiser (Adam). `SpectralMLPRegressor` standardises columns and
targets inside. `MLPRegressor` gets both from StandardScaler.
"""

# %%
# The settings, said plainly
# --------------------------
# The table is California Housing in two splits of 80/20. Networks have 256 nodes and
# train in one process. scikit-learn's network runs at its own defaults and at the rate
# and batch size that are ours, since these differ most: 1e-2 instead of 1e-3, and 412
# rows instead of 200. Our rate falls to zero. scikit-learn's stays (for Adam it has no
# schedule), but its fit stops when the loss no longer falls. Our defaults were chosen
# on nine tables, *and this is one of them*; scikit-learn's were not.
#
# Each network trains for several numbers of epochs. Stopped early, both warn that they
# have not converged. That is wanted here, so the warnings are silenced.

import pickle
import time
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import fetch_california_housing
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skspectral import SpectralMLPRegressor

N_SPLITS = 2
WIDTH = 256


def mlp(**parameters):
    """scikit-learn's network of the same width, with scaled columns and targets."""
    network = MLPRegressor(hidden_layer_sizes=WIDTH, random_state=0, **parameters)
    return TransformedTargetRegressor(
        make_pipeline(StandardScaler(), network), transformer=StandardScaler()
    )


def spectral(max_iter, **parameters):
    """Ours, all other parameters at their defaults."""
    return SpectralMLPRegressor(
        encoding="linear",
        hidden_layer_sizes=WIDTH,
        max_iter=max_iter,
        random_state=0,
        **parameters,
    )


KINDS = {
    "MLPRegressor, defaults": (lambda n: mlp(max_iter=n), (25, 200)),
    "MLPRegressor, our rate and batch": (
        lambda n: mlp(max_iter=n, learning_rate_init=1e-2, batch_size=412),
        (25, 200),
    ),
    "SpectralMLPRegressor, defaults": (spectral, (50, 150, "auto")),
    "the same, parametrization='dense'": (
        lambda n: spectral(n, parametrization="dense"),
        ("auto",),
    ),
}
COLOURS = dict(zip(KINDS, ("#D55E00", "#E69F00", "#0072B2", "0.35"), strict=True))
MARKERS = dict(zip(KINDS, "s^oD", strict=True))

X, y = fetch_california_housing(return_X_y=True)
spectral("auto").fit(X[:500], y[:500])  # the first call of all loads and warms up
seconds, errors, longest = {}, {}, {}
for split in range(N_SPLITS):
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.2, random_state=split
    )
    for name, (make, budgets) in KINDS.items():
        for n_epochs in budgets:
            model = make(n_epochs)
            start = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(X_train, y_train)
            seconds[name, n_epochs, split] = time.perf_counter() - start
            error = root_mean_squared_error(y_test, model.predict(X_test))
            errors[name, n_epochs, split] = error
        longest[name] = model

print("RMSE in 100,000 dollars and seconds of fit, means of the splits")
for name, (_, budgets) in KINDS.items():
    for n_epochs in budgets:
        error = np.mean([errors[name, n_epochs, s] for s in range(N_SPLITS)])
        spent = np.mean([seconds[name, n_epochs, s] for s in range(N_SPLITS)])
        print(f"  {name:34}{n_epochs!s:>5} epochs{error:8.3f}{spent:6.1f} s")

# %%
# Cut, and hand over
# ------------------
# The longest fit of the last split, as it is, cut to its core, and the core as
# scikit-learn's own `MLPRegressor`, which needs no torch to predict. The time of a
# single row is the median of 300 calls. For scikit-learn's network it is that of the
# Pipeline alone: scaling its prediction back would be one product more.

wide = longest["SpectralMLPRegressor, defaults"]
small = wide.prune()
networks = {
    "scaler + MLPRegressor": longest["MLPRegressor, defaults"],
    "spectral": wide,
    "its core": small,
    "core.to_sklearn()": small.to_sklearn(),
}
numbers, microseconds = [], []
print(f"\n{'':22}{'nodes':>6}{'numbers':>9}{'pickle':>10}{'one row':>11}{'RMSE':>8}")
for name, network in networks.items():
    predict = network.predict
    last = network
    if name.startswith("scaler"):
        predict = network.regressor_.predict
        last = network.regressor_[-1]
    numbers.append(sum(a.size for a in (*last.coefs_, *last.intercepts_)))
    calls = []
    for row in range(300):
        start = time.perf_counter()
        predict(X_test[row : row + 1])
        calls.append(time.perf_counter() - start)
    microseconds.append(1e6 * np.median(calls))
    error = root_mean_squared_error(y_test, network.predict(X_test))
    print(
        f"{name:22}{last.coefs_[0].shape[1]:6}{numbers[-1]:9,}"
        f"{len(pickle.dumps(network)) / 1e3:7.1f} kB{microseconds[-1]:8.0f} us"
        f"{error:8.4f}"
    )

dense = longest["the same, parametrization='dense'"]
n_dense = dense.prune(threshold=0.05).hidden_layer_sizes[0]
print(f"\nour dense network, cut at 5 % (it has no gap): {n_dense} nodes")

# %%
# What to look for
# ----------------
# *Left:* lower and further left is better; small marks are single splits, lines join
# their means, from few epochs to many. *Middle and right:* what is left to ship, and
# what one row costs, where nearly all is checking of the input.

figure, (left, middle, right) = plt.subplots(
    1, 3, figsize=(13, 4.2), layout="constrained", width_ratios=(1.5, 1, 1)
)
for name, (_, budgets) in KINDS.items():
    style = {"color": COLOURS[name], "marker": MARKERS[name]}
    points = np.array(
        [
            [(seconds[name, n, s], errors[name, n, s]) for n in budgets]
            for s in range(N_SPLITS)
        ]
    )  # (splits, budgets, 2)
    left.plot(*points.mean(0).T, label=name, **style)
    left.plot(*points.reshape(-1, 2).T, ls="none", ms=3, alpha=0.6, **style)
left.set(xscale="log", title="Error against time", xlabel="seconds of fit")
left.set_ylim(top=0.67)  # room for the legend
left.set_ylabel("test RMSE (100,000 dollars)")
ticks = [0.5, 1, 2, 5, 10]
left.set_xticks(ticks, ticks)
left.minorticks_off()
left.legend(fontsize=9)
colours = ["#D55E00", "#0072B2", "#0072B2", "#56B4E9"]
for axis, values, title, label in (
    (middle, numbers, "Size", "weights and biases"),
    (right, microseconds, "One row", "median time of predict (microseconds)"),
):
    bars = axis.barh([*networks], values, color=colours)
    axis.bar_label(bars, [f"{value:,.0f}" for value in values], padding=3)
    axis.set(title=title, xlabel=label, xlim=(0, 1.2 * max(values)))
    axis.invert_yaxis()
right.set_yticks([])
plt.show()

# %%
# What was seen
# -------------
# With all defaults the spectral network was ahead of scikit-learn's, by two hundredths
# of 100,000 dollars, after less time. Most of that lead is owed to the rate and the
# batch size: with ours, scikit-learn's network comes to the same error, and takes
# longer. The parametrization brings no lead in accuracy either. A dense network through
# our loop, with its falling rate and its penalty, is slightly better.
#
# What the parametrization brings is the core. The spectral network has some forty of
# its 256 nodes in use, the dense one some seventy. Cutting the others away changes no
# digit of the error.
#
# A single row costs scikit-learn's pipeline several times what it costs our `predict`,
# before and after the cut alike, since little of it is arithmetic. `to_sklearn()` lies
# between.
#
# Two splits of one table, whose times depend on the machine, are no benchmark. All
# networks here see straight columns, so that they differ in nothing but the training.
# With columns that bend, the default, ours is level with boosted trees on this table:
# see :ref:`sphx_glr_auto_examples_plot_twenty_nodes.py`.
