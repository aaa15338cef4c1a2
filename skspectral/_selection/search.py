"""Grid search whose candidates and folds train together."""

import time
from collections import defaultdict
from inspect import signature
from itertools import product

from joblib import effective_n_jobs
from sklearn.base import clone, is_classifier
from sklearn.model_selection import GridSearchCV, check_cv
from sklearn.utils import get_tags, indexable
from sklearn.utils.parallel import Parallel, delayed

from skspectral._columns import refuse_missing_targets
from skspectral._estimators import (
    NO_CONTEXT,
    CallbackSupportMixin,
    check_parameters,
    with_callbacks,
)
from skspectral._selection.candidates import (
    CandidateFold,
    FoldRows,
    chunks_of,
    fit_steps,
    train_chunk,
    waves_of,
)
from skspectral._selection.fold_rows import rows_of
from skspectral._selection.fold_scores import FoldScorer
from skspectral._selection.sklearn_internals import (
    check_method_params,
    insert_error_scores,
    is_multimetric,
    safe_split,
    warn_or_raise_about_fit_failures,
    with_warning_filters,
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
        Score of a candidate that fails; the others go on. ``"raise"`` checks the
        parameters of all candidates before any trains, and ends at the first error.
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

    A step of a Pipeline gets the rows of a fold once for all candidates that share it,
    test rows included. A subclass of Pipeline, or an estimator with a `fit` of its own,
    is fitted as it is. Networks are scored where they were trained and then let go.
    `X_val`, `y_val` and `sample_weight_val` are passed to every fold whole.

    Callbacks (scikit-learn 1.9) see one tree: search, then candidate and fold, then
    epoch. Those that train together advance together; one that a callback stops ends
    alone.

    Examples
    --------
    >>> from skspectral import SpectralGridSearchCV, SpectralMLPRegressor
    >>> from skspectral.datasets import make_teacher_student
    >>> X, y, _ = make_teacher_student(300, n_teacher_nodes=3, random_state=0)
    >>> search = SpectralGridSearchCV(
    ...     SpectralMLPRegressor(
    ...         hidden_layer_sizes=8, encoding="linear", random_state=0
    ...     ),
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
        params = check_method_params(X, params=params)
        routed = self._get_routed_params_for_fit(params)
        data = {"estimator": self, "X": X, "y": y}
        if params.get("sample_weight") is not None:
            data["metadata"] = {"sample_weight": params["sample_weight"]}
        root = self._init_callback_context(max_subtasks=1 + (self.refit is not False))
        root.call_on_fit_task_begin(**data)

        if is_classifier(self.estimator):
            refuse_missing_targets(y, is_label=True)  # check_cv fails on None and NA
        self._checked_cv_orig = check_cv(
            self.cv, y, classifier=is_classifier(self.estimator)
        )
        split_params = routed.splitter.split
        self.n_splits_ = self._checked_cv_orig.get_n_splits(X, y, **split_params)
        evaluated = _Evaluated()

        def evaluate_candidates(candidates, cv=None, more_results=None, **options):
            """Train and score candidates; return all results so far."""
            splits = list((cv or self._checked_cv_orig).split(X, y, **split_params))
            out = self._evaluate(
                list(candidates), splits, X, y, scorers, routed, **options
            )
            evaluated.add(candidates, out, more_results or {})
            return self._format_results(
                evaluated.candidates, len(splits), evaluated.out, evaluated.more
            )

        results = self._search(evaluate_candidates, evaluated, root)

        self.multimetric_ = isinstance(evaluated.out[0]["test_scores"], dict)
        if callable(self.scoring) and self.multimetric_:
            self._check_refit_for_multimetric(evaluated.out[0]["test_scores"])
            refit_metric = self.refit
        if self.refit or not self.multimetric_:
            best = self._select_best_index(self.refit, refit_metric, results)
            self.best_index_ = best
            if not callable(self.refit):
                self.best_score_ = results[f"mean_test_{refit_metric}"][best]
            self.best_params_ = results["params"][best]
        if self.refit:
            self._refit(root, data, routed.estimator.fit)
        self.scorer_ = scorers._scorers if is_multimetric(scorers) else scorers
        self.cv_results_ = results
        root.call_on_fit_task_end(**data)
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = get_tags(self.estimator).input_tags.allow_nan
        return tags

    def _search(self, evaluate_candidates, evaluated, root) -> dict:
        """Let `_run_search`, which a subclass may override, choose the candidates."""
        last: dict = {}

        def evaluate(candidates, cv=None, more_results=None, callback_ctx=None):
            context = NO_CONTEXT if callback_ctx is None else callback_ctx
            last.update(
                evaluate_candidates(list(candidates), cv, more_results, context=context)
            )
            return last

        if "callback_ctx" in signature(self._run_search).parameters:
            self._run_search(evaluate, callback_ctx=root)
        else:  # scikit-learn < 1.9, or a subclass that knows no callbacks
            self._run_search(evaluate)
        return last

    def _evaluate(self, candidates, splits, X, y, scorers, routed, context) -> list:
        """Train candidates on all folds; return a result for each, in order."""
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
        options = self.error_score, self.return_train_score, self.verbose
        scorer = FoldScorer(scorers, *options, len(splits))
        scorer.slice_parameters(X, routed.scorer.score, splits)
        pairs = product(candidates, enumerate(splits))
        fits = [
            CandidateFold(
                number,
                self.estimator,
                parameters,
                split,
                train,
                test,
                context.subcontext(
                    task_name="candidate-split-evaluation", task_id=number
                ),
            )
            for number, (parameters, (split, (train, test))) in enumerate(pairs)
        ]
        if scorer.raises:  # before hours of training, not after them
            for fit in fits:
                if fit.network is not None:
                    check_parameters(fit.network)
        out = self._train(fits, X, y, scorer, routed.estimator.fit)
        warn_or_raise_about_fit_failures(out, self.error_score)
        if callable(self.scoring):
            insert_error_scores(out, self.error_score)
        return out

    def _train(self, fits, X, y, scorer, fit_params) -> list:
        """Train and score all fits: the steps before the networks, then these."""
        parallel = Parallel(n_jobs=self.n_jobs, pre_dispatch=self.pre_dispatch)
        n_jobs = effective_n_jobs(self.n_jobs)
        out: list = [None] * len(fits)
        prepare = delayed(with_warning_filters(fit_steps))
        train = delayed(with_warning_filters(train_chunk))
        for wave in waves_of(fits, X, n_jobs):
            # Data go inside a tuple: some backends keep large arguments on one worker,
            # and lose them with it.
            jobs = (
                ((same[0], self._rows(same[0], X, y, fit_params), scorer),)
                for same in wave
            )
            if any(fit.name is not None for fit in fits):
                prepared = parallel(prepare(*job) for job in jobs)
            else:  # no steps to fit: not worth sending rows to another process
                prepared = [fit_steps(*job) for job in jobs]
            ready = []
            for same, (steps, rows, error, seconds) in zip(wave, prepared, strict=True):
                for fit in same:
                    fit.steps, fit.rows, fit.error = steps, rows, error
                    fit.seconds = seconds / len(same)
                    if error is None:
                        ready.append(fit)
                    else:
                        out[fit.number] = scorer.result(fit, None, error, fit.seconds)
            del prepared
            ready.sort(key=lambda fit: fit.number)
            chunks = chunks_of(ready, n_jobs)
            trained = parallel(train((self, scorer, chunk)) for chunk in chunks)
            for chunk, results in zip(chunks, trained, strict=True):
                for fit, result in zip(chunk, results, strict=True):
                    out[fit.number] = result
            for same in wave:
                for fit in same:
                    fit.rows = fit.network = fit.estimator = fit.steps = None
        return out

    def _rows(self, fit, X, y, fit_params) -> FoldRows:
        train = rows_of(fit.estimator, X, y, fit_params, fit.train)
        test = safe_split(fit.estimator, X, y, fit.test, fit.train)
        return FoldRows(train, test, train[:2])

    def _refit(self, root, data, fit_params) -> None:
        self.best_estimator_ = clone(self.estimator).set_params(
            **clone(self.best_params_, safe=False)
        )
        task = root.subcontext(task_name="refit-with-best-params")
        with task.propagate_callback_context(self.best_estimator_):
            task.call_on_fit_task_begin(**data)
            start = time.time()
            self.best_estimator_.fit(data["X"], data["y"], **fit_params)
            self.refit_time_ = time.time() - start
        if hasattr(self.best_estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.best_estimator_.feature_names_in_
        task.call_on_fit_task_end(**data)


class _Evaluated:
    """Candidates that were evaluated so far, with their results."""

    def __init__(self) -> None:
        self.candidates: list = []
        self.out: list = []
        self.more: dict[str, list] = defaultdict(list)

    def add(self, candidates, out, more) -> None:
        self.candidates += candidates
        self.out += out
        for name, values in more.items():
            self.more[name] += values
