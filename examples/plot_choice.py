"""
How wide? Let the data say
==========================

A penalty has a price for each node, so that the size of the core is the answer to a
question that has the price in it. ``SpectralMLPRegressorCV`` lets the data set the
price: it tries strengths of the penalty on folds and takes the one that predicts best.
The answer is then a sentence.
"""

# %%
# Choose
# ------
# California Housing, 4,000 of its rows, and six strengths to try; by default the
# estimator finds these itself. Columns along which the target bends enter as
# piecewise-linear functions, or all as they are: that is chosen too.

import matplotlib.pyplot as plt
from sklearn.datasets import fetch_california_housing
from sklearn.model_selection import train_test_split

from skspectral import (
    AlphaChoiceDisplay,
    SpectralEnsembleRegressor,
    SpectralMLPRegressorCV,
)

X, y = fetch_california_housing(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=4_000, random_state=0
)
best = SpectralMLPRegressorCV(
    alphas=[2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2],
    cv=3,
    hidden_layer_sizes=100,
    random_state=0,
).fit(X_train, y_train)
print(best)
print(f"R2 on other rows: {best.score(X_test, y_test):.3f}")

# %%
# Look
# ----
# Above the score, below the core, against the penalty: the mean over the folds, and a
# faint line for each. Left of the best alpha the network overfits, right of it the
# penalty takes nodes that are needed. The dotted line marks the smallest core whose
# score is within one standard error of the best: ``rule="one_standard_error"`` takes
# that one.

AlphaChoiceDisplay.from_estimator(best)
plt.show()

# %%
# Average
# -------
# The mean of several networks predicts better than each of them. It makes a choice of
# its own: means gain more where the penalty is weak.

ensemble = SpectralEnsembleRegressor(
    SpectralMLPRegressorCV(cv=0.2, hidden_layer_sizes=100),
    n_members=4,
    random_state=0,
).fit(X_train, y_train)
alone = [member.score(X_test, y_test) for member in ensemble.members_]
print(f"alpha {ensemble.choice_.alpha_:.1e}")
print(f"R2 of each: {min(alone):.3f} to {max(alone):.3f}")
print(f"R2 of their mean: {ensemble.score(X_test, y_test):.3f}")
