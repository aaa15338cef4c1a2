"""
A pruner in a Pipeline: fewer nodes, the same score
===================================================

:class:`~skspectral.SpectralPruner` trains a network, cuts it to its core and keeps the
small one. At the end of a Pipeline it predicts; in the middle it hands on the
activations of the surviving nodes to whatever comes next.
"""

# %%
# Look for the flat part of the curves: there nodes cost nothing.

import warnings

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skspectral import PruningCurveDisplay, SpectralMLPClassifier, SpectralPruner

warnings.filterwarnings("ignore", "prune removed nothing")
X, y = load_digits(return_X_y=True, as_frame=True)
X, X_test, y, y_test = train_test_split(X, y, random_state=0, stratify=y)
network = SpectralMLPClassifier(hidden_layer_sizes=150, random_state=0)

# %%
# At the end: a classifier like any other, and a report of what was cut.

ending = make_pipeline(MinMaxScaler(), SpectralPruner(network)).fit(X, y)
print(pd.DataFrame(ending[-1].report_).to_string())
print(f"test accuracy {ending.score(X_test, y_test):.4f}")

# %%
# In the middle: the nodes of the core as columns of a frame, for another model.

middle = make_pipeline(
    MinMaxScaler(), SpectralPruner(network), LogisticRegression(max_iter=1000)
).set_output(transform="pandas")
middle.fit(X, y)
nodes = middle[:-1].transform(X_test)
print("columns:", ", ".join(nodes.columns[:4]), "...", f"({nodes.shape[1]})")
print(f"test accuracy {middle.score(X_test, y_test):.4f}")

# %%
# Deeper than the core: `max_loss` says how much of the cross-validated score may go.

for allowed in (0.0, 0.1, 0.3):
    pruner = SpectralPruner(network, max_loss=allowed, cv=3).fit(X, y)
    print(
        f"max_loss={allowed:.2f}: {pruner.estimator_.hidden_layer_sizes[0]:2d} nodes, "
        f"test accuracy {pruner.score(X_test, y_test):.4f}"
    )

# %%
fitted = network.fit(X, y)
PruningCurveDisplay.from_estimator(fitted, X_test, y_test, random_state=0)
plt.show()

# %%
# Ranked by relevance, the nodes outside the core can go without a trace; a random
# choice of as many loses most of the accuracy. Below the core every node counts.
#
# Where this fails: `max_loss` asks the folds, which saw fewer rows than the final fit;
# where they disagree with it the pruner keeps the larger number.
