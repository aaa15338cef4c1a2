"""
Which columns matter, and how much importance is none
=====================================================

With ``gate="in"`` each column has an eigenvalue of its own, which the penalty drives to
zero where the column tells nothing. Two tasks whose truth is known show what the
importances find, where a threshold belongs, and which `alpha` it takes.
"""

# %%
# Two tasks of normal columns
# ---------------------------
# In the first, 11 of 20 columns have another mean in class 1, by 0.2 to 1.4; each tells
# something by itself. In the second, no column tells anything by itself: eight form
# pairs, equal in class 0, and in class 1 often of opposite sign; two are noise.

import time

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import spearmanr
from sklearn.base import clone
from sklearn.feature_selection import SelectFromModel
from sklearn.inspection import permutation_importance
from sklearn.metrics import roc_auc_score

from skspectral import SpectralMLPClassifier, null_importances

N_TRAIN, N_TEST, SIGMA = 20_000, 5_000, 0.5
PROBABILITIES = (0.7, 0.8, 0.4, 0.6)  # that the sign of a pair differs, in class 1


def shifted(n_rows, rng):
    """Columns sorted from the largest shift to none, and the shifts."""
    shifts = np.concatenate([np.linspace(1.4, 0.2, 11), np.zeros(9)])
    y = rng.integers(0, 2, n_rows)
    return SIGMA * rng.normal(size=(n_rows, 20)) + y[:, None] * shifts, y, shifts


def pairs(n_rows, rng):
    """Columns 0 and 1 are a pair, 2 and 3, ...; 8 and 9 are noise."""
    y = rng.integers(0, 2, n_rows)
    X = SIGMA * rng.normal(size=(n_rows, 10))
    for pair, probability in enumerate(PROBABILITIES):
        flip = (rng.random(n_rows) < probability) & (y == 1)
        X[:, 2 * pair + 1] = np.where(flip, -1, 1) * X[:, 2 * pair]
    return X, y, np.arange(10) < 8


# %%
# Importances, a null band, permutation importance
# ------------------------------------------------
# `null_importances` trains ten networks on the columns beside permuted copies of them:
# the largest importance of a copy is what chance alone reaches. Fifty epochs are enough
# for that. scikit-learn's `permutation_importance` needs one fitted network, and asks
# how much worse its log-loss on new rows gets when a column is permuted.

runs = {
    "shifted means, alpha=1e-3": (shifted, 1e-3),
    "shifted means, alpha='auto'": (shifted, "auto"),
    "pairs, alpha=1e-3": (pairs, 1e-3),
}
found = {}
for name, (task, alpha) in runs.items():
    X, y, truth = task(N_TRAIN + N_TEST, np.random.default_rng(0))
    X_train, y_train, X_test, y_test = (
        X[:N_TRAIN],
        y[:N_TRAIN],
        X[N_TRAIN:],
        y[N_TRAIN:],
    )
    start = [time.perf_counter()]
    model = SpectralMLPClassifier(
        hidden_layer_sizes=50,
        encoding="linear",
        gate="in",
        alpha=alpha,
        random_state=0,
    ).fit(X_train, y_train)
    start.append(time.perf_counter())
    null = null_importances(
        clone(model).set_params(max_iter=50),
        X_train,
        y_train,
        n_repeats=10,
        level=0.1,
        random_state=0,
    )
    start.append(time.perf_counter())
    permuted = permutation_importance(
        model, X_test, y_test, scoring="neg_log_loss", n_repeats=10, random_state=0
    ).importances_mean
    start.append(time.perf_counter())
    found[name] = truth, model, null, permuted
    seconds = np.diff(start)
    print(f"{name}  (alpha_ = {model.alpha_:g})")
    for label, values in (
        ("importances", model.feature_importances_),
        ("permutation", permuted),
    ):
        print(
            f"  {label}: AUC against the truth {roc_auc_score(truth > 0, values):.2f}"
        )
    rank = spearmanr(model.feature_importances_[truth > 0], permuted[truth > 0])[0]
    print(f"  rank correlation of the two, relevant columns: {rank:.2f}")
    print(f"  largest of the permuted copies: {null.threshold:.1e}", end=", ")
    print("seconds: fit {:.1f}, null {:.1f}, permutation {:.1f}".format(*seconds))

# %%
# Where to cut
# ------------
# `SelectFromModel` cuts at the mean importance unless it is told otherwise. That is the
# wrong place here: importances sum to 1, so that with 20 columns the mean is always
# 0.05, and weak columns lie below it however certain they are. The null band asks
# the right question, whether a column does better than chance.

truth, model, null, _ = found["shifted means, alpha=1e-3"]
print("shifted means, alpha=1e-3: columns selected, of 11 relevant and 9 noise")
for label, threshold in (("mean (default)", "mean"), ("null band", null.threshold)):
    chosen = SelectFromModel(model, threshold=threshold, prefit=True)
    kept = chosen.transform(truth[None])[0]
    print(f"  {label:15}{(kept > 0).sum():3} relevant,{(kept == 0).sum():3} noise")

# %%
# What to look for
# ----------------
# *Top:* columns by the shift of their mean, those of noise at zero; points are means of
# the ten networks, bars go from the smallest to the largest, grey is the null band. A
# threshold is good if the relevant columns are above it and noise is below. *Bottom
# left:* the two columns of a pair should be equal, and all pairs far above the noise.
# *Bottom right:* permutation importance of the fitted network beside its own.

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "0.87"
FLOOR = 1e-6  # zero is drawn here
figure, axes = plt.subplots(2, 2, figsize=(10.5, 8), layout="constrained")
for axis, name in zip(axes.flat, runs, strict=False):
    truth, _, null, _ = found[name]
    by_shift = len(truth) == 20
    jitter = np.linspace(-0.04, 0.04, (truth == 0).sum())
    for relevant, marker, colour in ((True, "o", BLUE), (False, "s", ORANGE)):
        of = (truth > 0) == relevant
        x = (truth[of] if relevant else jitter) if by_shift else of.nonzero()[0]
        values = np.clip(null.importances[of], FLOOR, None)
        middle = values.mean(1)
        spread = np.abs(np.stack([values.min(1), values.max(1)]) - middle)
        label = "relevant column" if relevant else "noise column"
        axis.errorbar(x, middle, spread, fmt=marker, color=colour, label=label)
    axis.axhspan(FLOOR / 2, null.threshold, color=GREY, zorder=0)
    axis.axhline(
        1 / len(truth), color="0.3", ls="--", lw=1, label="mean, the default cut"
    )
    axis.set(yscale="log", ylim=(FLOOR / 2, 0.6), title=name)
    axis.set_ylabel("importance (1e-6: that or less)")
    axis.set_xlabel("shift of the column's mean" if by_shift else "column")
    if not by_shift:
        axis.set_xticks(range(len(truth)))
    axis.text(
        0.97 if by_shift else 0.03,
        0.03,
        "null band: reached by permuted copies",
        ha="right" if by_shift else "left",
        color="0.3",
        transform=axis.transAxes,
    )
axes[0, 0].legend(loc="center right")

for name, marker, colour in (
    ("shifted means, alpha=1e-3", "o", BLUE),
    ("pairs, alpha=1e-3", "^", "#009E73"),
):
    truth, model, _, permuted = found[name]
    axes[1, 1].plot(
        np.clip(model.feature_importances_, FLOOR, None),
        np.clip(permuted, 1e-6, None),
        marker,
        color=colour,
        label=name,
    )
axes[1, 1].set(xscale="log", yscale="log", xlim=(FLOOR / 2, 0.6))
axes[1, 1].set(
    title="two kinds of importance", xlabel="importance (1e-6: that or less)"
)
axes[1, 1].set_ylabel("rise of log-loss when permuted\n(1e-6: that or less)")
axes[1, 1].legend(loc="upper left")
plt.show()

# %%
# What was seen
# -------------
# With ``alpha=1e-3`` the noise columns of both tasks end at or near zero, far below the
# weakest relevant column, and all relevant ones are above the null band. The mean,
# default of `SelectFromModel`, would drop the four weakest of the first task. In the
# second, where no column tells anything by itself, both columns of a pair get the same
# importance.
#
# Permutation importance of the same networks agrees on which columns matter and almost
# entirely on their order. It is cheaper than a null band, since it only predicts, but
# it judges one network and has no scale of its own: in the pairs a permuted column
# makes rows that never occur, and the log-loss rises by several nats. LassoNet, which
# also selects columns by a penalty, takes minutes: ``benchmarks/inputs.py`` runs it.
#
# **Where it fails.** The default `alpha` is chosen for prediction, and falls with the
# number of rows. At 1e-4 the noise columns keep some importance, in a single network
# even more than the weakest relevant ones (the AUC is below 1), and the null band rises
# over these. For columns take a larger `alpha` than for prediction, and look at the
# null band to see whether it is large enough. Even then the two weakest columns are in
# the wrong order here: their difference is within the noise of 20,000 rows.
