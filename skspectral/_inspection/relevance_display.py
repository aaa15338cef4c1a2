"""Figure of the relevance of the hidden nodes."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skspectral._core import GAP_FLOOR, RELEVANCES, find_core
from skspectral._inspection.plotting import (
    BLUE,
    GREY,
    add_legend,
    new_axes,
    plain_ticks,
)
from skspectral._inspection.pruning_curves import check_spectral

__all__ = ["RelevanceDisplay"]


class RelevanceDisplay:
    """Histogram of the relevance of the hidden nodes, a panel per layer.

    Build it with :meth:`from_estimator`.

    Parameters
    ----------
    relevances : list of ndarray of shape (width,)
        R or path relevance of the nodes, by hidden layer.
    core_masks : list of ndarray of shape (width,), bool
        The nodes to keep.
    cuts : list of float or None
        Where each layer is cut, as a share of its largest relevance; None for a layer
        that keeps all nodes.
    relevance_name : str, default="R"
        For the axis.
    core_formed : bool, default=True
        False adds "still forming" to the legend: some nodes of the core are dying.
    column_names : list of str, default=None
        Columns of X that matter most, to be named below the first panel.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes, of shape (n_hidden_layers,)
    figure_ : matplotlib Figure
    bars_ : list of (BarContainer, BarContainer)
        Nodes of the core, and the others, by layer.
    lines_ : list of Line2D or None
        The cuts.

    See Also
    --------
    PruningCurveDisplay : The score that a cut costs.

    Notes
    -----
    On the logarithmic axis relevance below 1e-6 of the largest is drawn at 1e-6, as the
    cut at the gap treats it.

    References
    ----------
    .. [1] L. Giambagli, L. Buffoni, L. Chicchi, D. Fanelli, "How a student becomes a
       teacher", NeurIPS 2023, arXiv:2310.12612.

    Examples
    --------
    >>> from skspectral import RelevanceDisplay, SpectralMLPRegressor
    >>> from skspectral.datasets import make_teacher_student
    >>> X, y, teacher = make_teacher_student(2000, n_teacher_nodes=5, random_state=0)
    >>> reg = SpectralMLPRegressor(
    ...     hidden_layer_sizes=50, encoding="linear", random_state=0
    ... ).fit(X, y)
    >>> display = RelevanceDisplay.from_estimator(reg)
    >>> int(display.core_masks[0].sum())
    5
    """

    def __init__(
        self,
        *,
        relevances,
        core_masks,
        cuts,
        relevance_name="R",
        core_formed=True,
        column_names=None,
    ):
        self.relevances = relevances
        self.core_masks = core_masks
        self.cuts = cuts
        self.relevance_name = relevance_name
        self.core_formed = core_formed
        self.column_names = column_names

    @classmethod
    def from_estimator(
        cls, estimator, *, threshold="gap", relevance="R", log=True, ax=None
    ):
        """Draw the relevance of a fitted estimator.

        Parameters
        ----------
        estimator : SpectralMLPRegressor or SpectralMLPClassifier
            Fitted, with a hidden layer and a gate that defines a core.
        threshold : "gap" or float in [0, 1), default="gap"
            The cut, as in ``prune``; 0.05 is the paper's [1]_.
        relevance : {"R", "path"}, default="R"
            Which relevance, as in ``prune``.
        log : bool, default=True
            See :meth:`plot`.
        ax : matplotlib Axes or array of them, default=None
            One per hidden layer. None makes a figure.

        Returns
        -------
        display : RelevanceDisplay

        Raises
        ------
        TypeError, NotFittedError, ValueError
            For an estimator or a cut outside its rule.

        References
        ----------
        .. [1] L. Giambagli et al., "How a student becomes a teacher", NeurIPS 2023,
           arXiv:2310.12612.
        """
        check_spectral(estimator)
        check_is_fitted(estimator)
        network = estimator.to_torch().network
        if len(network.sizes) < 3:
            raise ValueError(
                "relevance belongs to hidden nodes; got a network without any "
                "(hidden_layer_sizes=()). Fit with hidden_layer_sizes=100, say."
            )
        core = find_core(
            network,
            threshold=threshold,
            relevance=relevance,
            is_core=estimator._is_core,
        )
        values = [r.numpy() for r in RELEVANCES[relevance](network)]
        masks = [mask.numpy() for mask in core.masks]
        cuts = [_cut(r, mask, threshold) for r, mask in zip(values, masks, strict=True)]
        name = "R" if relevance == "R" else "path relevance"
        return cls(
            relevances=values,
            core_masks=masks,
            cuts=cuts,
            relevance_name=name,
            core_formed=not core.forming,
            column_names=[name for name, _ in estimator._top_columns()],
        ).plot(ax, log=log)

    def plot(self, ax=None, *, log=True, core_kw=None, rest_kw=None):
        """Draw the histograms.

        Parameters
        ----------
        ax : matplotlib Axes or array of them, default=None
            One per hidden layer. None makes a figure.
        log : bool, default=True
            Whether the axis of relevance is logarithmic, four bins a decade, which
            shows the gap. False is the paper's, bins of 0.05. The numbers of nodes are
            logarithmic in both.
        core_kw, rest_kw : dict, default=None
            Passed to ``Axes.hist`` for the nodes of the core and for the others.

        Returns
        -------
        display : RelevanceDisplay
        """
        n_layers = len(self.relevances)
        axes, figure = new_axes(ax, 1, n_layers, sharey=True)
        self.axes_, self.figure_, self.bars_, self.lines_ = axes, figure, [], []
        decades = -np.log10(GAP_FLOOR)
        bins = np.linspace(0, 1, 21)
        if log:
            bins = 10 ** np.arange(-decades - 0.25, 0.125, 0.25)
        for index, (r, mask) in enumerate(
            zip(self.relevances, self.core_masks, strict=True)
        ):
            panel = axes[index]
            top = r.max()
            share = r / top if top > 0 else np.zeros_like(r)
            if log:
                share = share.clip(GAP_FLOOR * 0.9, 0.99)  # inside their bins
            core = "core" if self.core_formed else "core, still forming"
            kinds = ((core, mask, BLUE, core_kw), ("others", ~mask, GREY, rest_kw))
            bars = []
            for name, chosen, colour, kw in kinds:
                number = int(chosen.sum())
                style = {"color": colour, "edgecolor": "white", "linewidth": 0.6}
                if number:
                    style["label"] = f"{name}: {number} node{'s' * (number != 1)}"
                # A bin with nodes of both kinds shows the others on top of the core.
                below = np.histogram(share[mask], bins)[0] if bars else 0
                style = {"bottom": below, **style, **(kw or {})}
                bars.append(panel.hist(share[chosen], bins, **style)[2])
            self.bars_.append(tuple(bars))
            self._finish(panel, index, log)
            add_legend(panel, 3, above=ax is None)
        return self

    def _finish(self, panel, index, log) -> None:
        cut = self.cuts[index]
        line = None
        if cut is not None:
            label = f"cut at {cut:.2g}"
            line = panel.axvline(max(cut, GAP_FLOOR), color="k", ls="--", label=label)
        self.lines_.append(line)
        n_layers = len(self.relevances)
        node = f"a node of hidden layer {index}" if n_layers > 1 else "a hidden node"
        name = self.relevance_name
        label = f"{name} / max {name} of {node}"
        if self.column_names and index == 0:
            label += f"\ncolumns that matter most: {', '.join(self.column_names[:3])}"
        panel.set(
            yscale="log",
            xlabel=label,
            ylabel="number of nodes" if index == 0 else None,
        )
        widest = max(len(r) for r in self.relevances)  # the panels share their axis
        panel.set_ylim(bottom=0.6, top=1.5 * widest)
        plain_ticks(panel.yaxis)
        if log:
            panel.set_xscale("log")
            panel.set_xticks([1e-6, 1e-4, 1e-2, 1], ["≤1e-6", "1e-4", "0.01", "1"])
            panel.minorticks_off()


def _cut(r: np.ndarray, mask: np.ndarray, threshold) -> float | None:
    """Return where a histogram shows the cut, as a share of the largest relevance."""
    if not isinstance(threshold, str):
        return float(threshold)
    if mask.all() or not r.max() > 0:
        return None
    share = (r / r.max()).clip(GAP_FLOOR)
    return float(np.sqrt(share[mask].min() * share[~mask].max()))
