"""Figure of what the nodes of a network do with the columns."""

import numpy as np

from skspectral._inspection.node_functions import node_functions
from skspectral._inspection.plotting import BLUE, CYCLE, GREY, new_axes

__all__ = ["NodeDisplay"]

MOST_LINES = 5  # nodes in one panel
MOST_NAMES = 12  # categories whose names fit below a panel


class NodeDisplay:
    """What nodes of the first hidden layer do with single columns.

    Each panel draws the function that a node adds up of one column, in raw units, above
    the distribution of that column. Build it with :meth:`from_estimator`.

    Parameters
    ----------
    functions : Bunch
        Of :func:`node_functions`.
    nodes : list of int
        Places in ``functions.nodes`` of those to draw.
    columns : list of int
        The columns to draw.
    together : bool
        Whether the nodes share the panel of a column; else each has a row of panels.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes, of shape (n_rows, n_columns)
    figure_ : matplotlib Figure

    See Also
    --------
    node_functions : The numbers.
    RelevanceDisplay : How much each node matters.
    sklearn.inspection.PartialDependenceDisplay : What a whole model does with a column,
        on average.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skspectral import NodeDisplay, SpectralMLPRegressor
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> reg = SpectralMLPRegressor(random_state=0).fit(X, y)
    >>> NodeDisplay.from_estimator(reg, X, n_columns=3).axes_.shape
    (1, 3)
    """

    def __init__(self, *, functions, nodes, columns, together=False):
        self.functions = functions
        self.nodes = nodes
        self.columns = columns
        self.together = together

    @classmethod
    def from_estimator(cls, estimator, X, *, node=0, column=None, n_columns=4, ax=None):
        """Draw what nodes do with the columns that matter most to them.

        Parameters
        ----------
        estimator : fitted SpectralMLPRegressor or SpectralMLPClassifier
        X : {array-like, frame, sparse matrix} of shape (n_samples, n_features)
            Rows whose columns are drawn, those of `fit` as a rule.
        node : int, sequence of int or "all", default=0
            Ranks of the nodes to draw: 0 moves the outputs most. Several have a row
            each; with one `column`, up to five share a panel. ``"all"``: the core.
        column : int, str or sequence of them, default=None
            Columns to draw. None: the `n_columns` that move these nodes most.
        n_columns : int, default=4
            Number of columns, where `column` names none.
        ax : matplotlib Axes or array of them, default=None
            One per panel. None makes a figure.

        Returns
        -------
        display : NodeDisplay

        Raises
        ------
        TypeError, NotFittedError, ValueError
            For an estimator without hidden nodes, or a node or column that it has not.
        """
        functions = node_functions(estimator, X)
        n_nodes = len(functions.nodes)
        nodes = range(n_nodes) if isinstance(node, str) and node == "all" else node
        nodes = [int(n) for n in np.atleast_1d(nodes)]
        odd = [n for n in nodes if not 0 <= n < n_nodes]
        if odd:
            raise ValueError(
                f"`node` must be ranks below {n_nodes}, the nodes of the core, or "
                f"'all'; got node={odd[0]!r}. 0 is the one that moves the outputs most."
            )
        if column is None:
            total = np.linalg.norm(functions.spread[nodes], axis=0)
            columns = np.argsort(-total, kind="stable")[: int(n_columns)].tolist()
        else:
            columns = [_place(c, functions.columns) for c in _as_list(column)]
        together = column is not None and len(columns) == 1 and 1 < len(nodes)
        together &= len(nodes) <= MOST_LINES
        return cls(
            functions=functions, nodes=nodes, columns=columns, together=together
        ).plot(ax)

    def plot(self, ax=None):
        """Draw the panels.

        Parameters
        ----------
        ax : matplotlib Axes or array of them, default=None
            One per panel. None makes a figure.

        Returns
        -------
        display : NodeDisplay
        """
        rows = [self.nodes] if self.together else [[node] for node in self.nodes]
        n_rows, n_columns = len(rows), len(self.columns)
        many = n_rows > 3
        alone = n_rows * n_columns == 1
        size = (2.3, 1.25) if many else (5.0, 3.6) if alone else (3.0, 2.6)
        axes, self.figure_ = new_axes(ax, n_rows, n_columns, size, sharey="row")
        self.axes_ = axes.reshape(n_rows, n_columns)
        for number, (nodes, panels) in enumerate(zip(rows, self.axes_, strict=True)):
            for c, panel in zip(self.columns, panels, strict=True):
                self._draw(panel, self.functions.columns[c], nodes)
                if number == n_rows - 1:
                    panel.set_xlabel(self.functions.columns[c].name)
                else:
                    panel.tick_params(labelbottom=False)
            self._label(panels[0], nodes, many)
            bottom, top = self._ends(panels, nodes)
            for c, panel in zip(self.columns, panels, strict=True):
                self._draw_distribution(panel, self.functions.columns[c], bottom, top)
            panels[0].set_ylim(bottom - 0.25 * (top - bottom), top)
        return self

    def _draw(self, panel, column, nodes) -> None:
        panel.axhline(0, color="0.85", linewidth=0.8, zorder=0)
        for place, node in enumerate(nodes):
            colour = CYCLE[place % len(CYCLE)] if len(nodes) > 1 else BLUE
            values, label = column.values[node], f"node {node}"
            if column.is_categorical:
                x = np.arange(len(values)) + 0.15 * (place - (len(nodes) - 1) / 2)
                panel.plot(x, values, "o", color=colour, markersize=4, label=label)
            else:
                panel.plot(column.points, values, color=colour, label=label)
        if column.is_categorical:
            few = len(column.points) <= MOST_NAMES
            ticks = range(len(column.points)) if few else []
            names = [str(column.points[t])[:12] for t in ticks]
            panel.set_xticks(list(ticks), names, rotation=90, fontsize="x-small")
        else:
            there = column.data[~np.isnan(column.data)]
            ends = np.quantile(there, [0.002, 0.998]) if len(there) else (0.0, 1.0)
            if ends[1] > ends[0]:
                margin = 0.03 * (ends[1] - ends[0])
                panel.set_xlim(ends[0] - margin, ends[1] + margin)
        if len(nodes) > 1:
            panel.legend(fontsize="small", frameon=False)

    def _ends(self, panels, nodes) -> tuple[float, float]:
        """Ends of the functions of a row where they are seen, with a margin."""
        seen = [np.zeros(1)]
        for c, panel in zip(self.columns, panels, strict=True):
            column = self.functions.columns[c]
            values = column.values[nodes]
            if not column.is_categorical:
                low, high = panel.get_xlim()
                inside = (column.points > low) & (column.points < high)
                x = np.r_[low, column.points[inside], high]
                values = [np.interp(x, column.points, own) for own in values]
            seen.append(np.ravel(values))
        values = np.concatenate(seen)
        bottom, top = float(values.min()), float(values.max())
        margin = 0.06 * (top - bottom) or 1.0
        return bottom - margin, top + margin

    def _label(self, panel, nodes, many) -> None:
        if len(nodes) > 1:
            panel.set_ylabel("adds to its node")
            return
        weight = self.functions.weight
        text = f"node {nodes[0]}"
        if weight is not None and weight.shape[1] == 1:
            text += " (+)" if weight[nodes[0], 0] > 0 else " (-)"
        panel.set_ylabel(text, fontsize="small" if many else None)

    def _draw_distribution(self, panel, column, bottom, top) -> None:
        """A histogram of the column, in the lowest fifth of the panel."""
        there = column.data[~np.isnan(column.data)]
        height = 0.2 * (top - bottom)
        floor = bottom - 0.25 * (top - bottom)
        if column.is_categorical:
            codes = there[there >= 0].astype(int)
            counts = np.bincount(codes, minlength=len(column.points)).astype(float)
            x, width = np.arange(len(counts)), 0.8
        else:
            low, high = panel.get_xlim()
            counts, edges = np.histogram(there.clip(low, high), 30, (low, high))
            x, width = edges[:-1], float(edges[1] - edges[0])
        share = counts / max(counts.max(initial=0), 1)
        align = "center" if column.is_categorical else "edge"
        panel.bar(
            x, height * share, width, floor, color=GREY, alpha=0.45, align=align, lw=0
        )


def _as_list(column) -> list:
    return [column] if isinstance(column, (str, int, np.integer)) else list(column)


def _place(column, columns) -> int:
    names = [own.name for own in columns]
    if isinstance(column, str) and column in names:
        return names.index(column)
    if not isinstance(column, str) and 0 <= column < len(names):
        return int(column)
    raise ValueError(
        f"`column` must name columns of X, {names[:8]}, or positions below "
        f"{len(names)}; got {column!r}. Leave it out for those that matter most."
    )
