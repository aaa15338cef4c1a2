"""
The width of the answer hardly depends on the width of the network
==================================================================

A random network of 20 hidden nodes, the teacher, makes the data. Students of 25 to 800
nodes learn them, written in eigenvectors and eigenvalues; beside them plain ("dense")
students from the same start, through the same loop and with the same penalty on their
weights. How many nodes does each of them use?
"""

# %%
# Data whose width is known
# -------------------------
# Three teachers, 5,000 rows to fit and 5,000 to test, no noise. The published figure
# averages more trials and counts the nodes with ``R / max R >= 0.05``, where R, the
# relevance of a node, is the absolute eigenvalue times the norm of the eigenvector
# that it gates.

import matplotlib.pyplot as plt
import numpy as np

from skspectral import SpectralMLPRegressor
from skspectral.datasets import make_teacher_student

N_TRIALS = 3  # 30, of one teacher, in the README of the paper's code
N_ROWS = 5_000  # 10,000 in the paper
WIDTHS = (25, 50, 100, 200, 400, 800)  # 10 to 500 in the paper
N_TEACHER_NODES = 20
KINDS = ("spectral", "dense")
COLOURS = {"spectral": "#0072B2", "dense": "#D55E00"}

# %%
# Fit, count, cut
# ---------------
# The spectral network is cut where its relevance has a gap: `prune` finds it. The dense
# one often has none, so it is cut at the paper's 5 %. Errors are mean squared errors on
# test rows over the variance of the target, of the network *after* the cut. Nothing is
# trained again.

nodes = {kind: np.empty((N_TRIALS, len(WIDTHS))) for kind in KINDS}
errors = {kind: np.empty((N_TRIALS, len(WIDTHS))) for kind in KINDS}
whole = {kind: np.empty((N_TRIALS, len(WIDTHS))) for kind in KINDS}
widest = {}  # relevance of the hidden nodes of the widest students
for trial in range(N_TRIALS):
    X, y, _ = make_teacher_student(
        2 * N_ROWS, n_teacher_nodes=N_TEACHER_NODES, random_state=trial
    )
    for column, width in enumerate(WIDTHS):
        for kind in KINDS:
            student = SpectralMLPRegressor(
                hidden_layer_sizes=width,
                encoding="linear",
                parametrization=kind,
                random_state=trial,
            ).fit(X[:N_ROWS], y[:N_ROWS])
            cut = "gap" if kind == "spectral" else 0.05
            small = student.prune(threshold=cut, merge=False)
            nodes[kind][trial, column] = small.hidden_layer_sizes[0]
            errors[kind][trial, column] = 1 - small.score(X[N_ROWS:], y[N_ROWS:])
            whole[kind][trial, column] = 1 - student.score(X[N_ROWS:], y[N_ROWS:])
            widest[kind, trial] = student.feature_relevance_

print(f"Means of {N_TRIALS}: nodes left; error of the whole network and after the cut")
for kind in KINDS:
    print(f"{kind:>10}  nodes   whole     cut")
    for width, row in zip(
        WIDTHS,
        zip(*(values[kind].mean(0) for values in (nodes, whole, errors)), strict=True),
        strict=True,
    ):
        print("{:10}{:7.1f}{:8.1e}{:8.1e}".format(width, *row))

# %%
# What to look for
# ----------------
# Lines are means, bands go from the smallest to the largest of the trials.
# *Left:* a flat line at the height of the teacher says that the task, not the student,
# set the number. *Middle:* whether the cut cost anything. *Right:* whether it is clear
# where to cut. With a gap, any threshold within it gives the same network; without one
# the 5 % are a matter of taste.

figure, (left, middle, right) = plt.subplots(
    1, 3, figsize=(12, 4.2), layout="constrained"
)
for kind, marker in zip(KINDS, "os", strict=True):
    for panel, values in ((left, nodes[kind]), (middle, errors[kind])):
        panel.plot(WIDTHS, values.mean(0), marker + "-", color=COLOURS[kind])
        panel.fill_between(
            WIDTHS, values.min(0), values.max(0), color=COLOURS[kind], alpha=0.2, lw=0
        )
left.plot(WIDTHS, WIDTHS, ":", color="0.4")
left.axhline(N_TEACHER_NODES, color="0.4", ls="--", lw=1)
left.text(800, 18.6, "teacher: 20", ha="right", va="top", color="0.3")
left.text(215, 240, "all nodes", ha="right", color="0.3")
left.text(800, 66, "dense, cut at 5 %", ha="right", color=COLOURS["dense"])
left.text(800, 25, "spectral, cut at the gap", ha="right", color=COLOURS["spectral"])
ticks = [10, 20, 50, 100, 200, 500]
left.set(xscale="log", yscale="log", ylim=(10, 900), title="Nodes in use")
left.set(xlabel="hidden nodes of the student", ylabel="nodes left after the cut")
left.set_yticks(ticks, ticks)
middle.set(xscale="log", yscale="log", title="Error after the cut")
middle.set(xlabel="hidden nodes of the student", ylabel="test MSE / variance of target")
for panel in (left, middle):
    panel.set_xticks(WIDTHS, WIDTHS)
    panel.minorticks_off()

bins = np.logspace(-6, 0, 37)
for kind in KINDS:
    shares = [
        np.clip(widest[kind, trial] / widest[kind, trial].max(), 1.2e-6, None)
        for trial in range(N_TRIALS)
    ]
    right.hist(
        np.concatenate(shares),
        bins,
        color=COLOURS[kind],
        label=f"{kind}, {N_TRIALS} students",
        **({"alpha": 0.7} if kind == "spectral" else {"histtype": "step", "lw": 1.8}),
    )
right.axvline(0.05, color="0.4", ls="--", lw=1)
right.text(0.04, 700, "5 %", ha="right", color="0.3")
right.set(xscale="log", yscale="log", ylim=(0.7, 5000))
right.set(title=f"Relevance, students of {WIDTHS[-1]} nodes")
right.set(xlabel="R / max R (first bar: 1e-6 and below)", ylabel="number of nodes")
right.legend(loc="upper center")
plt.show()

# %%
# What was seen
# -------------
# From 50 nodes on the spectral students keep about as many nodes as the teacher has,
# however wide they were, and nothing is lost by the cut. The histogram says why: all
# nodes are either within two decades of the largest or at zero; between them there is
# nothing.
#
# The dense students have a smaller error while they are whole, several times smaller at
# some widths, though both are below a thousandth of the variance from 50 nodes on. The
# penalty thins them too: on both layers of a ReLU network it favours few paths. But it
# stops at more than twice the teacher, many nodes lie between alive and dead, and from
# 100 nodes on the cut at 5 % makes the error many times larger.
#
# **Where it fails.** A student hardly wider than the teacher gets stuck: of 25 nodes it
# kills some that it needs, and its error is tens of times that of the wider ones. The
# core is a property of a generous width. And "20" is the answer for noiseless data;
# with noise, or on real tables, the core is what the penalty `alpha` pays for.
