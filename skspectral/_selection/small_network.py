"""Predictions and attributes that a meta-estimator takes from its network."""

from sklearn import get_config
from sklearn.utils.metadata_routing import process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

__all__ = ["SmallNetworkMixin"]


def _estimator_has(name):
    def check(self):
        getattr(getattr(self, "estimator_", self.estimator), name)  # raises if not
        return True

    return check


class SmallNetworkMixin:
    """Methods and fitted attributes that are passed on to the network `estimator_`."""

    @available_if(_estimator_has("predict"))
    def predict(self, X):
        """Predict with the small network; see its class."""
        check_is_fitted(self)
        return self.estimator_.predict(X)

    @available_if(_estimator_has("predict_proba"))
    def predict_proba(self, X):
        """Return the probabilities of the classes, by the small network."""
        check_is_fitted(self)
        return self.estimator_.predict_proba(X)

    @available_if(_estimator_has("predict_log_proba"))
    def predict_log_proba(self, X):
        """Return the logarithms of the probabilities of the classes."""
        check_is_fitted(self)
        return self.estimator_.predict_log_proba(X)

    @available_if(_estimator_has("decision_function"))
    def decision_function(self, X):
        """Return the logits of the small network."""
        check_is_fitted(self)
        return self.estimator_.decision_function(X)

    @property
    def n_features_in_(self):
        """Columns of X."""
        return self.estimator_.n_features_in_

    @property
    def feature_names_in_(self):
        """Names of the columns of X."""
        return self.estimator_.feature_names_in_

    @property
    def classes_(self):
        """Classes of a classifier."""
        return self.estimator_.classes_

    @property
    def feature_importances_(self):
        """Importance of each column for the small network; for SelectFromModel."""
        return self.estimator_.feature_importances_

    @available_if(_estimator_has("score"))
    def score(self, X, y, sample_weight=None, **params):
        """Score of the small network: R^2 or accuracy.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None
        **params : dict
            For the estimator's score.

        Returns
        -------
        float
        """
        check_is_fitted(self)
        if sample_weight is not None:
            params["sample_weight"] = sample_weight
        if get_config()["enable_metadata_routing"]:
            params = process_routing(self, "score", **params).estimator.score
        return self.estimator_.score(X, y, **params)
