"""Scores of a fitted candidate on a fold, in the words of scikit-learn."""

import time
from numbers import Number
from typing import Any

from joblib.logger import short_format_time
from sklearn import get_config
from sklearn.utils.validation import _num_samples

from skspectral._selection.fold_rows import slice_parameters
from skspectral._selection.sklearn_internals import (
    is_multimetric,
    only_predicts,
    score,
)

__all__ = ["FoldScorer"]


class FoldScorer:
    """Scores fits where they were trained.

    Parameters
    ----------
    scorer : scorer of scikit-learn
    error_score : "raise" or number
    return_train_score : bool
    verbose : int
    n_splits : int
    """

    def __init__(self, scorer, error_score, return_train_score, verbose, n_splits):
        self.scorer, self.error_score = scorer, error_score
        self.return_train_score = return_train_score
        self.verbose, self.n_splits = verbose, n_splits
        self.score_parameters: dict[tuple[int, str], dict] = {}
        # Training scores need raw rows and the whole Pipeline anyway; and with routing
        # a Pipeline may pass metadata to its steps.
        self.takes_transformed_rows = (
            only_predicts(scorer)
            and not return_train_score
            and not get_config()["enable_metadata_routing"]
        )

    @property
    def raises(self) -> bool:
        """Whether the first error ends the search."""
        return isinstance(self.error_score, str)

    def slice_parameters(self, X, parameters, splits) -> None:
        """Keep the parameters of the score for the rows of each fold."""
        for split, (train, test) in enumerate(splits):
            for name, rows in (("train", train), ("test", test)):
                part = slice_parameters(X, parameters, rows) if parameters else {}
                self.score_parameters[split, name] = part

    def result(self, fit, network: Any, error: str | None, seconds: float) -> dict:
        """Return what ``cross_validate`` reports of a fit."""
        start, result = time.time(), {"fit_error": error, "fit_time": seconds}
        X_test, y_test = fit.rows.test
        if error is None:
            estimator = network
            if not fit.rows.transformed:
                estimator = fit.fitted(network)
            result["test_scores"] = self._score(estimator, X_test, y_test, fit, "test")
            result["score_time"] = time.time() - start
            if self.return_train_score:
                X_train, y_train = fit.rows.raw
                result["train_scores"] = self._score(
                    estimator, X_train, y_train, fit, "train"
                )
        else:
            result |= {"test_scores": self._failed(), "score_time": 0.0}
            if self.return_train_score:
                result["train_scores"] = self._failed()
        result["n_test_samples"] = _num_samples(X_test)
        self._print(fit, result)
        return result

    def _score(self, estimator, X, y, fit, rows: str):
        parameters = self.score_parameters[fit.split, rows]
        return score(estimator, X, y, self.scorer, parameters, self.error_score)

    def _failed(self):
        assert isinstance(self.error_score, Number)
        if is_multimetric(self.scorer):
            return dict.fromkeys(self.scorer._scorers, self.error_score)
        return self.error_score

    def _print(self, fit, result) -> None:
        """Print the line of a fit as GridSearchCV does, once it is scored."""
        if self.verbose <= 1:
            return
        progress = f" {fit.split + 1}/{self.n_splits}" if self.verbose > 2 else ""
        items = sorted(fit.parameters.items())
        message = ", ".join(f"{name}={value}" for name, value in items)
        message += ";" if message else ""
        if self.verbose > 2:
            message += self._scores_as_text(result)
        seconds = result["fit_time"] + result["score_time"]
        message += f" total time={short_format_time(seconds)}"
        begin = f"[CV{progress}] END "
        dots = "." * (80 - len(begin) - len(message))
        print(f"{begin}{dots}{message}", flush=True)  # noqa: T201

    def _scores_as_text(self, result) -> str:
        test, train = result["test_scores"], result.get("train_scores")
        if not isinstance(test, dict):
            if train is None:
                return f", score={test:.3f}"
            return f", score=(train={train:.3f}, test={test:.3f})"
        text = ""
        for name in sorted(test):
            train_text = "" if train is None else f"train={train[name]:.3f}, "
            text += f" {name}: ({train_text}test={test[name]:.3f})"
        return text
