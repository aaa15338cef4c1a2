"""The encoder: from the columns of any table to the inputs of a network."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import (
    _check_feature_names_in,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
)

from skspectral._columns.bends import as_numbers
from skspectral._columns.fit_inputs import Encoding, fit_inputs
from skspectral._columns.parameter_rules import (
    FLAG,
    RULES,
    Rule,
    check_rules,
    count_of,
    is_finite_number,
    one_of,
)
from skspectral._columns.samples import Samples, select_rows
from skspectral._columns.statistics import row_blocks
from skspectral._columns.validate_table import validate_table
from skspectral._columns.validation import as_dense_or_csr, check_weight

__all__ = ["ColumnEncoder"]

MOST_CLASSES = 20  # that numbers are taken for
ENCODER_RULES = {
    **RULES,
    "tau": Rule(
        "a finite number > 0",
        lambda v: is_finite_number(v) and v > 0,
        "Smaller is smoother; encoding='linear' has no bends at all.",
    ),
    "extrapolation": one_of("limited", "linear", "constant"),
    "max_categories": count_of("It counts the dummies of a column."),
    "standardize": FLAG,
}


class ColumnEncoder(TransformerMixin, BaseEstimator):
    """Make numbers of the columns of a table, as the networks of this package do.

    A number is centred and scaled, and, where the target bends along it, followed by
    ramps between knots: a linear function of these is piecewise linear in the column
    [1]_. A missing number becomes the mean, and an indicator tells it apart. Categories
    become dummies. The networks have this encoder inside; alone it serves linear models
    and others that need numbers.

    Parameters
    ----------
    encoding : {"auto", "linear", "piecewise"}, default="auto"
        Which numeric columns get ramps. ``"auto"``: those whose ramps lower the
        cross-validated error of an additive model of y by 2 % or more; without y, and
        with ``"piecewise"``, all that have more than two values. ``"linear"``: none.
    n_knots : int, default=48
        Knots of a column at most, ends included: half at quantiles of the rows, half at
        quantiles of the distinct values. A column of fewer values has a knot at each.
    tau : float, default=2.0
        How much a function may bend. Each of the m ramps of a column has a standard
        deviation of ``tau / sqrt(m)``: the smaller it is, the dearer a bend is to a
        model with an L2 penalty.
    extrapolation : {"limited", "linear", "constant"}, default="limited"
        How far a column with ramps goes on beyond the rows of `fit`: as far as the
        middle nine tenths of its rows span, without a limit, or not at all. From there
        on it is constant. A column without ramps goes on.
    categorical_features : "from_dtype", None or array-like, default="from_dtype"
        Names, positions or a mask of the columns of categories. ``"from_dtype"``: those
        of a frame that hold strings, categories or objects that are no numbers, and
        such columns of an array of objects. None: none.
    max_categories : int, default=100
        Dummies of a column at most. Rarer values share one, as do those with fewer than
        ten rows (of small tables, one row in a hundred).
    standardize : bool, default=True
        Whether to centre and scale the numbers. Ramps and dummies always are.

    Attributes
    ----------
    knots_ : dict of str to ndarray
        By name of a column with ramps: its knots, ascending.
    categories_ : dict of str to list
        By name of a column of categories: the values that have a dummy of their own.
    input_columns_ : ndarray of shape (n_outputs,), int
        The column of X that each column of the result is computed from.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where X has names that are all strings.

    See Also
    --------
    SpectralMLPRegressor : Has it inside.
    sklearn.preprocessing.SplineTransformer : With ``degree=1``, the same functions in
        another basis, for all columns.
    sklearn.preprocessing.TargetEncoder : For categories too many to have dummies.

    Notes
    -----
    Numbers and ramps are computed in float64; the result is dense. What is 0 or 1
    (dummies, indicators) is centred and not scaled. Unseen categories count as rare
    ones, or, where there were none, have all dummies 0; a missing category is a
    category of its own. Dates, text and columns of identifiers are refused.

    References
    ----------
    .. [1] Y. Gorishniy, I. Rubachev, A. Babenko, "On embeddings for numerical features
       in tabular deep learning", NeurIPS 2022, arXiv:2203.05556.

    Examples
    --------
    >>> import pandas as pd
    >>> from skspectral import ColumnEncoder
    >>> X = pd.DataFrame({"size": [1.0, 2.0, 3.0], "kind": ["a", "b", "a"]})
    >>> encoder = ColumnEncoder(encoding="piecewise").fit(X)
    >>> encoder.get_feature_names_out().tolist()
    ['size', 'size_ramp0', 'size_ramp1', 'kind_a', 'kind_b']
    >>> encoder.transform(X).round(2)
    array([[-1.22, -2.  , -1.  ,  0.33, -0.33],
           [ 0.  ,  1.  , -1.  , -0.67,  0.67],
           [ 1.22,  1.  ,  2.  ,  0.33, -0.33]])
    """

    def __init__(
        self,
        *,
        encoding="auto",
        n_knots=48,
        tau=2.0,
        extrapolation="limited",
        categorical_features="from_dtype",
        max_categories=100,
        standardize=True,
    ):
        self.encoding = encoding
        self.n_knots = n_knots
        self.tau = tau
        self.extrapolation = extrapolation
        self.categorical_features = categorical_features
        self.max_categories = max_categories
        self.standardize = standardize

    def fit(self, X, y=None, sample_weight=None):
        """Learn means, knots and categories.

        Parameters
        ----------
        X : {array-like, frame, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Targets that say which columns bend: numbers; or classes, which are strings,
            or integers of at most 20 different values.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For a parameter outside its rule, or a column that is neither numbers nor
            categories.
        """
        return self._fit(X, y, sample_weight, reset=True)

    def partial_fit(self, X, y=None, sample_weight=None):
        """Learn from one more chunk of rows.

        Knots and categories are those of the first chunk; means and standard deviations
        are those of all chunks.

        Parameters
        ----------
        X : {array-like, frame, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Used in the first chunk.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self
        """
        return self._fit(X, y, sample_weight, reset=not self.__sklearn_is_fitted__())

    def _fit(self, X, y, sample_weight, *, reset):
        check_rules(self.get_params(deep=False), ENCODER_RULES)
        before = vars(self).copy()
        try:
            X = as_dense_or_csr(validate_table(self, X, reset=reset))
            table = Samples(X, np.zeros((X.shape[0], 0)))
            table.weight = check_weight(sample_weight, X.shape[0])
            if y is not None:
                check_consistent_length(X, y)
                table.y = _targets(y)
            if table.weight is not None and not table.weight.all():
                table = select_rows(table, np.flatnonzero(table.weight))
            if reset:
                reader = self._reader
                self._inputs = fit_inputs(
                    table,
                    Encoding(
                        self.encoding,
                        self.n_knots,
                        self.tau,
                        self.extrapolation,
                        self.max_categories,
                    ),
                    standardize=bool(self.standardize),
                    n_codes={c: len(v) for c, v in reader.categories.items()},
                    names=reader.names,
                    targets=None
                    if y is None
                    else lambda rows: as_numbers(table.y[rows]),
                )
            else:
                self._inputs = self._inputs.updated(table)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise
        return self

    @classmethod
    def _of_network(cls, network, reader, inputs):
        """The encoder inside a fitted network."""
        encoder = cls(
            encoding=network.encoding,
            n_knots=network.n_knots,
            categorical_features=network.categorical_features,
            standardize=network.standardize in (True, "X"),
        )
        encoder._reader, encoder._inputs = reader, inputs
        encoder.n_features_in_ = network.n_features_in_
        if hasattr(network, "feature_names_in_"):
            encoder.feature_names_in_ = network.feature_names_in_
        return encoder

    def transform(self, X):
        """Return a table as numbers.

        Parameters
        ----------
        X : {array-like, frame, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
        """
        check_is_fitted(self)
        X = as_dense_or_csr(validate_table(self, X, reset=False))
        out = np.empty((X.shape[0], len(self._inputs)))
        for rows in row_blocks(*out.shape):
            out[rows] = self._inputs.standardized(X[rows])
        return out

    def to_numbers(self, X):
        """Return a table with the codes of its categories, and numbers as they are.

        That is what the exports of a network to torch take: categories become their
        place in sorted order among the values of `fit`, unseen ones -1, and what is
        missing NaN.

        Parameters
        ----------
        X : {array-like, frame, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray or sparse matrix of shape (n_samples, n_features)
        """
        check_is_fitted(self)
        return validate_table(self, X, reset=False)

    def get_feature_names_out(self, input_features=None):
        """Return the names of the columns of the result.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns of X, where it had none in `fit`.

        Returns
        -------
        ndarray of shape (n_outputs,) of str
            A number has the name of its column. The others end in ``_missing``,
            ``_ramp0`` and so on, or ``_`` and the category.
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        return self._inputs.names(names, self._reader.categories)

    @property
    def knots_(self):
        """Knots of the columns with ramps, by name."""
        check_is_fitted(self)
        names = _check_feature_names_in(self)
        numbers = self._inputs.numbers
        return {names[numbers[p]]: k.copy() for p, k in self._inputs.knots.items()}

    @property
    def categories_(self):
        """Values with a dummy of their own, by name of the column."""
        check_is_fitted(self)
        names, found = _check_feature_names_in(self), {}
        for column, slots in self._inputs.dummies.items():
            values = self._reader.categories[column]
            own = np.bincount(slots[:-1][slots[:-1] >= 0], minlength=1)
            found[names[column]] = [
                value
                for value, slot in zip(values, slots[:-2], strict=True)
                if slot >= 0 and own[slot] == 1
            ]
        return found

    @property
    def input_columns_(self):
        """The column of X that each column of the result is computed from."""
        check_is_fitted(self)
        return self._inputs.columns.copy()

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_inputs")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags


def _targets(y) -> np.ndarray:
    """Return targets as numbers (n, o), or class indices (n, 1)."""
    y = np.asarray(y)
    y = y[:, None] if y.ndim == 1 else y
    if y.dtype.kind == "f" or y.shape[1] > 1:
        return y.astype(np.float64)
    classes, codes = np.unique(column_or_1d(y[:, 0]), return_inverse=True)
    if y.dtype.kind in "biu" and len(classes) > MOST_CLASSES:
        return y.astype(np.float64)
    return codes[:, None]
