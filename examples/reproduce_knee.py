"""Claim 4: below the teacher's size the error rises, and the width does not matter.

Nodes of the students of claim 2 are removed from the least relevant on, without any
further training, and what they still emit is folded into the next layer. Drawn is the
rise of the test error over that of the whole student, in units of the variance of the
targets, against the nodes kept. For the "second-order phase transition that bears
universality traits" an exponential and a power law are fitted to the rise below the
teacher's size and compared by Akaike's criterion. The same for cores that are folded
first, so that their nodes are kinks.
"""

import numpy as np
from _reproduction import arguments, mean_and_sd, save, table
from _students import gather, rows_of
from matplotlib import pyplot as plt
from scipy.optimize import curve_fit

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
    save(options, f"knee{suffix}", draw(rows, teachers, widths), text)


def draw(rows, teachers, widths):
    figure, axes = plt.subplots(
        *(2, len(SHOWN)),
        figsize=(3.4 * len(SHOWN), 6.4),
        squeeze=False,
        sharex="row",
        sharey=True,
    )
    colours = plt.get_cmap("viridis")(np.linspace(0, 0.9, len(widths)))
    largest = 20 if 20 in teachers else teachers[-1]  # the one with most widths
    for column, (kind, is_folded) in enumerate(SHOWN):
        for h, colour in zip(widths, colours, strict=True):
            own = gather(rows, kind, largest, h)
            if h < 2 * largest or not own:
                continue
            curves = [rise(m, is_folded) for m in own]
            n = min((c[0][:-1] for c in curves), key=len)
            mean = np.mean([delta[: len(n)] for _, delta in curves], axis=0)
            label = f"h = {h}"
            axes[0, column].plot(n - largest, mean + 1e-9, color=colour, label=label)
        for t, marker in zip(teachers, "osv^", strict=False):
            own = [m for h in widths if h >= 2 * t for m in gather(rows, kind, t, h)]
            if not own:
                continue
            curves = [rise(m, is_folded) for m in own]
            n = min((c[0][:-1] for c in curves), key=len)
            mean = np.mean([delta[: len(n)] for _, delta in curves], axis=0)
            axes[1, column].plot(
                n / t, mean + 1e-9, marker=marker, markersize=3, label=f"teacher of {t}"
            )
        axes[0, column].axvline(0, color="black", linewidth=0.8)
        axes[1, column].axvline(1, color="black", linewidth=0.8)
        axes[0, column].set(
            yscale="log",
            ylim=(1e-7, 2),
            title=named(kind, is_folded),
            xlabel=f"nodes kept - {largest}",
        )
        axes[1, column].set(yscale="log", xlabel="nodes kept / teacher's nodes")
    for line in axes:
        line[0].set_ylabel("rise of test error / variance of y")
        line[0].legend(frameon=False, fontsize=8)
    figure.tight_layout()
    return figure


if __name__ == "__main__":
    main()
