"""
Cutting to the core costs nothing; cutting deeper needs a refit
===============================================================

`SpectralPruner` fits a network, removes the nodes that the fit left without relevance,
and keeps the small network. At the end of a Pipeline it predicts; in the middle it
hands on the few nodes that survive as new columns. Its `max_loss` cuts as deep as a
cross-validated score allows.
"""

# %%
# At the end: the small network predicts
# --------------------------------------
# The report compares the network before and after the cut. Columns are standardised
# inside the network, so no scaler stands before it.

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.datasets import fetch_california_housing, load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skspectral import SpectralMLPClassifier, SpectralMLPRegressor, SpectralPruner

X, y = fetch_california_housing(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)
network = SpectralMLPRegressor(
    encoding="linear", hidden_layer_sizes=256, random_state=0
)
pruner = SpectralPruner(network).fit(X_train, y_train)
print(pd.DataFrame(pruner.report_).to_string(index=False))
print(f"R2 on test rows: {pruner.score(X_test, y_test):.4f}")

# %%
# In the middle: surviving nodes as columns
# -----------------------------------------
# `transform` gives the activations of the last hidden layer after the cut, so that
# any linear model of scikit-learn can stand on them, with its own loss and its own
# penalty. Names say which node of the wide network a column was.

ridge = make_pipeline(SpectralPruner(network), Ridge()).fit(X_train, y_train)
names = ridge[:-1].get_feature_names_out()
print(f"{len(names)} columns: {names[0]}, {names[1]}, ..., {names[-1]}")
print(f"Ridge on surviving nodes  R2 {ridge.score(X_test, y_test):.4f}")
alone = make_pipeline(StandardScaler(), Ridge()).fit(X_train, y_train)
print(f"Ridge on raw columns      R2 {alone.score(X_test, y_test):.4f}")

digits, digit = load_digits(return_X_y=True)
parts = train_test_split(digits, digit, test_size=0.3, stratify=digit, random_state=0)
logistic = make_pipeline(
    SpectralPruner(SpectralMLPClassifier(hidden_layer_sizes=256, random_state=0)),
    LogisticRegression(max_iter=1000),
).fit(parts[0], parts[2])
n_before, n_after = (row["nodes"][0] for row in logistic[0].report_)
print(f"\nDigits: {digits.shape[1]} pixels -> {n_before} nodes -> {n_after} columns")
print(
    f"LogisticRegression on them    accuracy {logistic.score(parts[1], parts[3]):.3f}"
)
alone = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
alone.fit(parts[0], parts[2])
print(f"LogisticRegression on pixels  accuracy {alone.score(parts[1], parts[3]):.3f}")

# %%
# What `max_loss` does
# --------------------
# It trains the network once more per fold, cuts each of them to about twenty numbers of
# nodes, and takes the smallest number whose mean score is within `max_loss` of the
# uncut one. It works where there is no gap to cut at as well, as in a dense network.
# The network of all rows may need more nodes than those of the folds; then more are
# kept than the folds ask for.

MAX_LOSS = 0.05  # in units of R2
results = {}
for kind in ("spectral", "dense"):
    deep = SpectralPruner(
        SpectralMLPRegressor(
            encoding="linear",
            hidden_layer_sizes=128,
            parametrization=kind,
            random_state=0,
        ),
        max_loss=MAX_LOSS,
        cv=3,
    ).fit(X_train, y_train)
    results[kind] = cuts = deep.cut_results_
    print(
        f"{kind:8} of 128 nodes, max_loss={MAX_LOSS}: {cuts['chosen_on_folds'][0]} on "
        f"the folds, {cuts['chosen'][0]} for the network of all rows"
    )

# %%
# Deeper than the core
# --------------------
# A fitted network inside `FrozenEstimator` is only cut, not trained, so that many cuts
# of one network are cheap. With ``refit=True`` the survivors train on, without penalty,
# for a quarter of the epochs.

fitted = SpectralMLPRegressor(encoding="linear", hidden_layer_sizes=256, random_state=0)
fitted.fit(X_train, y_train)
core = fitted.core_sizes_[0]
sizes = [n for n in (2, 5, 10, 20, 30, 40) if n < core] + [core, 256]
scores = {"cut": [], "cut and refit": [], "trained at that width": []}
for n_nodes in sizes:
    for name in ("cut", "cut and refit"):
        smaller = SpectralPruner(
            FrozenEstimator(fitted), n_nodes=n_nodes, refit=name == "cut and refit"
        ).fit(X_train, y_train)
        scores[name].append(smaller.score(X_test, y_test))
for n_nodes in sizes[:-2]:
    narrow = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=n_nodes, random_state=0
    )
    narrow.fit(X_train, y_train)
    scores["trained at that width"].append(narrow.score(X_test, y_test))

# %%
# What to look for
# ----------------
# *Left:* scores of the folds' test rows against the nodes left. A plateau that
# ends at a cliff says that the nodes left of the cut were all needed. *Right:* what a
# refit wins back, beside networks trained at the small width from the start.

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "0.45"
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
for (kind, cuts), colour, marker in zip(
    results.items(), (BLUE, ORANGE), "os", strict=True
):
    widths = [n for (n,) in cuts["n_nodes"]]
    left.plot(widths, cuts["mean_score"], marker + "-", color=colour, ms=4, label=kind)
    left.fill_between(
        widths,
        cuts["scores"].min(1),
        cuts["scores"].max(1),
        color=colour,
        alpha=0.2,
        lw=0,
    )
    left.axhline(cuts["lowest_allowed"], color=colour, ls=":", lw=1)
    (chosen,) = cuts["chosen_on_folds"]
    score = cuts["mean_score"][widths.index(chosen)]
    left.plot(chosen, score, "o", ms=13, mfc="none", mec=colour, mew=1.8)
left.plot([], [], "o", ms=11, mfc="none", mec="0.3", label="chosen on the folds")
left.plot([], [], ":", color="0.3", label=f"uncut score - {MAX_LOSS}")
left.set(title="max_loss: cut by the score of the folds", xlabel="nodes left of 128")
left.set(ylabel="R2, test rows of 3 folds")
left.legend(loc="center left", bbox_to_anchor=(0, 0.6))

for (name, values), style, colour in zip(
    scores.items(), ("o-", "D-", "^--"), (BLUE, GREEN, GREY), strict=True
):
    right.plot(sizes[: len(values)], values, style, color=colour, ms=5, label=name)
right.axvline(core, color="0.4", ls="--", lw=1)
right.text(core * 1.05, 0.03, f"core: {core}", color="0.3")
right.set(title="Below the core only with a refit", xlabel="nodes left of 256")
right.set(ylabel="R2, test rows")
right.legend(loc="center right", bbox_to_anchor=(1, 0.45))
for panel, ticks in (
    (left, [1, 2, 5, 10, 20, 50, 128]),
    (right, [2, 5, 10, 20, 50, 100, 256]),
):
    panel.set(xscale="log", ylim=(0, 0.85))
    panel.set_xticks(ticks, ticks)
    panel.minorticks_off()
plt.show()

# %%
# What was seen
# -------------
# Down to the core the score does not move: the nodes removed were at zero, and what
# they still emitted is folded into the readout. Below it there is a cliff, for spectral
# and dense networks alike, because every node that is left is in use. `max_loss` finds
# the edge in both, where the dense network has no gap that would show it; but
# few nodes separate a small loss from a large one, so a larger `max_loss` buys little.
#
# A refit changes that. Cut to ten nodes or so and trained on, the network loses a few
# hundredths of R2, and does about as well as networks trained at that width from the
# start, or better.
#
# **Where it fails.** `max_loss` scores its cuts before any refit, so the two do not
# help each other: for a network much smaller than its core, set `n_nodes` and
# ``refit=True``, and look at the score yourself. The report of a pruner without
# `max_loss` is scored on training rows (its last column says so). And standing linear
# models on the nodes hardly changes the score here: the readout was linear already.
