"""
The dozen nodes that read digits, and the hundreds that did nothing
===================================================================

A network with one hidden layer of 256 nodes learns the handwritten digits of
scikit-learn. Its nodes are sorted by their relevance, and the weights of each drawn as
an image over the 8 x 8 pixels: those that are kept, and some of those that are removed.
"""

# %%
# Fit, cut, compare
# -----------------

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skspectral import SpectralMLPClassifier

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.3, stratify=y, random_state=0
)
wide = SpectralMLPClassifier(hidden_layer_sizes=256, encoding="linear", random_state=0)
wide.fit(X_train, y_train)
small = wide.prune(merge=False)
print("          nodes  trained numbers  test accuracy")
for name, network in (("before", wide), ("after", small)):
    print(
        f"{name:8}{network.coefs_[0].shape[1]:7}{network.n_trained_parameters_:17,}"
        f"{network.score(X_test, y_test):15.4f}"
    )
same = (wide.predict(X_test) == small.predict(X_test)).mean()
print(f"predictions that are the same before and after: {same:.1%}")

# %%
# What to look for
# ----------------
# All images share one scale of colours. Weights are those on raw pixels, ``coefs_``,
# times the standard deviation of the pixel: the effect of a usual change of it. Above
# an image stands the relevance of the node as a fraction of the largest, below it the
# digits for which and against which an active node speaks most. A node is of use if its
# image has structure: strokes, and gaps between strokes.

relevance = wide.feature_relevance_ / wide.feature_relevance_.max()
order = np.argsort(-relevance)
kept, removed = np.split(order, [wide.core_mask_.sum()])
n_columns = max(4, -(-len(kept) // 2))
removed = removed[:n_columns]  # the next in order
images = (wide.coefs_[0] * X_train.std(axis=0)[:, None]).T.reshape(-1, 8, 8)
votes = wide.coefs_[1]  # (nodes, digits)
limit = np.abs(images[kept]).max()

figure, axes = plt.subplots(
    3, n_columns, figsize=(1.4 * n_columns + 1.2, 5.6), layout="constrained"
)
for axis in axes[:2].flat[len(kept) :]:
    axis.axis("off")
for axis, node in [*zip(axes[:2].flat, kept), *zip(axes[2], removed)]:  # noqa: B905
    image = axis.imshow(images[node], cmap="PuOr", vmin=-limit, vmax=limit)
    axis.set(xticks=[], yticks=[])
    axis.set_title(f"{relevance[node]:.2g}", fontsize=10)
    if wide.core_mask_[node]:
        axis.set_xlabel(f"for {votes[node].argmax()}, against {votes[node].argmin()}")
for axis, name in zip(axes[:, 0], ("kept", "kept", "removed"), strict=True):
    axis.set_ylabel(name, fontsize=12)
figure.colorbar(
    image, ax=axes, shrink=0.7, label="weight per standard deviation of the pixel"
)
figure.suptitle("Weights of hidden nodes; above each its relevance, R / max R")
plt.show()

# %%
# What was seen
# -------------
# About as many nodes are alive as there are digits, of 256; they respond to pieces of
# strokes, and each speaks for some digits and against others. The removed nodes are
# blank: their weights are zero or too small to matter, and so the smaller network
# predicts the same digits with a twenty-fifth of the numbers.
#
# **Where it fails.** The images are no more than linear filters of one network: with
# another seed they differ, as the same function can be written in other nodes. The cut
# at the gap is careful and may keep a node of little use, one with a relevance well
# below 5 % of the largest; ``prune(threshold=0.05)`` removes it as well. And for real
# images this is the wrong kind of network, since it knows nothing of neighbours.
