"""Predictions and attributes that a meta-estimator takes from its network."""

from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

__all__ = ["SmallNetworkMixin", "estimator_has"]


def estimator_has(name):
    def check(self):
        getattr(getattr(self, "estimator_", self.estimator), name)  # raises if not
        return True

    return check


class SmallNetworkMixin:
    """Methods and fitted attributes that are passed on to the network `estimator_`."""

    @available_if(estimator_has("predict"))
    def predict(self, X):
        """Predict with the small network; see its class."""
        check_is_fitted(self)
        return self.estimator_.predict(X)

    @available_if(estimator_has("predict_proba"))
    def predict_proba(self, X):
        """Return the probabilities of the classes, by the small network."""
        check_is_fitted(self)
        return self.estimator_.predict_proba(X)

    @available_if(estimator_has("predict_log_proba"))
    def predict_log_proba(self, X):
        """Return the logarithms of the probabilities of the classes."""
        check_is_fitted(self)
        return self.estimator_.predict_log_proba(X)

    @available_if(estimator_has("decision_function"))
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
