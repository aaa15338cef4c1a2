"""Which inputs matter, and which only seem to."""

from numbers import Integral, Real

import numpy as np
from scipy import sparse
from scipy.stats import binom
from sklearn.base import clone
from sklearn.utils import Bunch, _safe_indexing, check_random_state
from sklearn.utils.validation import (
    _get_feature_names,
    check_array,
    check_consistent_length,
)

from skspectral._columns import check_weight
from skspectral._estimators import BaseSpectralMLP, fit_together, warn_user
from skspectral._inspection.pruning_curves import name_of

__all__ = ["null_importances"]

TABLE_BYTES = 2**27  # of tables with permuted copies, held at once


def null_importances(
    estimator,
    X,
    y,
    *,
    sample_weight=None,
    n_repeats=10,
    level=0.05,
    random_state=None,
):
    """Importance of each column beside that of permuted copies of the columns.

    A copy whose rows are permuted has the values of the columns, and their correlations
    with each other, but knows nothing of the target. Networks are trained on columns
    and copies together, each with its own start and its own permutation, all in one
    batch: what the copies reach is the band in which a column may lie by chance [1]_,
    [2]_.

    Parameters
    ----------
    estimator : SpectralMLPRegressor or SpectralMLPClassifier
        Fitted or not; clones are trained. Use ``gate="in"``, whose importances are the
        gates of the inputs: the penalty brings those of noise to zero, the sooner the
        larger `alpha` (1e-3 rather than the 1e-4 that "auto" means for many rows). With
        ``gate="out"`` they are a ranking.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
    sample_weight : array-like of shape (n_samples,), default=None
    n_repeats : int, default=10
        Networks. More of them give smaller p-values; `support` needs ``n_features /
        2**n_repeats`` to be below `level`. Tables of twice the columns are held for
        as many networks as fit 128 MB.
    level : float in (0, 1), default=0.05
        Probability that `support` holds any column of chance.
    random_state : int, RandomState instance or None, default=None
        Of the permutations and starts.

    Returns
    -------
    Bunch
        importances : ndarray of shape (n_features, n_repeats)
            As `feature_importances_`, of columns and copies together: both sum to 1.
        importances_mean, importances_std : ndarray of shape (n_features,)
            Over the networks.
        null : ndarray of shape (n_features, n_repeats)
            Of the permuted copies.
        threshold : float
            Largest importance of any copy in any network: how far chance reached.
        stability : ndarray of shape (n_features,)
            Share of the networks in which the column is above every copy.
        p_values : ndarray of shape (n_features,)
            Of that share, by a binomial test against one half, as in [2]_: a column
            that is as good as the best copy is above it every other time. Multiplied
            by the number of columns (Bonferroni). All networks see the same rows, so
            they say nothing of other rows.
        support : ndarray of shape (n_features,), bool
            Columns whose p-value is below `level`, for ``X[:, support]`` or
            ``X.loc[:, support]``.
        feature_names : ndarray of shape (n_features,) or None
            Names of the columns, where X is a frame.

    Raises
    ------
    ValueError
        For an estimator that is not spectral, fewer than one repeat, or a level outside
        (0, 1).

    Notes
    -----
    The fits do not warn: what a fit warns of is the core of hidden nodes. Inside a
    Pipeline, :class:`~sklearn.feature_selection.SelectFromModel` with ``gate="in"`` and
    a threshold read from here selects the columns.

    See Also
    --------
    sklearn.inspection.permutation_importance : Loss of score when a column of new rows
        is permuted; needs no retraining, and misses what columns tell twice.

    References
    ----------
    .. [1] A. Altmann et al., "Permutation importance: a corrected feature importance
       measure", Bioinformatics 26, 2010.
    .. [2] M. Kursa, W. Rudnicki, "Feature selection with the Boruta package", J. Stat.
       Softw. 36, 2010.

    Examples
    --------
    >>> import numpy as np
    >>> from skspectral import SpectralMLPRegressor, null_importances
    >>> X = np.random.default_rng(0).normal(size=(500, 5))
    >>> model = SpectralMLPRegressor(hidden_layer_sizes=16, gate="in", alpha=1e-3)
    >>> result = null_importances(model, X, X[:, 0] * X[:, 1], random_state=0)
    >>> result.support
    array([ True,  True, False, False, False])
    """
    if not isinstance(estimator, BaseSpectralMLP):
        raise ValueError(
            "null_importances trains SpectralMLPRegressor or SpectralMLPClassifier; "
            f"got {name_of(estimator)}. From a Pipeline, pass `pipe[-1]` and "
            "`pipe[:-1].transform(X)`."
        )
    is_integer = isinstance(n_repeats, Integral) and not isinstance(n_repeats, bool)
    if not is_integer or n_repeats < 1:
        raise ValueError(
            f"`n_repeats` must be an integer >= 1; got {n_repeats!r}. Ten networks "
            "tell a band from a point."
        )
    is_number = isinstance(level, Real) and not isinstance(level, bool)
    if not is_number or not 0 < level < 1:
        raise ValueError(
            f"`level` must be in (0, 1); got level={level!r}. It is the probability of "
            "any column of chance in `support`."
        )
    names = _get_feature_names(X)
    X = check_array(
        X, accept_sparse="csr", dtype=[np.float64, np.float32], input_name="X"
    )
    check_consistent_length(X, y)
    sample_weight = check_weight(sample_weight, X.shape[0])
    if sample_weight is not None:  # a row of weight 0 is not there, nor in a copy
        rows = np.flatnonzero(sample_weight)
        X, y, sample_weight = X[rows], _safe_indexing(y, rows), sample_weight[rows]
    rng = check_random_state(random_state)
    stack = sparse.hstack if sparse.issparse(X) else np.hstack
    n_entries = X.nnz if sparse.issparse(X) else X.size
    at_once = max(1, TABLE_BYTES // max(1, 2 * n_entries * X.dtype.itemsize))
    columns = []
    for start in range(0, n_repeats, at_once):
        models, tables = [], []
        for _ in range(min(at_once, n_repeats - start)):
            shadow = X[rng.permutation(X.shape[0])]
            tables.append((stack([X, shadow]), y, {"sample_weight": sample_weight}))
            model = clone(estimator)
            # Not by `set_params`: the constructor of a subclass may not have it.
            model.random_state = int(rng.randint(np.iinfo(np.int32).max))
            models.append(model)
        fit_together(models, tables, warn=False)
        columns += [model.feature_importances_ for model in models]
    importances, null = np.split(np.stack(columns, axis=1), 2)
    hits = (importances > null.max(0)).sum(1)
    p_values = np.minimum(1.0, len(hits) * binom.sf(hits - 1, n_repeats, 0.5))
    if len(hits) * 0.5**n_repeats >= level:
        warn_user(
            f"{n_repeats} repeats cannot tell {len(hits)} columns from chance at level "
            f"{level}: `support` is empty. Raise n_repeats to "
            f"{int(np.floor(np.log2(len(hits) / level))) + 1}."
        )
    return Bunch(
        importances=importances,
        importances_mean=importances.mean(1),
        importances_std=importances.std(1),
        null=null,
        threshold=float(null.max()),
        stability=hits / n_repeats,
        p_values=p_values,
        support=p_values < level,
        feature_names=names,
    )
