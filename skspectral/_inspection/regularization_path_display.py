"""Figure of the regularization path."""

import numpy as np

from skspectral._inspection.plotting import (
    BLUE,
    CYCLE,
    GREY,
    add_legend,
    new_axes,
    plain_ticks,
)
from skspectral._inspection.regularization_paths import regularization_path

__all__ = ["RegularizationPathDisplay"]

DECADES = 4  # of R that are drawn, below the largest; dead nodes leave the frame


class RegularizationPathDisplay:
    """Relevance of every node, size of the core and score against `alpha`.

    Three panels, one above the other. Build it with :meth:`from_estimator`, or with
    :meth:`from_path` from what :func:`~skspectral.regularization_path` returns.

    Parameters
    ----------
    alphas : ndarray of shape (n_alphas,)
        Ascending.
    relevances : list of ndarray of shape (n_alphas, width)
        By hidden layer.
    core_sizes : ndarray of shape (n_alphas, n_hidden_layers)
    train_scores : ndarray of shape (n_alphas,)
    val_scores : ndarray of shape (n_alphas,), default=None
        Scores on other rows. None draws no line.
    score_name : str, default="score"
        For the axis.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes, of shape (3,)
    figure_ : matplotlib Figure
    node_lines_ : list of list of Line2D
        A line per node, by layer.
    core_lines_ : list of Line2D
        By layer.
    score_lines_ : list of Line2D
        On the rows of the fit and, if there are any, on others.
    best_lines_ : list of Line2D
        The alpha of the best score on other rows, in each panel.

    See Also
    --------
    regularization_path : The numbers.

    Examples
    --------
    >>> from skspectral import RegularizationPathDisplay, SpectralMLPRegressor
    >>> from skspectral.datasets import make_teacher_student
    >>> X, y, teacher = make_teacher_student(2000, n_teacher_nodes=5, random_state=0)
    >>> reg = SpectralMLPRegressor(
    ...     hidden_layer_sizes=50, encoding="linear", random_state=0
    ... )
    >>> display = RegularizationPathDisplay.from_estimator(
    ...     reg, X, y, alphas=[1e-3, 1e-1]
    ... )
    >>> display.core_sizes[:, 0]
    array([5, 1])
    """

    def __init__(
        self,
        *,
        alphas,
        relevances,
        core_sizes,
        train_scores,
        val_scores=None,
        score_name="score",
    ):
        self.alphas = alphas
        self.relevances = relevances
        self.core_sizes = core_sizes
        self.train_scores = train_scores
        self.val_scores = val_scores
        self.score_name = score_name

    @classmethod
    def from_path(cls, path, *, ax=None):
        """Draw what :func:`~skspectral.regularization_path` returned.

        Parameters
        ----------
        path : Bunch
        ax : array of three matplotlib Axes, default=None
            None makes a figure.

        Returns
        -------
        display : RegularizationPathDisplay
        """
        names = ("alphas", "relevances", "core_sizes", "train_scores", "val_scores")
        names += ("score_name",)
        return cls(**{name: path[name] for name in names}).plot(ax)

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        alphas=None,
        X_val=None,
        y_val=None,
        sample_weight=None,
        scoring=None,
        warm_start=True,
        order="increasing",
        ax=None,
    ):
        """Fit the path and draw it.

        Parameters
        ----------
        estimator, X, y, alphas, X_val, y_val, sample_weight, scoring, warm_start, order
            See :func:`~skspectral.regularization_path`.
        ax : array of three matplotlib Axes, default=None
            None makes a figure.

        Returns
        -------
        display : RegularizationPathDisplay
        """
        path = regularization_path(
            estimator,
            X,
            y,
            alphas=alphas,
            X_val=X_val,
            y_val=y_val,
            sample_weight=sample_weight,
            scoring=scoring,
            warm_start=warm_start,
            order=order,
        )
        return cls.from_path(path, ax=ax)

    def plot(self, ax=None, *, node_kw=None, line_kw=None):
        """Draw the path.

        Parameters
        ----------
        ax : array of three matplotlib Axes, default=None
            For relevance, core and score. None makes a figure.
        node_kw : dict, default=None
            Passed to ``Axes.plot`` for the lines of the nodes.
        line_kw : dict, default=None
            Passed to ``Axes.plot`` for core and score.

        Returns
        -------
        display : RegularizationPathDisplay

        Notes
        -----
        R is drawn down to 1e-4 of its largest; the line of a node that dies falls
        through the frame. Of a single alpha every node is a marker.
        """
        axes, self.figure_ = new_axes(ax, 3, 1, size=(5.0, 2.3), sharex=True)
        self.axes_ = axes
        above, middle, below = axes
        colours = [CYCLE[i % len(CYCLE)] for i in range(len(self.relevances))]
        floor = max(r.max() for r in self.relevances) / 10**DECADES
        marks = {"marker": "o", "ms": 4, "lw": 1.8}
        alone = {"marker": "o", "ms": 3} if len(self.alphas) == 1 else {}
        self.node_lines_, self.core_lines_ = [], []
        for index, (r, colour) in enumerate(zip(self.relevances, colours, strict=True)):
            style = {"color": colour, "lw": 0.8, "alpha": 0.6, **alone}
            style |= node_kw or {}
            # Zero has no logarithm: without the clip the line would end before it.
            self.node_lines_.append(
                above.plot(self.alphas, r.clip(floor / 1e3), **style)
            )
            style = {"color": colour, "label": f"hidden layer {index}", **marks}
            self.core_lines_ += middle.plot(
                self.alphas, self.core_sizes[:, index], **{**style, **(line_kw or {})}
            )
        above.set(yscale="log", xscale="log", ylim=(floor, None), ylabel="R of a node")
        middle.set(yscale="log", xscale="log", ylabel="nodes of core")
        plain_ticks(middle.yaxis)
        if len(self.relevances) > 1:
            add_legend(middle, len(self.relevances), above=ax is None)
        self.score_lines_, self.best_lines_ = [], []
        scores = (
            ("rows of the fit", self.train_scores),
            ("other rows", self.val_scores),
        )
        for (label, score), colour in zip(scores, (GREY, BLUE), strict=True):
            if score is None:
                continue
            style = {"color": colour, "label": label, **marks, **(line_kw or {})}
            self.score_lines_ += below.plot(self.alphas, score, **style)
        below.set(
            xscale="log",
            xlabel="alpha, strength of the penalty",
            ylabel=self.score_name,
        )
        if self.val_scores is not None:
            best = self.alphas[np.argmax(self.val_scores)]
            label = f"best, alpha = {best:.2g}"
            style = {"color": "k", "ls": "--", "lw": 1.2, "zorder": 1, "label": label}
            self.best_lines_ = [panel.axvline(best, **style) for panel in axes]
        add_legend(below, 3, above=ax is None)
        return self
