"""Ensembles: several networks of one kind, whose predictions are averaged."""

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from skspectral._estimators import mean_d2
from skspectral._selection.base_ensemble import BaseEnsemble
from skspectral._selection.network_cv import (
    SpectralMLPClassifierCV,
    SpectralMLPRegressorCV,
)

__all__ = ["SpectralEnsembleClassifier", "SpectralEnsembleRegressor"]


class SpectralEnsembleRegressor(RegressorMixin, BaseEnsemble):
    """The mean of several networks for regression.

    Networks that differ in their seed make different errors; the mean of their
    predictions makes smaller ones. By default their alpha and encoding are chosen from
    the data, once: it is the most accurate call of this package. Where
    the mean is then expected to predict better, every second member has another alpha
    or another encoding.

    Parameters
    ----------
    estimator : SpectralMLPRegressor or SpectralMLPRegressorCV, default=None
        Cloned for each member. One that chooses alpha chooses once, for the mean of the
        members: a candidate, and perhaps another one for every second member. None is
        ``SpectralMLPRegressorCV()``, which from 5,000 rows on holds out a fifth of them
        instead of cutting folds.
    n_members : int, default=8
        Networks.
    max_samples : int or float, default=1.0
        Rows of each member: their number, or a fraction.
    bootstrap : bool, default=False
        Whether they are drawn with replacement.
    max_features : int or float, default=1.0
        Columns of each member: their number, or a fraction.
    n_jobs : int, default=None
        Processes, through joblib; None is one, in which the members train together
        where that is faster.
    random_state : int, RandomState or None, default=None
        Seeds the members, and draws rows and columns.

    Attributes
    ----------
    members_ : list of SpectralMLPRegressor
        The fitted networks.
    choice_ : SpectralMLPRegressorCV
        The choice of alpha and encoding, if the estimator makes one.
    columns_ : list of ndarray of int
        Columns of each member, where they do not see all.
    core_sizes_ : list of tuple
        Nodes of the core by hidden layer, for each member.
    feature_importances_, feature_importances_std_ : ndarray of shape (n_features_in_,)
        Mean and standard deviation over the members.
    n_features_in_, feature_names_in_
        Of X and y, as in scikit-learn.

    See Also
    --------
    SpectralMLPRegressorCV : A single network, whose alpha is chosen.
    sklearn.ensemble.BaggingRegressor : Any estimators, averaged.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skspectral import SpectralEnsembleRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> ensemble = SpectralEnsembleRegressor(n_members=3, random_state=0).fit(X, y)
    >>> mean, std = ensemble.predict(X[:2], return_std=True)
    >>> mean.shape, len(ensemble.prune().members_)
    ((2,), 3)
    """

    _default_kind = SpectralMLPRegressorCV

    def score(self, X, y, sample_weight=None):
        """R2 of the predictions; of several quantiles their mean D2.

        See :meth:`SpectralMLPRegressor.score`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        float
        """
        check_is_fitted(self)
        first = self.members_[0]
        if first._has_curves():
            return mean_d2(first._trained_loss, y, self.predict(X), sample_weight)
        return super().score(X, y, sample_weight)

    def predict(self, X, return_std=False):
        """Predict the mean of the members.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        return_std : bool, default=False
            Whether to return the standard deviation over the members as well: how far
            they disagree, which is not the noise of y.

        Returns
        -------
        mean : ndarray of shape (n_samples,) or (n_samples, n_outputs), float64
        std : ndarray of the same shape
            Only if asked for.
        """
        total = squares = 0.0
        first = None
        for member, own in self._tables(X):
            values = member.predict(own)
            first = values if first is None else first
            moved = values - first  # squares of large numbers would lose their digits
            total = total + moved
            squares = squares + moved**2
        mean = total / len(self.members_)
        if not return_std:
            return first + mean
        variance = np.maximum(squares / len(self.members_) - mean**2, 0.0)
        return first + mean, np.sqrt(variance)


class SpectralEnsembleClassifier(ClassifierMixin, BaseEnsemble):
    """The mean of several networks for classification.

    Networks that differ in their seed make different errors; the mean of their
    predictions makes smaller ones. By default their alpha and encoding are chosen from
    the data, once: it is the most accurate call of this package. Where
    the mean is then expected to predict better, every second member has another alpha
    or another encoding.

    Parameters
    ----------
    estimator : SpectralMLPClassifier or SpectralMLPClassifierCV, default=None
        Cloned for each member. One that chooses alpha chooses once, for the mean of the
        members: a candidate, and perhaps another one for every second member. None is
        ``SpectralMLPClassifierCV()``, which from 5,000 rows on holds out a fifth of
        them instead of cutting folds.
    n_members : int, default=8
        Networks.
    max_samples : int or float, default=1.0
        Rows of each member: their number, or a fraction.
    bootstrap : bool, default=False
        Whether they are drawn with replacement.
    max_features : int or float, default=1.0
        Columns of each member: their number, or a fraction.
    n_jobs : int, default=None
        Processes, through joblib; None is one, in which the members train together
        where that is faster.
    random_state : int, RandomState or None, default=None
        Seeds the members, and draws rows and columns.

    Attributes
    ----------
    members_ : list of SpectralMLPClassifier
        The fitted networks.
    choice_ : SpectralMLPClassifierCV
        The choice of alpha and encoding, if the estimator makes one.
    columns_ : list of ndarray of int
        Columns of each member, where they do not see all.
    core_sizes_ : list of tuple
        Nodes of the core by hidden layer, for each member.
    feature_importances_, feature_importances_std_ : ndarray of shape (n_features_in_,)
        Mean and standard deviation over the members.
    n_features_in_, feature_names_in_, classes_
        Of X and y, as in scikit-learn.

    See Also
    --------
    SpectralMLPClassifierCV : A single network, whose alpha is chosen.
    sklearn.ensemble.BaggingClassifier : Any estimators, averaged.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skspectral import SpectralEnsembleClassifier, SpectralMLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> ensemble = SpectralEnsembleClassifier(
    ...     SpectralMLPClassifier(hidden_layer_sizes=20), 3, random_state=0
    ... ).fit(X, y)
    >>> ensemble.predict_proba(X).shape
    (150, 3)
    """

    _default_kind = SpectralMLPClassifierCV

    def predict_proba(self, X):
        """Mean of the probabilities that the members give.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float64
            In the order of `classes_`; for several labels the probability of each.
        """
        total = 0.0
        for member, own in self._tables(X):
            values = member.predict_proba(own)
            if len(member.classes_) < len(self.classes_):  # its rows lack some
                wide = np.zeros((len(values), len(self.classes_)))
                wide[:, np.searchsorted(self.classes_, member.classes_)] = values
                values = wide
            total = total + values
        return total / len(self.members_)

    def predict_log_proba(self, X):
        """Logarithms of the probabilities of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float64
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict(self, X):
        """Most probable classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)
        """
        probabilities = self.predict_proba(X)
        if self.members_[0]._multilabel:
            return (probabilities > 0.5).astype(np.int64)
        return self.classes_[probabilities.argmax(axis=1)]
