"""Relevance and score against the strength of the penalty."""

import contextlib
import copy
import warnings
from numbers import Integral

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Bunch

from skspectral._core import NO_CORE
from skspectral._estimators import fit_together, interrupt_ends_all
from skspectral._inspection.pruning_curves import check_spectral
from skspectral._selection import named_scorer

__all__ = ["regularization_path"]

ALPHAS = np.logspace(-5, -1, 13)  # three a decade: all nodes in use, to one


def regularization_path(
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
    return_estimators=False,
):
    r"""Relevance of every node, core and score against `alpha`.

    A clone is fitted at one `alpha` after another, and each fit goes on from the one
    before. The best alpha is the one with the best score on other rows. A flat score
    around it means that a stronger penalty saves nodes at little loss.

    Parameters
    ----------
    estimator : SpectralMLPRegressor or SpectralMLPClassifier
        With a hidden layer and a gate that defines a core. It is cloned, so it need not
        be fitted and is not changed. An `alpha_phi`, `alpha_lambda` or `alpha_readout`
        that is not None is kept.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Rows to fit.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Targets.
    alphas : array-like of shape (n_alphas,), default=None
        Strengths, > 0 (not their number). None is 13 of them from 1e-5 to 1e-1, three
        a decade.
    X_val, y_val : array-like, default=None
        Other rows to score on. They are not passed to `fit`.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows of X, in the fits and, where the score takes weights, in
        `train_scores`.
    scoring : str or callable, default=None
        Any scorer of scikit-learn. None is the estimator's own score, R2 or accuracy.
    warm_start : bool, default=True
        Whether each fit goes on from the one before. False fits each anew, in batches,
        and `order` has no effect.
    order : {"increasing", "decreasing"}, default="increasing"
        From weak to strong, or from strong to weak: see Notes.
    return_estimators : bool, default=False
        Whether to keep the fitted estimators.

    Returns
    -------
    path : :class:`~sklearn.utils.Bunch`
        alphas : ndarray of shape (n_alphas,)
            Ascending, each once, whatever the order of the fits.
        relevances : list of ndarray of shape (n_alphas, width)
            R of every node, an array per hidden layer, in standardised units.
        core_sizes : ndarray of shape (n_alphas, n_hidden_layers), int
            As `core_sizes_`: nodes above the widest gap in R or, without a gap, above
            1e-6 of the layer's largest.
        train_scores : ndarray of shape (n_alphas,)
            On the rows of the fit.
        val_scores : ndarray of shape (n_alphas,) or None
            On X_val, if given.
        losses : ndarray of shape (n_alphas,)
            `loss_`, the objective, in standardised units.
        estimators : list or None
            The fitted estimators, if asked for.
        score_name : str
            For the axis of a figure.

    Raises
    ------
    TypeError
        If the estimator is not one of this package, or chooses alpha itself.
    ValueError
        For a parameter outside its rule, a network without a hidden layer,
        ``gate="both"``, or where `alpha_phi` and `alpha_lambda` are both set.

    See Also
    --------
    RegularizationPathDisplay : Draws the path.

    Notes
    -----
    A node dies where its eigenvector and its eigenvalue are both zero, and there the
    gradient of both is zero as well: no later fit revives it. So the path goes from
    weak to strong, unlike that of a lasso. Measured with 200 nodes over the default
    `alphas`, 1 - R2 on test rows and nodes of the core at three of them, seconds on one
    core for all 13:

    ====================  ===========  ===========  ===========  =======
    \                     1e-4         1e-3         1e-2         seconds
    ====================  ===========  ===========  ===========  =======
    California, weak      .196 (64)    .231 (15)    .314 (2)     33
    California, strong    .325 (1)     .325 (1)     .333 (1)     33
    California, anew      .207 (46)    .237 (12)    .314 (2)     32
    teacher, weak         3e-6 (20)    3e-4 (20)    .038 (7)     23
    teacher, strong       .324 (1)     .324 (1)     .324 (1)     23
    teacher, anew         2e-5 (22)    1e-3 (20)    .047 (6)     23
    ====================  ===========  ===========  ===========  =======

    From one alpha to the next R moves, relative to its norm, by 0.39 from weak and by
    0.64 anew on California Housing, by 0.28 and 0.66 on the teacher of 20 nodes. A fit
    from weak has also trained longer, and keeps more nodes where the data do not say
    how many there are.

    Every fit is as long as `max_iter` says. Later fits of a quarter of the epochs took
    a third of the time in all and scored as well (within .006 on California Housing),
    but left no core formed at five alphas of 13.

    No warning tells where a core has not formed: at a weak alpha that is the rule.

    Examples
    --------
    >>> from skspectral import SpectralMLPRegressor, regularization_path
    >>> from skspectral.datasets import make_teacher_student
    >>> X, y, teacher = make_teacher_student(2000, n_teacher_nodes=5, random_state=0)
    >>> reg = SpectralMLPRegressor(
    ...     hidden_layer_sizes=50, encoding="linear", random_state=0
    ... )
    >>> path = regularization_path(reg, X, y, alphas=[1e-3, 1e-1])
    >>> path.core_sizes[:, 0], path.relevances[0].shape
    (array([5, 1]), (2, 50))
    """
    check_spectral(estimator)
    _check_estimator(estimator)
    grid = _check_alphas(alphas)
    if (X_val is None) != (y_val is None):
        missing, given = ("y_val", "X_val") if y_val is None else ("X_val", "y_val")
        raise ValueError(
            f"`X_val` and `y_val` must be passed together; got only {given}. Pass "
            f"{missing} as well, or neither."
        )
    if order not in ("increasing", "decreasing"):
        raise ValueError(
            f"`order` must be 'increasing' or 'decreasing'; got order={order!r}. It is "
            "the order of the fits; 'increasing' goes from weak to strong."
        )
    if not isinstance(warm_start, (bool, np.bool_)):
        raise ValueError(
            f"`warm_start` must be True or False; got warm_start={warm_start!r}. True "
            "goes on from one alpha to the next."
        )
    scorer = named_scorer(estimator, scoring)
    # Not by `set_params`: the constructor of a subclass may not have them.
    start = clone(estimator)
    start.warm_start = bool(warm_start)
    alphas_in_order = grid if order == "increasing" else grid[::-1]
    kwargs = {} if sample_weight is None else {"sample_weight": sample_weight}
    of_score = scorer.weights(sample_weight)

    rows = []
    for model in _fitted_models(start, alphas_in_order, X, y, kwargs):
        fitted = None
        if return_estimators:
            fitted = copy.deepcopy(model)
            fitted.warm_start = estimator.warm_start
        rows.append(
            (
                model.layer_relevances_,
                model.core_sizes_,
                scorer.score(model, X, y, **of_score),
                None if X_val is None else scorer.score(model, X_val, y_val),
                model.loss_,
                fitted,
            )
        )
    if order == "decreasing":
        rows.reverse()
    relevances, sizes, train, val, losses, estimators = zip(*rows, strict=True)
    return Bunch(
        alphas=grid,
        relevances=[np.stack(layer) for layer in zip(*relevances, strict=True)],
        core_sizes=np.array(sizes),
        train_scores=np.array(train),
        val_scores=None if X_val is None else np.array(val),
        losses=np.array(losses),
        estimators=list(estimators) if return_estimators else None,
        score_name=scorer.name,
    )


def _fitted_models(model, alphas, X, y, kwargs):
    """Yield the model fitted at one alpha after another."""
    # Callbacks see one fit at a time.
    if model.warm_start or getattr(model, "_skl_callbacks", None):
        for alpha in alphas:
            model.alpha = float(alpha)
            with _quiet():
                model.fit(X, y, **kwargs)
            yield model
        return
    models = []
    for alpha in alphas:
        models.append(clone(model))
        # A RandomState goes on from fit to fit; a clone would start it anew.
        models[-1].random_state = model.random_state
        models[-1].alpha, models[-1].warm_start = float(alpha), False
    with _quiet():
        fit_together(models, [(X, y, kwargs)] * len(models))
    yield from models


@contextlib.contextmanager
def _quiet():
    """Leave out warnings of cores that have not formed: at a weak alpha none does."""
    with warnings.catch_warnings(), interrupt_ends_all():
        warnings.filterwarnings("ignore", "the core is still", ConvergenceWarning)
        warnings.filterwarnings("ignore", "the relevance of", ConvergenceWarning)
        yield


def _check_estimator(estimator) -> None:
    if hasattr(estimator, "alphas"):
        raise TypeError(
            "the path varies `alpha`, and the estimator chooses alpha itself; got "
            f"{type(estimator).__name__}. Draw its choice with AlphaChoiceDisplay, or "
            "pass a network that does not choose."
        )
    if np.size(estimator.hidden_layer_sizes) == 0:
        raise ValueError(
            "a path of relevances needs a hidden layer; got hidden_layer_sizes="
            f"{estimator.hidden_layer_sizes!r}. Pass hidden_layer_sizes=100, say."
        )
    if estimator.gate == "both":
        raise ValueError(NO_CORE)
    if estimator.alpha_phi is not None and estimator.alpha_lambda is not None:
        raise ValueError(
            "the path varies `alpha`, which must reach the eigenvectors or the "
            f"eigenvalues; got alpha_phi={estimator.alpha_phi!r} and alpha_lambda="
            f"{estimator.alpha_lambda!r}. Set one of them to None."
        )


def _check_alphas(alphas) -> np.ndarray:
    if alphas is None:
        return ALPHAS.copy()
    if isinstance(alphas, Integral) and int(alphas) > 1:
        raise ValueError(
            f"`alphas` must hold the strengths, not their number; got alphas={alphas}. "
            f"Pass np.logspace(-5, -1, {alphas}), say."
        )
    named = isinstance(alphas, str)
    grid = np.atleast_1d(np.asarray([] if named else alphas, dtype=np.float64))
    if grid.ndim != 1 or not grid.size or not ((grid > 0) & (grid < np.inf)).all():
        raise ValueError(
            "`alphas` must hold one finite number > 0 or more; got "
            f"alphas={alphas!r}. For alpha=0 fit the estimator itself: a logarithmic "
            "path does not reach it."
        )
    return np.unique(grid)
