"""Axes, ticks and colours of the figures; matplotlib is imported with the first."""

import numpy as np

__all__ = [
    "BLUE",
    "CYCLE",
    "GREY",
    "ORANGE",
    "add_legend",
    "few_ticks",
    "new_axes",
    "plain_ticks",
]

# Colours of Okabe and Ito, safe for the colour-blind; grey for nodes outside the core.
BLUE = "#0072B2"
ORANGE = "#D55E00"
GREEN = "#009E73"
GREY = "0.55"
CYCLE = (BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00")


def new_axes(ax, n_rows: int = 1, n_columns: int = 1, size=(5.0, 3.6), **shared):
    """Return an array of axes and their figure: the given axes, else new ones."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "plotting needs matplotlib, which is not installed. Install it with "
            "pip install skspectral[plot]."
        ) from error
    n_axes = n_rows * n_columns
    if ax is None:
        figure, axes = plt.subplots(
            n_rows,
            n_columns,
            figsize=(size[0] * n_columns, size[1] * n_rows),
            layout="constrained",
            squeeze=False,
            **shared,
        )
        return axes.ravel(), figure
    axes = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
    if len(axes) != n_axes:
        raise ValueError(
            f"`ax` must hold one axes per panel, {n_axes}; got {len(axes)}. Leave it "
            "out for a new figure."
        )
    return axes, axes[0].figure


def plain_ticks(axis) -> None:
    """Show the ticks of a logarithmic axis as plain numbers: 1, 2, 5, 10."""
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    axis.set_major_locator(LogLocator(10, subs=(1.0, 2.0, 5.0), numticks=8))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_locator(NullLocator())


def few_ticks(axis) -> None:
    """Label 1, 2 and 5 of each decade of a logarithmic axis, and no others."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axis.set_major_locator(LogLocator(10, subs=(1.0, 2.0, 5.0), numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0e}"))
    axis.set_minor_locator(NullLocator())


def add_legend(panel, n_columns: int, *, above: bool, handles=None) -> None:
    """Draw the legend above the frame, where it hides no data, or else inside.

    Axes that the caller passed may have a title, or a neighbour, above their frame.
    """
    handles = handles or panel.get_legend_handles_labels()[0]
    if not above:
        panel.legend(handles=handles, loc="best", fontsize="small", handlelength=1.3)
        return
    panel.legend(
        handles=handles,
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=n_columns,
        frameon=False,
        handlelength=1.3,
        columnspacing=1.0,
        borderaxespad=0.2,
    )
