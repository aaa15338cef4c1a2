"""Grid search whose candidates and folds train together."""

import time
from itertools import product

from joblib import Parallel, delayed, effective_n_jobs
from sklearn.base import clone, is_classifier
from sklearn.model_selection import GridSearchCV, ParameterGrid, check_cv
from sklearn.model_selection._search import _MultimetricScorer
from sklearn.model_selection._validation import (
    _fit_and_score,
    _insert_error_scores,
    _warn_or_raise_about_fit_failures,
)
from sklearn.utils import indexable
from sklearn.utils.validation import _check_method_params

from skspectral._estimators import CallbackSupportMixin, with_callbacks
from skspectral._selection.candidates import (
    CandidateFold,
    chunks_of,
    fit_steps,
    rows_of,
    train_chunk,
    waves_of,
)

__all__ = ["SpectralGridSearchCV"]


class SpectralGridSearchCV(GridSearchCV, CallbackSupportMixin):
    """GridSearchCV for spectral networks: candidates and folds train together.

    The signature, the results and the fitted attributes are those of
    :class:`sklearn.model_selection.GridSearchCV`; row k of the search is the plain
    estimator fitted on that fold with those parameters. Fits that differ only in rows,
    alphas, learning rate and seed become one batch of networks, several times faster
    than one after another where networks are small. The steps of a Pipeline before the
    network are fitted once per fold and shared.

    Use GridSearchCV where the estimator is not a spectral one, or holds it anywhere but
    as the last step of a Pipeline: the results are the same, but nothing is gained.

    Parameters
    ----------
    estimator : estimator
        A SpectralMLPRegressor, a SpectralMLPClassifier, or a Pipeline that ends in one.
    param_grid : dict or list of dict
        Parameters to try, see :class:`sklearn.model_selection.ParameterGrid`.
    scoring : str, callable, list, tuple or dict, default=None
        As in GridSearchCV; None takes the score of the estimator.
    n_jobs : int, default=None
        Processes; batches of fits are dispatched through joblib, so that
        ``joblib.parallel_config(backend="dask")`` spreads them over a cluster.
    refit : bool, str or callable, default=True
        Fit the best candidate on all rows.
    cv : int, splitter or iterable, default=None
        As in GridSearchCV; None is 5 folds.
    verbose : int, default=0
        As in GridSearchCV.
    pre_dispatch : int or str, default="2*n_jobs"
        As in GridSearchCV.
    error_score : "raise" or number, default=np.nan
        Score of a candidate that fails; the others go on.
    return_train_score : bool, default=False
        Also score the training rows.

    Attributes
    ----------
    cv_results_ : dict of ndarray
        As of GridSearchCV. The fit time of a candidate is its share of the time of its
        batch.
    best_estimator_, best_score_, best_params_, best_index_, refit_time_
        As of GridSearchCV.
    scorer_, n_splits_, multimetric_, classes_, n_features_in_, feature_names_in_
        As of GridSearchCV.

    See Also
    --------
    sklearn.model_selection.GridSearchCV : The same results, one fit after another.
    regularization_path : Relevance and score against alpha, without folds.

    Notes
    -----
    In float64 the scores equal those of GridSearchCV to rounding. In float32, on one
    thread of a CPU with torch's MKL, those of a regressor are equal to the last bit in
    most searches and to 1e-6 in others; elsewhere training with ReLU amplifies what the
    kernels of a batch round differently: scores may differ in the second or third
    digit, and close candidates change places.

    Callbacks (scikit-learn 1.9) see one tree: search, then candidate and fold, then
    epoch. Those that train together advance together; one that a callback stops ends
    alone.

    Examples
    --------
    >>> from skspectral import SpectralGridSearchCV, SpectralMLPRegressor
    >>> from skspectral.datasets import make_teacher_student
    >>> X, y, _ = make_teacher_student(300, n_teacher_nodes=3, random_state=0)
    >>> search = SpectralGridSearchCV(
    ...     SpectralMLPRegressor(hidden_layer_sizes=8, random_state=0),
    ...     {"alpha": [1e-3, 1e-1]},
    ... )
    >>> search.fit(X, y).best_params_
    {'alpha': 0.001}
    """

    @with_callbacks
    def fit(self, X, y=None, **params):
        """Fit all candidates on all folds, together where they can be.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        **params : dict
            For the estimator, the scorer and the splitter, as in GridSearchCV.

        Returns
        -------
        self
        """
        self._validate_params()
        scorers, refit_metric = self._get_scorers()
        X, y = indexable(X, y)
        params = _check_method_params(X, params=params)
        routed = self._get_routed_params_for_fit(params)
        told = {"estimator": self, "X": X, "y": y}
        if params.get("sample_weight") is not None:
            told["metadata"] = {"sample_weight": params["sample_weight"]}
        root = self._init_callback_context(max_subtasks=1 + (self.refit is not False))
        root.call_on_fit_task_begin(**told)

        cv = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        splits = list(cv.split(X, y, **routed.splitter.split))
        self.n_splits_ = len(splits)
        candidates = list(ParameterGrid(self.param_grid))
        n_fits = len(candidates) * len(splits)
        if n_fits == 0:
            raise ValueError(
                "a search needs a candidate and a split; got "
                f"{len(candidates)} candidates and {len(splits)} splits. Look at "
                "param_grid and cv."
            )
        if self.verbose > 0:
            print(  # noqa: T201
                f"Fitting {len(splits)} folds for each of {len(candidates)} candidates,"
                f" totalling {n_fits} fits"
            )
        task = root.subcontext(
            task_name="search", max_subtasks=n_fits, sequential_subtasks=False
        )
        task.call_on_fit_task_begin(estimator=self)
        fits = [
            CandidateFold(
                self.estimator,
                parameters,
                split,
                train,
                task.subcontext(task_name="candidate-split-evaluation", task_id=number),
            )
            for number, (parameters, (split, (train, _))) in enumerate(
                product(candidates, enumerate(splits))
            )
        ]
        self._train(fits, X, y, routed.estimator.fit)
        out = [
            self._score(fit, X, y, scorers, routed.scorer.score, splits[fit.split][1])
            for fit in fits
        ]
        task.call_on_fit_task_end(estimator=self)
        _warn_or_raise_about_fit_failures(out, self.error_score)
        if callable(self.scoring):
            _insert_error_scores(out, self.error_score)
        results = self._format_results(candidates, self.n_splits_, out)

        self.multimetric_ = isinstance(out[0]["test_scores"], dict)
        if callable(self.scoring) and self.multimetric_:
            self._check_refit_for_multimetric(out[0]["test_scores"])
            refit_metric = self.refit
        if self.refit or not self.multimetric_:
            self.best_index_ = self._select_best_index(
                self.refit, refit_metric, results
            )
            if not callable(self.refit):
                self.best_score_ = results[f"mean_test_{refit_metric}"][
                    self.best_index_
                ]
            self.best_params_ = results["params"][self.best_index_]
        if self.refit:
            self._refit(root, told, routed.estimator.fit)
        multimetric = isinstance(scorers, _MultimetricScorer)
        self.scorer_ = scorers._scorers if multimetric else scorers
        self.cv_results_ = results
        root.call_on_fit_task_end(**told)
        return self

    def _refit(self, root, told, fit_params) -> None:
        self.best_estimator_ = clone(self.estimator).set_params(
            **clone(self.best_params_, safe=False)
        )
        task = root.subcontext(task_name="refit-with-best-params")
        with task.propagate_callback_context(self.best_estimator_):
            task.call_on_fit_task_begin(**told)
            start = time.time()
            self.best_estimator_.fit(told["X"], told["y"], **fit_params)
            self.refit_time_ = time.time() - start
        if hasattr(self.best_estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.best_estimator_.feature_names_in_
        task.call_on_fit_task_end(**told)

    def _train(self, fits, X, y, fit_params) -> None:
        """Train all fits: the steps before the networks, then the networks."""
        parallel = Parallel(n_jobs=self.n_jobs, pre_dispatch=self.pre_dispatch)
        n_jobs = effective_n_jobs(self.n_jobs)
        for wave in waves_of(fits, X, n_jobs):
            # Data go inside a tuple: some backends keep large arguments on one worker,
            # and lose them with it.
            jobs = (
                delayed(fit_steps)((same[0], *rows_of(same[0], X, y, fit_params)))
                for same in wave
            )
            if any(fit.name is not None for fit in fits):
                inputs = parallel(jobs)
            else:  # nothing to fit: not worth a journey
                inputs = [function(*args) for function, args, _ in jobs]
            for same, (result, seconds) in zip(wave, inputs, strict=True):
                for fit in same:
                    fit.take_input(result, seconds / len(same))
            del inputs, result
            well = [fit for same in wave for fit in same if fit.error is None]
            chunks = chunks_of(well, n_jobs)
            trained = parallel(delayed(train_chunk)((self, chunk)) for chunk in chunks)
            for chunk, results in zip(chunks, trained, strict=True):
                for fit, own in zip(chunk, results, strict=True):
                    fit.take_result(*own)

    def _score(self, fit, X, y, scorers, score_params, test) -> dict:
        """What GridSearchCV knows of a fit: scores, times, failure."""
        estimator = fit.assembled()
        # scikit-learn's own scoring of a fold, with a fit that is done already; the
        # parameters are passed to be named.
        estimator.fit, estimator.set_params = (
            fit.return_fitted_or_raise,
            lambda **_: estimator,
        )
        out = _fit_and_score(
            estimator,
            X,
            y,
            scorer=scorers,
            train=fit.train,
            test=test,
            verbose=self.verbose,
            parameters=fit.parameters,
            split_progress=(fit.split, self.n_splits_),
            fit_params=None,
            score_params=score_params,
            return_train_score=self.return_train_score,
            return_n_test_samples=True,
            return_times=True,
            error_score=self.error_score,
        )
        out["fit_time"] = fit.seconds
        return out
