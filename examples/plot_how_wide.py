"""
The core does not grow with the width you start with
====================================================

A random network of 20 nodes, the teacher, makes the data. Students of growing width
learn them, all parameters at their defaults but for the width. How many of its nodes
does each student need? Beside them stand dense networks: the same start through the
same loop, cut where their relevance falls below 5 % of the largest.
"""

# %%
# Look for the level of the blue line: 20 is the truth, and the dashed one is every
# node.

import warnings

import matplotlib.pyplot as plt
from sklearn.exceptions import ConvergenceWarning

from skspectral import RelevanceDisplay, SpectralMLPRegressor
from skspectral.datasets import make_teacher_student

WIDTHS = [20, 50, 100, 200, 400]  # to 1500 in the paper
X, y, teacher = make_teacher_student(6000, n_teacher_nodes=20, random_state=0)

kept, models = {"spectral": [], "dense": []}, {}
for kind in kept:
    for width in WIDTHS:
        model = SpectralMLPRegressor(
            hidden_layer_sizes=width, parametrization=kind, random_state=0
        )
        with warnings.catch_warnings():  # a dense network forms no core, and says so
            warnings.simplefilter("ignore", ConvergenceWarning)
            models[kind, width] = model.fit(X, y)
        relevance = model.feature_relevance_
        if kind == "spectral":
            kept[kind].append(model.core_sizes_[0])
        else:
            kept[kind].append(int((relevance >= 0.05 * relevance.max()).sum()))
for kind, numbers in kept.items():
    print(f"{kind:9}", dict(zip(WIDTHS, numbers, strict=True)))

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
RelevanceDisplay.from_estimator(models["spectral", 400], ax=left)
colours = {"spectral": "#0072B2", "dense": "#D55E00"}
for kind, numbers in kept.items():
    right.plot(WIDTHS, numbers, "o-", color=colours[kind], label=kind)
right.plot(WIDTHS, WIDTHS, "--", color="0.6", label="every node")
right.axhline(20, color="black", lw=0.8, label="nodes of the teacher")
right.set(xscale="log", yscale="log", xlabel="hidden nodes", ylabel="nodes needed")
right.set_xticks(WIDTHS, [str(w) for w in WIDTHS])
right.set_yticks([20, 50, 100, 200, 400], ["20", "50", "100", "200", "400"])
right.minorticks_off()
right.legend()
plt.show()

# %%
# The spectral core stays within a few nodes of 20, and the histogram on the left says
# why one can read it: dead nodes lie decades below the living. The dense network thins
# as well, since decay on both of its layers is a penalty on paths, but keeps more than
# twice as many nodes, and no gap tells where to cut.
#
# Where this fails: on real data there is no true width. The core is then what `alpha`
# pays for, and moves with it: see the grid over width and alpha.
