"""Figure of the choice of alpha: score and core against alpha, over folds."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skspectral._inspection.plotting import (
    BLUE,
    CYCLE,
    GREY,
    add_legend,
    few_ticks,
    new_axes,
    plain_ticks,
)
from skspectral._selection import lowest_allowed

__all__ = ["AlphaChoiceDisplay"]


class AlphaChoiceDisplay:
    """Score and size of the core against `alpha`, with the choices marked.

    Two panels, one above the other: the mean over the folds, and a faint line for each
    fold. Build it with :meth:`from_estimator`.

    Parameters
    ----------
    alphas : ndarray of shape (n_alphas,)
        Ascending.
    encodings : list of str
    scores : ndarray of shape (n_encodings, n_alphas, n_folds)
        NaN where a candidate was not tried.
    core_sizes : ndarray of shape (n_encodings, n_alphas, n_folds)
        Nodes of the core, of all hidden layers.
    chosen : tuple of (str, float)
        Encoding and alpha.
    score_name : str, default="score"
        For the axis.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes, of shape (2,)
    figure_ : matplotlib Figure
    score_lines_, core_lines_ : list of Line2D
        The means, by encoding.
    fold_lines_ : list of Line2D
    choice_lines_ : dict from str to list of Line2D
        A line in each panel: ``"best"``, and ``"one_standard_error"`` where the scores
        of all folds tell it.

    See Also
    --------
    SpectralMLPRegressorCV : Makes the choice.

    Examples
    --------
    >>> from skspectral import AlphaChoiceDisplay, SpectralMLPRegressorCV
    >>> from skspectral.datasets import make_teacher_student
    >>> X, y, teacher = make_teacher_student(500, n_teacher_nodes=5, random_state=0)
    >>> reg = SpectralMLPRegressorCV(
    ...     alphas=[1e-3, 1e-1], cv=3, hidden_layer_sizes=20, random_state=0
    ... ).fit(X, y)
    >>> display = AlphaChoiceDisplay.from_estimator(reg)
    >>> display.alphas.tolist()
    [0.001, 0.1]
    """

    def __init__(
        self, *, alphas, encodings, scores, core_sizes, chosen, score_name="score"
    ):
        self.alphas = alphas
        self.encodings = encodings
        self.scores = scores
        self.core_sizes = core_sizes
        self.chosen = chosen
        self.score_name = score_name

    @classmethod
    def from_estimator(cls, estimator, *, ax=None):
        """Draw the choice that a fitted estimator has made.

        Parameters
        ----------
        estimator : SpectralMLPRegressorCV, SpectralMLPClassifierCV, or an ensemble
            Fitted. An ensemble must have made a choice, its `choice_`.
        ax : array of two matplotlib Axes, default=None
            None makes a figure.

        Returns
        -------
        display : AlphaChoiceDisplay

        Raises
        ------
        TypeError
            If the estimator makes no choice.
        """
        check_is_fitted(estimator)
        estimator = getattr(estimator, "choice_", estimator)
        if not hasattr(estimator, "scores_path_"):
            raise TypeError(
                "`estimator` must have chosen alpha on folds, as "
                "SpectralMLPRegressorCV and SpectralMLPClassifierCV do; got "
                f"{type(estimator).__name__}. For one at a given alpha see "
                "RegularizationPathDisplay."
            )
        return cls(
            alphas=estimator.alphas_,
            encodings=estimator.encodings_,
            scores=estimator.scores_path_,
            core_sizes=estimator.core_sizes_path_.sum(-1),
            chosen=(estimator.encoding_, estimator.alpha_),
            score_name=estimator.score_name_,
        ).plot(ax)

    def choices(self):
        """Return what each rule chooses among the scores.

        Returns
        -------
        dict from str to (str, float)
            Encoding and alpha. ``"one_standard_error"`` is there where a stronger alpha
            than the best was tried on all folds.
        """
        # Where candidates competed on the first fold, few were tried on the others.
        everywhere = ~np.isnan(self.scores).any(-1)
        on_all = self.scores.shape[-1] > 1 and everywhere.sum() > 1
        mean = self.scores.mean(-1) if on_all else self.scores[..., 0]
        best = np.unravel_index(np.nanargmax(mean), mean.shape)
        row, place = int(best[0]), int(best[1])
        encoding = self.encodings[row]
        found = {"best": (encoding, float(self.alphas[place]))}
        stronger = [i for i in range(place, len(self.alphas)) if everywhere[row, i]]
        if not on_all or len(stronger) < 2:
            return found
        lowest = lowest_allowed(self.scores[best][None])
        cores = self.core_sizes[row].sum(-1)
        allowed = [i for i in stronger if mean[row, i] >= lowest]
        smallest = min(allowed, key=lambda i: (cores[i], i))
        found["one_standard_error"] = (encoding, float(self.alphas[smallest]))
        return found

    def plot(self, ax=None, *, line_kw=None):
        """Draw score and core.

        Parameters
        ----------
        ax : array of two matplotlib Axes, default=None
            For score and core. None makes a figure.
        line_kw : dict, default=None
            Passed to ``Axes.plot`` for the means.

        Returns
        -------
        display : AlphaChoiceDisplay
        """
        axes, self.figure_ = new_axes(ax, 2, 1, size=(5.4, 2.7), sharex=True)
        self.axes_ = above, below = axes
        self.score_lines_, self.core_lines_, self.fold_lines_ = [], [], []
        panels = (
            (above, self.scores, self.score_lines_),
            (below, self.core_sizes, self.core_lines_),
        )
        for panel, values, lines in panels:
            for index, encoding in enumerate(self.encodings):
                colour = CYCLE[index % len(CYCLE)]
                own = values[index]
                tried = ~np.isnan(own).all(-1)
                if own.shape[-1] > 1:
                    faint = {"color": colour, "lw": 0.7, "alpha": 0.35}
                    self.fold_lines_ += panel.plot(
                        self.alphas[tried], own[tried], marker=".", ms=3, **faint
                    )
                style = {"color": colour, "marker": "o", "ms": 4, "lw": 1.8}
                style |= {"label": f"encoding={encoding!r}"} | (line_kw or {})
                mean = np.nanmean(own[tried], axis=-1)
                lines += panel.plot(self.alphas[tried], mean, **style)
        above.set(xscale="log", ylabel=self.score_name)
        below.set(
            xscale="log",
            yscale="log",
            xlabel="alpha, strength of the penalty",
            ylabel="nodes of core",
        )
        plain_ticks(below.yaxis)
        few_ticks(below.xaxis)
        self.choice_lines_ = {}
        styles = {"best": (GREY, "--"), "one_standard_error": (BLUE, ":")}
        for rule, (_, alpha) in self.choices().items():
            colour, dashes = styles[rule]
            label = f"{rule.replace('_', ' ')}, alpha = {alpha:.2g}"
            self.choice_lines_[rule] = [
                panel.axvline(
                    alpha, color=colour, ls=dashes, lw=1.4, zorder=1, label=label
                )
                for panel in axes
            ]
        add_legend(above, 2, above=ax is None)
        return self
