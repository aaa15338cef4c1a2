"""Which inputs matter, and which only seem to."""

from numbers import Integral

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.utils import Bunch, _safe_indexing, check_random_state
from sklearn.utils.validation import (
    _get_feature_names,
    check_array,
    check_consistent_length,
)

from skspectral._columns import check_weight
from skspectral._estimators import BaseSpectralMLP, fit_together

__all__ = ["null_importances"]


def null_importances(
    estimator, X, y, *, sample_weight=None, n_repeats=10, random_state=None
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
        Networks. Their tables, of twice the columns, are held at once.
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
            Largest importance of any copy.
        stability : ndarray of shape (n_features,)
            Share of the networks in which the column is above every copy. All of them
            see the same rows: it tells how sure the ranking is of these.
        support : ndarray of shape (n_features,), bool
            Columns whose mean importance is above the threshold, for ``X[:, support]``
            or ``X.loc[:, support]``.
        feature_names : ndarray of shape (n_features,) or None
            Names of the columns, where X is a frame.

    Raises
    ------
    ValueError
        For an estimator that is not spectral, or fewer than one repeat.

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
            f"got {type(estimator).__name__}. From a Pipeline, pass `pipe[-1]` and "
            "`pipe[:-1].transform(X)`."
        )
    is_integer = isinstance(n_repeats, Integral) and not isinstance(n_repeats, bool)
    if not is_integer or n_repeats < 1:
        raise ValueError(
            f"`n_repeats` must be an integer >= 1; got {n_repeats!r}. Ten networks "
            "tell a band from a point."
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
    models, tables = [], []
    for _ in range(n_repeats):
        shadow = X[rng.permutation(X.shape[0])]
        tables.append((stack([X, shadow]), y, {"sample_weight": sample_weight}))
        seed = int(rng.randint(np.iinfo(np.int32).max))
        model = clone(estimator)
        # Not by `set_params`: the constructor of a subclass may not have it.
        model.random_state = seed
        models.append(model)
    fit_together(models, tables, warn=False)
    both = np.stack([model.feature_importances_ for model in models], axis=1)
    importances, null = np.split(both, 2)
    mean, threshold = importances.mean(1), float(null.max())
    return Bunch(
        importances=importances,
        importances_mean=mean,
        importances_std=importances.std(1),
        null=null,
        threshold=threshold,
        support=mean > threshold,
        stability=(importances > null.max(0)).mean(1),
        feature_names=names,
    )
