"""Figure of the pruning curve."""

import numpy as np

from skspectral._inspection.plotting import (
    BLUE,
    GREY,
    ORANGE,
    add_legend,
    new_axes,
    plain_ticks,
)
from skspectral._inspection.pruning_curves import pruning_curve

__all__ = ["PruningCurveDisplay"]

STYLES = {  # in the order of drawing: later lines cover earlier ones
    "random": {"label": "at random, median and range", "color": GREY, "lw": 1.8},
    "path": {"label": "by path relevance", "color": ORANGE, "lw": 3.2},
    "R": {"label": "by R", "color": BLUE, "lw": 1.6},
}
R2_FLOOR = -0.3  # lowest R2 drawn: below 0 the mean of the targets does better


class PruningCurveDisplay:
    """Score against the number of nodes kept, a line per ranking.

    Build it with :meth:`from_estimator`, or with :meth:`from_curve` from what
    :func:`~skspectral.pruning_curve` returns.

    Parameters
    ----------
    n_nodes : ndarray of shape (n_points,)
        Numbers of nodes kept.
    scores : dict of ndarray
        Scores by ranking: ``"R"`` and ``"path"`` of shape (n_points,), ``"random"`` of
        shape (n_random, n_points).
    full_score : float, default=None
        Score of the whole network. None draws no line.
    core_size : int, default=None
        Nodes of the core. None draws no line.
    score_name : str, default="score"
        For the axis.
    layer : int, default=None
        Index of the hidden layer that is cut, for the axis. None names no layer.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : dict of Line2D
        By ranking; for ``"random"`` the median.
    fill_between_ : PolyCollection or None
        Range over the random orders.
    core_line_, full_line_ : Line2D or None

    See Also
    --------
    pruning_curve : The numbers.
    RelevanceDisplay : The relevance behind the ranking.

    Examples
    --------
    >>> from skspectral import PruningCurveDisplay, SpectralMLPRegressor
    >>> from skspectral.datasets import make_teacher_student
    >>> X, y, teacher = make_teacher_student(2000, n_teacher_nodes=5, random_state=0)
    >>> reg = SpectralMLPRegressor(
    ...     hidden_layer_sizes=50, encoding="linear", random_state=0
    ... ).fit(X, y)
    >>> display = PruningCurveDisplay.from_estimator(reg, X, y, random_state=0)
    >>> display.core_size, sorted(display.lines_)
    (5, ['R', 'path', 'random'])
    """

    def __init__(
        self,
        *,
        n_nodes,
        scores,
        full_score=None,
        core_size=None,
        score_name="score",
        layer=None,
    ):
        self.n_nodes = n_nodes
        self.scores = scores
        self.full_score = full_score
        self.core_size = core_size
        self.score_name = score_name
        self.layer = layer

    @classmethod
    def from_curve(cls, curve, *, log=True, ax=None):
        """Draw what :func:`~skspectral.pruning_curve` returned.

        Parameters
        ----------
        curve : Bunch
        log : bool, default=True
            See :meth:`plot`.
        ax : matplotlib Axes, default=None
            None makes a figure.

        Returns
        -------
        display : PruningCurveDisplay
        """
        names = ("n_nodes", "scores", "full_score", "core_size", "score_name")
        layer = curve.layer if curve.n_hidden_layers > 1 else None
        parts = {name: curve[name] for name in names}
        return cls(**parts, layer=layer).plot(ax, log=log)

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        sample_weight=None,
        n_nodes=None,
        relevance=("R", "path", "random"),
        layer=-1,
        scoring=None,
        n_random=5,
        random_state=None,
        log=True,
        ax=None,
    ):
        """Compute the curve of a fitted estimator and draw it.

        Parameters
        ----------
        estimator, X, y, sample_weight, n_nodes, relevance, layer, scoring, n_random, \
random_state
            See :func:`~skspectral.pruning_curve`.
        log : bool, default=True
            See :meth:`plot`.
        ax : matplotlib Axes, default=None
            None makes a figure.

        Returns
        -------
        display : PruningCurveDisplay
        """
        curve = pruning_curve(
            estimator,
            X,
            y,
            sample_weight=sample_weight,
            n_nodes=n_nodes,
            relevance=relevance,
            layer=layer,
            scoring=scoring,
            n_random=n_random,
            random_state=random_state,
        )
        return cls.from_curve(curve, log=log, ax=ax)

    def plot(self, ax=None, *, log=True, line_kw=None, fill_between_kw=None):
        """Draw the curve.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a figure.
        log : bool, default=True
            Whether the axis of nodes is logarithmic.
        line_kw : dict, default=None
            Passed to ``Axes.plot`` for the lines.
        fill_between_kw : dict, default=None
            Passed to ``Axes.fill_between`` for the band of the random orders.

        Returns
        -------
        display : PruningCurveDisplay

        Notes
        -----
        R2 is drawn from -0.3: below 0 the mean of the targets would do better. A curve
        of one point is drawn as markers, and the range of the random orders as a bar.
        """
        (panel,), self.figure_ = new_axes(ax)
        self.ax_ = panel
        self.lines_, self.fill_between_ = {}, None
        lowest = []
        # A single point shows neither as a line nor as a band without an edge.
        alone = len(self.n_nodes) == 1
        for kind, style in STYLES.items():
            if kind not in self.scores:
                continue
            score = np.asarray(self.scores[kind])
            if score.ndim == 2:
                band = {"color": style["color"], "alpha": 0.3, "lw": 4 if alone else 0}
                self.fill_between_ = panel.fill_between(
                    self.n_nodes,
                    score.min(0),
                    score.max(0),
                    **{**band, **(fill_between_kw or {})},
                )
                score = np.median(score, axis=0)
            mark = {"marker": "o", "ms": 3 * style["lw"]} if alone else {}
            style = {**style, **mark, **(line_kw or {})}
            (line,) = panel.plot(self.n_nodes, score, **style)
            self.lines_[kind] = line
            lowest.append(score.min())
        self.core_line_ = self.full_line_ = None
        if self.full_score is not None:
            self.full_line_ = panel.axhline(
                self.full_score, color="k", lw=0.8, ls=":", label="whole network"
            )
        if self.core_size is not None:
            number = self.core_size
            label = f"core: {number} node{'s' * (number != 1)}"
            self.core_line_ = panel.axvline(
                self.core_size, color="k", lw=1.2, ls="--", label=label
            )
        if self.score_name == "R²" and min(lowest) < R2_FLOOR:
            panel.set_ylim(R2_FLOOR, 1.05)
        of_layer = "" if self.layer is None else f" of hidden layer {self.layer}"
        panel.set(xlabel=f"nodes kept{of_layer}", ylabel=self.score_name)
        if log:
            panel.set_xscale("log")
            plain_ticks(panel.xaxis)
        handles = [*reversed(self.lines_.values()), self.full_line_, self.core_line_]
        handles = [handle for handle in handles if handle is not None]
        add_legend(panel, 2, above=ax is None, handles=handles)
        return self
