"""
What the kept nodes of a digit classifier look at
=================================================

One hidden layer on 8 x 8 images of digits. The incoming weights of a node are an image
themselves: those of the core show strokes, those of the removed nodes nothing at all.
"""

# %%
# Look at the last row: dead nodes, on the same scale as the living.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skspectral import SpectralMLPClassifier

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X, y, random_state=0, stratify=y)
model = SpectralMLPClassifier(hidden_layer_sizes=150, random_state=0).fit(X, y)
small = model.prune()
print(f"nodes: {model.core_sizes_[0]} of 150 in the core")
print(
    f"test accuracy: {model.score(X_test, y_test):.4f} before, "
    f"{small.score(X_test, y_test):.4f} after pruning"
)

# %%
# `coefs_` are on raw pixels; times a pixel's deviation they say how much of the image
# reaches the node.

COLUMNS = 8
relevance = model.feature_relevance_
weights = model.coefs_[0] * X.std(0)[:, None]  # (64 pixels, 150 nodes)
order = relevance.argsort()[::-1]
core = order[: model.core_sizes_[0]]
dead = order[model.core_sizes_[0] :][:COLUMNS]
n_rows = int(np.ceil(len(core) / COLUMNS))
limit = np.abs(weights).max()
figure, axes = plt.subplots(
    n_rows + 1, COLUMNS, figsize=(9, 1.35 * (n_rows + 1)), layout="constrained"
)
places = np.full(axes.size, -1)
places[: len(core)] = core
places[n_rows * COLUMNS : n_rows * COLUMNS + len(dead)] = dead
for ax, node in zip(axes.flat, places, strict=True):
    ax.set_axis_off()
    if node < 0:
        continue
    image = ax.imshow(
        weights[:, node].reshape(8, 8), cmap="RdBu_r", vmin=-limit, vmax=limit
    )
    share = relevance[node] / relevance.max()
    ax.set_title(f"{share:.2f}" if share > 0.005 else "0", fontsize=9)
figure.colorbar(image, ax=axes, shrink=0.6, label="weight on a standardised pixel")
figure.suptitle("R / max R of each node; the last row was removed")
plt.show()

# %%
# The accuracy is the same with the core alone: what was removed did nothing.
#
# Where this fails: a node's image is not an explanation of a decision, which is made by
# all of them together.
