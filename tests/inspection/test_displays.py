"""Figures: what they draw is what the estimator says."""

import builtins

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge

from skspectral import (
    PruningCurveDisplay,
    RegularizationPathDisplay,
    RelevanceDisplay,
    SpectralMLPClassifier,
    SpectralMLPRegressor,
    SpectralPruner,
    pruning_curve,
    regularization_path,
)
from skspectral._core import Core
from skspectral._core.cuts import NAMED_CUTS
from skspectral.datasets import make_teacher_student

plt = pytest.importorskip("matplotlib.pyplot")
pytestmark = pytest.mark.filterwarnings("ignore:the core is still forming")
X, Y, _ = make_teacher_student(1000, n_teacher_nodes=5, random_state=0)
QUICK = {"max_iter": 5, "random_state": 0}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def teacher():
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=40, random_state=0
    )
    return model.fit(X, Y)


@pytest.fixture(scope="module")
def deep():
    return SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=(8, 6), **QUICK
    ).fit(X, Y)


def heights(bars):
    return np.array([bar.get_height() for bar in bars])


def draws(figure):
    figure.canvas.draw()
    return figure


@pytest.mark.parametrize("log", [True, False])
def test_bars_count_the_core_and_the_others(teacher, log):
    display = RelevanceDisplay.from_estimator(teacher, log=log)
    (core, others), (panel,) = display.bars_[0], display.axes_
    mask = teacher.core_mask_
    assert heights(core).sum() == mask.sum() < 40
    assert heights(others).sum() == (~mask).sum()
    r = teacher.feature_relevance_ / teacher.feature_relevance_.max()
    (line,) = display.lines_
    cut = line.get_xdata()[0]
    assert r[~mask].max() < cut < r[mask].min()
    assert core[0].get_facecolor() != others[0].get_facecolor()
    assert panel.get_xscale() == ("log" if log else "linear")
    assert "R / max R" in panel.get_xlabel()
    assert panel.get_ylabel() == "number of nodes"
    assert f"core: {mask.sum()} nodes" in texts(panel)
    draws(display.figure_)


def texts(panel):
    return [text.get_text() for text in panel.get_legend().get_texts()]


def test_bins_of_the_paper(teacher):
    display = RelevanceDisplay.from_estimator(teacher, log=False, threshold=0.05)
    r = teacher.feature_relevance_ / teacher.feature_relevance_.max()
    core, others = display.bars_[0]
    expected = [
        ((r >= a) & ((r < a + 0.05) if k < 19 else (r <= 1))).sum()
        for k, a in enumerate(np.arange(20) / 20)
    ]
    np.testing.assert_array_equal(heights(core) + heights(others), expected)
    assert display.lines_[0].get_xdata()[0] == 0.05


def test_a_rule_with_another_name_is_drawn(teacher, monkeypatch):
    def two(values):
        return Core([r >= r.sort().values[-2] for r in values])

    monkeypatch.setitem(NAMED_CUTS, "two", two)
    display = RelevanceDisplay.from_estimator(teacher, threshold="two")
    assert display.core_masks[0].sum() == 2
    share = np.sort(teacher.feature_relevance_ / teacher.feature_relevance_.max())
    assert share[-3] < display.lines_[0].get_xdata()[0] < share[-2]
    small = teacher.prune(threshold="two", merge=False)
    assert small.hidden_layer_sizes == (2,)
    pruner = SpectralPruner(FrozenEstimator(teacher), threshold="two", merge=False)
    assert pruner.fit(X, Y).estimator_.hidden_layer_sizes == (2,)


def test_a_panel_per_layer_and_none_cut(deep):
    display = RelevanceDisplay.from_estimator(deep, relevance="path", threshold=0.9)
    assert len(display.axes_) == len(display.bars_) == 2
    assert "hidden layer 1" in display.axes_[1].get_xlabel()
    assert "path relevance" in display.axes_[1].get_xlabel()
    assert [mask.sum() for mask in display.core_masks] == [
        deep.prune(threshold=0.9, relevance="path", merge=False).hidden_layer_sizes[i]
        for i in range(2)
    ]
    whole = RelevanceDisplay.from_estimator(deep)  # too short a fit for a gap
    assert deep.core_sizes_ == (8, 6)
    assert whole.lines_ == [None, None]
    draws(whole.figure_)


def test_given_axes_and_styles_are_used(teacher, deep):
    figure, axes = plt.subplots(2)
    display = RelevanceDisplay.from_estimator(teacher, ax=axes[0])
    assert display.axes_[0] is axes[0]
    assert display.figure_ is figure
    again = display.plot(axes[1], core_kw={"color": "red"})
    assert again is display
    assert display.bars_[0][0][0].get_facecolor() == (1, 0, 0, 1)
    RelevanceDisplay.from_estimator(deep, ax=axes)
    with pytest.raises(ValueError, match="one axes per panel, 2; got 1. Leave it out"):
        RelevanceDisplay.from_estimator(deep, ax=axes[0])
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize("widths", [(64, 32, 16, 8), (8, 16, 32, 64)])
def test_no_bar_of_layers_of_unlike_width_is_cut_off(widths, given):
    relevances = [np.ones(width) for width in widths]  # one bar of all nodes
    masks = [np.ones(width, dtype=bool) for width in widths]
    axes = plt.subplots(1, 4)[1] if given else None
    display = RelevanceDisplay(
        relevances=relevances, core_masks=masks, cuts=[None] * 4
    ).plot(axes)
    for panel, (bars, _), width in zip(display.axes_, display.bars_, widths):
        bottom, top = panel.get_ylim()
        assert bottom < heights(bars).max() == width < top
    draws(display.figure_)


def test_a_core_that_has_not_formed_is_told():
    rows, y, _ = make_teacher_student(1000, n_teacher_nodes=5, random_state=0)
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=60, max_iter=30, random_state=0
    )
    model.fit(rows, y)
    assert not model.core_formed_
    display = RelevanceDisplay.from_estimator(model)
    label = texts(display.axes_[0])[0]
    assert label == f"core, still forming: {model.core_sizes_[0]} nodes"
    by_number = RelevanceDisplay.from_estimator(model, threshold=0.05)
    assert texts(by_number.axes_[0])[0].startswith("core: ")


def test_where_all_nodes_are_the_core_there_are_no_others():
    display = RelevanceDisplay(
        relevances=[np.ones(3)], core_masks=[np.ones(3, dtype=bool)], cuts=[None]
    ).plot()
    assert texts(display.axes_[0]) == ["core: 3 nodes"]


def test_a_layer_without_relevance_is_drawn():
    display = RelevanceDisplay(
        relevances=[np.zeros(3)], core_masks=[np.arange(3) < 1], cuts=[None]
    ).plot()
    assert heights(display.bars_[0][1]).sum() == 2
    draws(display.figure_)


def test_lines_of_the_curve_are_its_scores(teacher):
    curve = pruning_curve(teacher, X, Y, random_state=0)
    display = PruningCurveDisplay.from_estimator(teacher, X, Y, random_state=0)
    panel = display.ax_
    assert sorted(display.lines_) == ["R", "path", "random"]
    for kind in ("R", "path"):
        x, y = display.lines_[kind].get_data()
        np.testing.assert_array_equal(x, curve.n_nodes)
        np.testing.assert_array_equal(y, curve.scores[kind])
    np.testing.assert_array_equal(
        display.lines_["random"].get_ydata(), np.median(curve.scores["random"], axis=0)
    )
    x, y = display.fill_between_.get_paths()[0].vertices.T
    for n, scores in zip(curve.n_nodes, curve.scores["random"].T):
        assert y[x == n].min() == scores.min()
        assert y[x == n].max() == scores.max()
    assert display.core_line_.get_xdata()[0] == teacher.core_sizes_[0]
    assert display.full_line_.get_ydata()[0] == teacher.score(X, Y)
    assert panel.get_ylabel() == "R²"
    assert panel.get_xlabel() == "nodes kept"
    assert panel.get_ylim()[0] == -0.3
    assert texts(panel)[0] == "by R"
    draws(display.figure_)


def test_a_curve_of_few_parts():
    display = PruningCurveDisplay(
        n_nodes=np.array([1, 2]), scores={"R": np.array([0.1, 0.2])}
    ).plot(log=False, line_kw={"color": "red"})
    assert display.fill_between_ is display.core_line_ is display.full_line_ is None
    assert display.lines_["R"].get_color() == "red"
    assert display.ax_.get_xscale() == "linear"
    assert display.ax_.get_ylabel() == "score"
    _, ax = plt.subplots()
    assert display.plot(ax).ax_ is ax
    draws(display.figure_)


def has_marks(line):
    return line.get_marker() not in (None, "None", "") and line.get_markersize() > 0


def test_a_curve_of_one_point_is_seen(teacher):
    one = PruningCurveDisplay.from_estimator(teacher, X, Y, n_nodes=5, random_state=0)
    assert all(has_marks(line) for line in one.lines_.values())
    assert one.fill_between_.get_linewidth()[0] > 0
    # R is drawn over path relevance, which is seen around it.
    assert one.lines_["path"].get_markersize() > one.lines_["R"].get_markersize()
    two = PruningCurveDisplay.from_estimator(
        teacher, X, Y, n_nodes=[5, 6], random_state=0
    )
    assert not any(has_marks(line) for line in two.lines_.values())
    assert two.fill_between_.get_linewidth()[0] == 0
    draws(one.figure_)


def test_the_layer_of_a_curve_has_a_name_where_there_are_several(deep):
    for layer, index in ((0, 0), (1, 1), (-1, 1)):
        display = PruningCurveDisplay.from_estimator(
            deep, X, Y, layer=layer, relevance="R"
        )
        label = f"nodes kept of hidden layer {index}"
        assert display.ax_.get_xlabel() == label


def test_legends_stay_inside_the_axes_of_the_caller(teacher, deep):
    path = {"alphas": np.array([1e-3, 1e-1]), "relevances": [np.ones((2, 3))] * 2}
    path |= {"core_sizes": np.full((2, 2), 3), "train_scores": np.ones(2)}
    displays = (
        (PruningCurveDisplay.from_estimator(teacher, X, Y, random_state=0), 1),
        (RelevanceDisplay.from_estimator(deep), 2),
        (RegularizationPathDisplay(**path).plot(), 3),
    )
    for display, n_axes in displays:
        for given in (False, True):
            if given:
                axes = plt.subplots(1, n_axes, figsize=(4.5 * n_axes, 3.5))[1]
                display.plot(axes)
            draws(display.figure_)
            panels = [panel for panel in display.figure_.axes if panel.get_legend()]
            assert panels
            for panel in panels:
                legend = panel.get_legend().get_window_extent()
                frame = panel.get_window_extent()
                inside = frame.y0 <= legend.y0 and legend.y1 <= frame.y1
                inside &= frame.x0 <= legend.x0 and legend.x1 <= frame.x1
                assert inside == given


def test_a_curve_of_classes_from_its_numbers():
    y = (Y > np.median(Y)).astype(int)
    model = SpectralMLPClassifier(encoding="linear", hidden_layer_sizes=5, **QUICK).fit(
        X, y
    )
    curve = pruning_curve(model, X, y, n_nodes=[1, 5], relevance="path")
    display = PruningCurveDisplay.from_curve(curve, log=False)
    assert list(display.lines_) == ["path"]
    assert display.ax_.get_ylabel() == "accuracy"


@pytest.mark.parametrize("sizes", [6, (6, 4)])
def test_panels_of_the_path_are_its_numbers(sizes):
    model = SpectralMLPRegressor(encoding="linear", hidden_layer_sizes=sizes, **QUICK)
    grid = [1e-4, 1e-3, 1e-1]
    arguments = {"alphas": grid, "X_val": X[:100], "y_val": Y[:100]}
    path = regularization_path(model, X, Y, **arguments)
    display = RegularizationPathDisplay.from_estimator(model, X, Y, **arguments)
    above, middle, below = display.axes_
    assert [len(lines) for lines in display.node_lines_] == list(np.atleast_1d(sizes))
    for layer, lines in enumerate(display.node_lines_):
        y = np.stack([line.get_ydata() for line in lines], axis=1)
        shown = y > above.get_ylim()[0]
        np.testing.assert_array_equal(y[shown], path.relevances[layer][shown])
        core = display.core_lines_[layer].get_ydata()
        np.testing.assert_array_equal(core, path.core_sizes[:, layer])
    train, other = (line.get_ydata() for line in display.score_lines_)
    np.testing.assert_array_equal(train, path.train_scores)
    np.testing.assert_array_equal(other, path.val_scores)
    best = grid[int(path.val_scores.argmax())]
    assert [line.get_xdata()[0] for line in display.best_lines_] == [best] * 3
    assert (middle.get_legend() is not None) == (sizes != 6)
    assert {panel.get_xscale() for panel in display.axes_} == {"log"}
    assert "alpha" in below.get_xlabel()
    draws(display.figure_)


def test_dead_nodes_and_the_best_alpha_of_a_path():
    display = RegularizationPathDisplay(
        alphas=np.array([1e-3, 1e-2, 1e-1]),
        relevances=[np.array([[1.0, 0.5], [0.9, 0.2], [0.8, 0.0]])],
        core_sizes=np.array([[2], [2], [1]]),
        train_scores=np.array([0.9, 0.8, 0.7]),
        val_scores=np.array([0.6, 0.7, 0.5]),
    ).plot()
    assert display.best_lines_[0].get_xdata()[0] == 1e-2
    assert not has_marks(display.node_lines_[0][0])
    y = display.node_lines_[0][1].get_ydata()
    assert 0 < y[2] < display.axes_[0].get_ylim()[0] < y[1]
    assert display.axes_[2].get_ylabel() == "score"


def test_a_path_of_one_alpha_is_seen():
    display = RegularizationPathDisplay(
        alphas=np.array([1e-2]),
        relevances=[np.array([[1.0, 0.5]])],
        core_sizes=np.array([[2]]),
        train_scores=np.array([0.9]),
        val_scores=np.array([0.8]),
    ).plot()
    lines = [*display.node_lines_[0], *display.core_lines_, *display.score_lines_]
    assert all(has_marks(line) for line in lines)
    # The dashed line through the only alpha lies behind its markers.
    for panel, line in zip(display.axes_, display.best_lines_):
        others = [other for other in panel.lines if other is not line]
        assert line.get_zorder() < min(other.get_zorder() for other in others)
    draws(display.figure_)


def test_a_path_without_other_rows_on_given_axes():
    model = SpectralMLPRegressor(encoding="linear", hidden_layer_sizes=3, **QUICK)
    path = regularization_path(model, X, Y, alphas=[1e-3, 1e-2])
    figure, axes = plt.subplots(1, 3)
    display = RegularizationPathDisplay.from_path(path, ax=axes)
    assert display.figure_ is figure
    assert len(display.score_lines_) == 1
    assert display.best_lines_ == []
    display.plot(node_kw={"color": "red"}, line_kw={"lw": 5})
    assert display.node_lines_[0][0].get_color() == "red"
    assert display.core_lines_[0].get_linewidth() == 5
    with pytest.raises(ValueError, match="one axes per panel, 3; got 1"):
        display.plot(axes[0])


def test_what_has_no_relevance_to_draw():
    with pytest.raises(TypeError, match="must be a SpectralMLPRegressor"):
        RelevanceDisplay.from_estimator(Ridge())
    with pytest.raises(NotFittedError):
        RelevanceDisplay.from_estimator(SpectralMLPRegressor(encoding="linear"))
    linear = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=(), **QUICK
    ).fit(X, Y)
    with pytest.raises(ValueError, match="got a network without any.*Fit with"):
        RelevanceDisplay.from_estimator(linear)
    both = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=3, gate="both", **QUICK
    ).fit(X, Y)
    with pytest.raises(ValueError, match="gate='both'"):
        RelevanceDisplay.from_estimator(both)
    model = SpectralMLPRegressor(encoding="linear", hidden_layer_sizes=3, **QUICK).fit(
        X, Y
    )
    with pytest.raises(ValueError, match=r"`threshold` must be .*got threshold=5"):
        RelevanceDisplay.from_estimator(model, threshold=5)


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def absent(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", absent)
    display = PruningCurveDisplay(n_nodes=[1], scores={"R": [0.0]})
    with pytest.raises(ImportError, match=r"pip install skspectral\[plot\]"):
        display.plot()
