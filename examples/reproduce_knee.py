"""Claim 4: below the teacher's size the error rises, and the width does not matter.

Nodes of the students of claim 2 are removed from the least relevant on, without any
further training, and what they still emit is folded into the next layer. Drawn is the
rise of the test error over that of the whole student, in units of the variance of the
targets, against the nodes kept. For the "second-order phase transition that bears
universality traits" an exponential and a power law are fitted to the rise below the
teacher's size and compared by Akaike's criterion. The same for cores that are folded
first, so that their nodes are kinks. Beside them the teachers themselves, which nothing
trained, with their nodes removed at random and the least relevant first.
"""

import numpy as np
from _reproduction import arguments, mean_and_sd, save, table
from _students import gather, rows_of
from matplotlib import pyplot as plt
from scipy.optimize import curve_fit

from skspectral.datasets import make_teacher_student

KINDS = ("spectral (ours)", "spectral (paper)", "dense (ours)", "dense (paper)")
SHOWN = [(kind, False) for kind in KINDS]
SHOWN[1:1] = [("spectral (ours)", True)]
SHOWN[3:3] = [("spectral (paper)", True)]


def rise(measurement, is_folded=False):
    """Nodes kept, and the rise of the error over that of the whole network.

    Nodes are sorted by path relevance; those of the student, or of its folded core.
    """
    errors = np.array(measurement["errors folded" if is_folded else "errors by path"])
    kept = np.array(measurement["kept folded" if is_folded else "kept"])
    return kept, np.abs(errors - errors[-1])


def named(kind, is_folded):
    return f"{kind}, folded" if is_folded else kind


def rise_at(measurement, n, is_folded=False):
    kept, delta = rise(measurement, is_folded)
    return delta[min(np.searchsorted(kept, n), len(kept) - 1)]


def exponential(x, log_a, b):
    return log_a - b * x


def power(x, log_a, gamma):
    return log_a + gamma * np.log(1 - x)


def compare_laws(x, log_delta):
    """Parameters with standard errors and AIC of both laws, on a log scale.

    x is nodes kept over the teacher's, below 1: ``a exp(-b x)`` and ``a (1 - x)^g``.
    """
    found = {}
    for name, law in (("exponential", exponential), ("power law", power)):
        best, covariance = curve_fit(law, x, log_delta, p0=(0.0, 1.0))
        residual = log_delta - law(x, *best)
        aic = len(x) * np.log(np.mean(residual**2)) + 2 * len(best)
        found[name] = best, np.sqrt(np.diag(covariance)), aic, residual.std()
    return found


def teachers_alone(n_nodes, order, seeds=(0, 1, 2)):
    """Exponent of the power law, and rise at half the nodes, of untouched teachers.

    Returns
    -------
    ndarray of shape (2, 2), mean over teachers
        Exponent; percent of the variance. As it is; with the mean of the output kept,
        that is with what the removed nodes emit on average folded into the output.
    """
    found = []
    for seed in seeds:
        X, y, truth = make_teacher_student(
            10_000, n_teacher_nodes=n_nodes, random_state=seed
        )
        a = np.maximum(X @ truth.weights[0], 0)
        orders = [np.linalg.norm(truth.weights[0], axis=0).argsort()]
        if order == "at random":
            rng = np.random.default_rng(seed)
            orders = [rng.permutation(n_nodes) for _ in range(20)]
        missing = np.arange(1, n_nodes) / n_nodes
        for removed in orders:
            lost = a[:, removed].cumsum(1)[:, :-1]
            rises = np.array([(lost**2).mean(0), lost.var(0)]) / y.var()
            slopes = [np.polyfit(np.log(missing), np.log(r), 1)[0] for r in rises]
            found.append([slopes, 100 * rises[:, n_nodes // 2 - 1]])
    return np.mean(found, axis=0)


def main():
    options = arguments(__doc__)
    rows, teachers, widths, suffix = rows_of(options, KINDS)

    lines = []
    for kind, is_folded in SHOWN:
        for t in teachers:
            for h in (h for h in widths if h >= 2 * t):
                own = gather(rows, kind, t, h)
                if not own:
                    continue
                cells = []
                for n in (int(0.5 * t), int(0.75 * t), t, int(1.25 * t)):
                    values = [100 * rise_at(m, n, is_folded) for m in own]
                    mean, sd = mean_and_sd(values)
                    cells.append(f"{mean:.3g} ± {sd:.2g}")
                worst = max(100 * rise_at(m, t, is_folded) for m in own)
                name = named(kind, is_folded)
                lines.append([name, t, h, len(own), *cells, f"{worst:.2g}"])
    header = ["network", "teacher", "h", "runs"]
    header += [f"{f} h_T" for f in ("0.5", "0.75", "1", "1.25")] + ["largest at h_T"]
    text = "Rise of the error in percent of the variance, by path relevance\n\n"
    text += table(header, lines)

    lines = []
    for kind, is_folded in SHOWN:
        x, y = [], []
        for t in teachers:
            for h in (h for h in widths if h >= 2 * t):
                for m in gather(rows, kind, t, h):
                    kept, delta = rise(m, is_folded)
                    below = (kept < t) & (delta > 0)
                    x += list(kept[below] / t)
                    y += list(np.log(delta[below]))
        if len(x) < 5:
            continue
        for name, fit in compare_laws(np.array(x), np.array(y)).items():
            (a, b), (sa, sb), aic, residual = fit
            lines.append(
                [
                    named(kind, is_folded),
                    name,
                    f"{np.exp(a):.3g} x/÷ {np.exp(sa):.3g}",
                    f"{b:.3f} ± {sb:.3f}",
                    f"{residual:.2f}",
                    f"{aic:.0f}",
                ]
            )
    header = ["network", "law", "factor", "exponent", "residual of log", "AIC"]
    text += "\n\n" + table(header, lines)

    lines = []
    for t in teachers:
        for order in ("at random", "least relevant first"):
            exponents, rises = teachers_alone(t, order)
            cells = [f"{e:.2f}" for e in exponents] + [f"{r:.0f}" for r in rises]
            lines.append([t, order, *cells])
    header = ["teacher", "nodes removed", "exponent", "mean of the output kept"]
    header += ["rise at 0.5 h_T", "mean kept"]
    text += "\n\nTeachers themselves, no student\n\n" + table(header, lines)
    save(options, f"knee{suffix}", draw(rows, teachers, widths), text)


def draw(rows, teachers, widths):
    """Ours above, the paper below; the widths for one teacher, and all teachers."""
    order = [*SHOWN[:2], ("dense (ours)", False), *SHOWN[2:4], ("dense (paper)", False)]
    figure, axes = plt.subplots(4, 3, figsize=(10, 12), sharey=True)
    colours = plt.get_cmap("viridis")(np.linspace(0, 0.9, len(widths)))
    largest = 20 if 20 in teachers else teachers[-1]  # the one with most widths

    def curve(ax, own, t, nodes, is_folded, **style):
        n = np.arange(1, 2 * t + 1)
        deltas = [[rise_at(m, k, is_folded) for k in n] for m in own]
        ax.plot(nodes(n), np.mean(deltas, axis=0) + 1e-9, **style)

    for place, (kind, is_folded) in enumerate(order):
        upper, lower = axes[2 * (place // 3) :, place % 3][:2]
        for h, colour in zip(widths, colours, strict=True):
            own = gather(rows, kind, largest, h)
            if h >= 2 * largest and own:
                style = {"color": colour, "label": f"h = {h}"}
                curve(upper, own, largest, lambda n: n - largest, is_folded, **style)
        for t, marker in zip(teachers, "osv^", strict=False):
            own = [m for h in widths if h >= 2 * t for m in gather(rows, kind, t, h)]
            if own:
                style = {"marker": marker, "markersize": 3, "label": f"teacher of {t}"}
                curve(lower, own, t, lambda n, t=t: n / t, is_folded, **style)
        upper.axvline(0, color="black", linewidth=0.8)
        lower.axvline(1, color="black", linewidth=0.8)
        upper.set(title=named(kind, is_folded), xlabel=f"nodes kept - {largest}")
        lower.set(xlabel="nodes kept / teacher's nodes")
    axes[0, 0].set(yscale="log", ylim=(1e-7, 4))
    for ax in axes[:, 0]:
        ax.set_ylabel("rise of test error / variance of y")
    for ax in axes[:2, 0]:
        ax.legend(frameon=False, fontsize=8)
    figure.tight_layout()
    return figure


if __name__ == "__main__":
    main()
