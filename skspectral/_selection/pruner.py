"""The pruner: an estimator that fits a network and keeps its core."""

import contextlib

import numpy as np
from sklearn import get_config
from sklearn.base import (
    BaseEstimator,
    MetaEstimatorMixin,
    TransformerMixin,
    clone,
    is_classifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import check_cv
from sklearn.utils import Bunch, get_tags, indexable
from sklearn.utils.metadata_routing import (
    UNUSED,
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from skspectral._columns import refuse_missing_targets
from skspectral._estimators import (
    CallbackSupportMixin,
    interrupt_ends_all,
    with_callbacks,
)
from skspectral._selection.fold_fits import split_rows
from skspectral._selection.max_loss import choose_cut
from skspectral._selection.pruner_parameters import check_pruner
from skspectral._selection.report import ReportMixin, report_row, scores_on_folds
from skspectral._selection.scoring import named_scorer
from skspectral._selection.small_network import SmallNetworkMixin

__all__ = ["SpectralPruner"]


class SpectralPruner(
    CallbackSupportMixin,
    MetaEstimatorMixin,
    TransformerMixin,
    SmallNetworkMixin,
    ReportMixin,
    BaseEstimator,
):
    """Fit a network, cut it to its core, and keep the small one.

    At the end of a Pipeline it predicts with the small network; in the middle it hands
    on the activations of the nodes that survive, as few new columns. To cut a network
    by hand, its own `prune` method is shorter. To choose *input* columns take
    :class:`~sklearn.feature_selection.SelectFromModel` with ``gate="in"``.

    Parameters
    ----------
    estimator : SpectralMLPRegressor or SpectralMLPClassifier
        Cloned and trained by `fit`. Inside a
        :class:`~sklearn.frozen.FrozenEstimator` it is fitted already and only cut.
    threshold : "gap" or float in [0, 1), default="gap"
        ``"gap"`` cuts each layer at the widest gap of its sorted relevance, if that
        spans two decades, else at 1e-6 of the largest. A number keeps the nodes with at
        least that fraction of the layer's largest relevance, so larger keeps fewer; the
        paper's is 0.05, the histogram bin of [1]_.
    n_nodes : int, float or tuple of them, default=None
        Keep the most relevant nodes of each hidden layer, instead of a threshold: an
        int is their number, a float in (0, 1] the fraction of the layer, a tuple says
        it layer by layer.
    max_loss : float, default=None
        Cut as deep as the cross-validated score allows, instead of a threshold. In
        units of the score; larger keeps fewer nodes, 0 allows no loss. Trains the
        network once more per fold.
    rule : {"absolute", "one_standard_error"}, default="absolute"
        What `max_loss` is counted from. ``"absolute"``: the mean score of the uncut
        network. ``"one_standard_error"``: one standard error below the best mean
        score, as in [2]_; ``max_loss=0`` then is that rule alone.
    scoring : str or callable, default=None
        The score, larger is better; None takes the estimator's own.
    cv : int, cross-validation generator or iterable, default=5
        Folds that `max_loss` is measured on; not used without it.
    relevance : {"R", "path"}, default="R"
        What nodes are sorted by. ``"R"``: gated norm of a node. ``"path"``: norm of
        its incoming times norm of its outgoing weights.
    merge : bool or "fold", default=True
        Which nodes of a ReLU network become one. True: those that point the same way
        (see :func:`skspectral.nn.merge_parallel_nodes`). ``"fold"``: all on one
        hyperplane, whichever way they point (see :func:`skspectral.nn.fold_nodes`);
        fewer nodes, the outputs on the rows of `fit` change by up to 0.1 % of their
        variance. False: none.
    refit : bool, default=False
        Whether to train the survivors on, without penalty, for a quarter of the
        epochs.

    Attributes
    ----------
    estimator_ : estimator
        The small network, fitted.
    kept_nodes_ : list of ndarray of shape (n_kept,), int
        Index of each of its nodes before the cut, an array per hidden layer. A merged
        node has the index of its representative, a node that carries a linear function
        the index of a node that was folded into it.
    report_ : list of dict
        The network before and after, two rows for :class:`pandas.DataFrame`: hidden
        `nodes` by layer, `trained_parameters`, `bytes` of the fitted arrays, `score`,
        and what it was `scored_on`. Also in the HTML representation.
    cut_results_ : dict
        With `max_loss`: `n_nodes`, a list of tuples from the smallest cut to the
        uncut network; `scores`, ndarray of shape (n_cuts, n_folds); `mean_score` of
        shape (n_cuts,); `lowest_allowed`, the mean score that was asked for;
        `chosen_on_folds`, the smallest cut that reaches it; `chosen`, the one made.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where X has names that are all strings.
    feature_importances_ : ndarray of shape (n_features_in_,)
        Those of the small network.
    classes_ : ndarray of shape (n_classes,)
        Of a classifier.

    See Also
    --------
    SpectralMLPRegressor.prune : The same cut, without a wrapper.
    sklearn.feature_selection.SelectFromModel : Chooses input columns.

    Notes
    -----
    `max_loss` tries about twenty numbers of nodes, in geometric steps up to the width
    of the widest layer (other layers keep the same fraction), and the core. In each
    fold a clone is trained on the training rows and all cuts are scored on the test
    rows by surgery, without training again and before merging and refitting; the
    smallest number whose mean score is allowed is chosen. The network of all rows may
    need more nodes than those of the folds, which saw fewer: the number is raised until
    that network loses, on its training rows, no more than is allowed, or than the
    networks of the folds lost on theirs. A frozen estimator is only scored, on the
    folds of the rows given, which should be rows it was not trained on. The standard
    error is that of the best mean over the folds, not of paired differences: the rule
    of [2]_.

    Parameters of `fit` go to the estimator; `sample_weight` weighs scores as well, if
    the score takes it, and `groups` goes to `cv`. With metadata routing enabled, each
    of the three gets what it requested. A failed `fit` leaves the pruner as it was.

    References
    ----------
    .. [1] L. Giambagli, L. Buffoni, L. Chicchi, D. Fanelli, "How a student becomes a
       teacher", NeurIPS 2023, arXiv:2310.12612.
    .. [2] L. Breiman, J. Friedman, R. Olshen, C. Stone, "Classification and Regression
       Trees", 1984, section 3.4.3.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from skspectral import SpectralMLPRegressor, SpectralPruner
    >>> from skspectral.datasets import make_teacher_student
    >>> X, y, teacher = make_teacher_student(2000, n_teacher_nodes=5, random_state=0)
    >>> reg = SpectralMLPRegressor(
    ...     hidden_layer_sizes=50, encoding="linear", random_state=0
    ... )
    >>> pruner = SpectralPruner(reg).fit(X, y)
    >>> [row["nodes"] for row in pruner.report_]  # the teacher has 5
    [(50,), (5,)]
    >>> pruner.transform(X).shape
    (2000, 5)
    >>> round(make_pipeline(SpectralPruner(reg), Ridge()).fit(X, y).score(X, y), 2)
    1.0
    """

    # The pruner only passes weights on: requests are made to `estimator`. Without these
    # lines it would have a `set_fit_request` that has no effect.
    __metadata_request__fit = {"sample_weight": UNUSED}  # noqa: RUF012
    __metadata_request__score = {"sample_weight": UNUSED}  # noqa: RUF012

    def __init__(
        self,
        estimator,
        *,
        threshold="gap",
        n_nodes=None,
        max_loss=None,
        rule="absolute",
        scoring=None,
        cv=5,
        relevance="R",
        merge=True,
        refit=False,
    ):
        self.estimator = estimator
        self.threshold = threshold
        self.n_nodes = n_nodes
        self.max_loss = max_loss
        self.rule = rule
        self.scoring = scoring
        self.cv = cv
        self.relevance = relevance
        self.merge = merge
        self.refit = refit

    @with_callbacks
    def fit(self, X, y=None, sample_weight=None, **fit_params):
        """Train the network and cut it to its core.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets. A frozen estimator that is cut by its relevance needs none.
        sample_weight : array-like of shape (n_samples,), default=None
            For the estimator's fit and, if it takes weights, the score.
        **fit_params : dict
            For the estimator's fit, as `X_val` and `y_val`; `groups` for `cv`.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For a parameter outside its rule, an estimator that has no core, or data
            that the estimator refuses. The pruner is then what it was before the call.
        """
        if sample_weight is not None:
            fit_params["sample_weight"] = sample_weight
        inner, frozen = check_pruner(self), self._is_frozen()
        if y is None and not (frozen and self.max_loss is None and not self.refit):
            raise ValueError(
                "the pruner requires y to be passed, but the target y is None. Only "
                "a frozen estimator, with max_loss=None and refit=False, needs no y."
            )
        scorer = named_scorer(inner, self.scoring)
        routed = self._route(scorer, fit_params)
        threshold = "gap" if self.threshold is None else self.threshold
        cut, results = {"threshold": threshold, "n_nodes": self.n_nodes}, None
        if self.max_loss is not None:
            if is_classifier(inner):
                refuse_missing_targets(y, is_label=True)  # check_cv fails on None, NA
            cv = check_cv(self.cv, y, classifier=is_classifier(inner))
            folds = split_rows(
                cv,
                *indexable(X, y),
                routed.splitter.split,
                rule=self.rule,
                name="`max_loss`",
                way_out="cut by `threshold`",
                other_rule="absolute",
            )
        root = self._init_callback_context(max_subtasks=int(not frozen))
        root.call_on_fit_task_begin(estimator=self, X=X, y=y)
        large = inner if frozen else self._fit_whole(inner, X, y, routed, root)
        if self.max_loss is not None:
            results = choose_cut(
                large,
                None if frozen else inner,
                X,
                y,
                folds,
                scorer.score,
                routed,
                max_loss=self.max_loss,
                rule=self.rule,
                relevance=self.relevance,
            )
            cut["n_nodes"] = results["chosen"]
        small, nodes = large._prune(
            X,
            y,
            routed.estimator.fit.get("sample_weight"),
            **cut,
            relevance=self.relevance,
            merge=self.merge,
            refit=self.refit,
        )
        if results is not None:
            scores, rows = scores_on_folds(results)
        elif y is not None:
            scores = [
                float(scorer.score(e, X, y, **routed.scorer.score))
                for e in (large, small)
            ]
            rows = "rows passed to fit" if frozen else "training rows"
        else:
            scores, rows = [None, None], None
        # Only now, so that a failed fit leaves nothing half-fitted.
        self.estimator_, self.kept_nodes_ = small, nodes
        self.report_ = [
            report_row("before", large, scores[0], rows),
            report_row("after", small, scores[1], rows),
        ]
        vars(self).pop("cut_results_", None)
        if results is not None:
            self.cut_results_ = results
        root.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self

    def _fit_whole(self, inner, X, y, routed, root):
        """Fit a clone of the network on all rows, as a subtask for callbacks."""
        large = clone(inner)
        task = root.subcontext(task_name="fit-estimator")
        with task.propagate_callback_context(large):
            task.call_on_fit_task_begin(estimator=self, X=X, y=y)
            # An interrupt ends this fit alone, or the fits of the folds as well.
            alone = self.max_loss is None
            with contextlib.nullcontext() if alone else interrupt_ends_all():
                large.fit(X, y, **routed.estimator.fit)
        task.call_on_fit_task_end(estimator=self, X=X, y=y)
        return large

    def _is_frozen(self) -> bool:
        return isinstance(self.estimator, FrozenEstimator)

    def _inner(self):
        return self.estimator.estimator if self._is_frozen() else self.estimator

    def _route(self, scorer, parameters) -> Bunch:
        """Return the parameters of fit for the estimator, the splitter, the scorer."""
        if get_config()["enable_metadata_routing"]:
            return process_routing(self, "fit", **parameters)
        parameters = dict(parameters)
        groups = parameters.pop("groups", None)
        weights = scorer.weights(parameters.get("sample_weight"))
        return Bunch(
            estimator=Bunch(fit=parameters),
            splitter=Bunch(split={"groups": groups}),
            scorer=Bunch(score=weights),
        )

    def get_metadata_routing(self):
        """Return the routing of the metadata of `fit` and `score`.

        Returns
        -------
        sklearn.utils.metadata_routing.MetadataRouter
        """
        inner, router = self._inner(), MetadataRouter(owner=type(self).__name__)
        scorer = named_scorer(inner, self.scoring).score
        parts = {"estimator": inner, "scorer": scorer, "splitter": self.cv}
        callees = {"estimator": "fit", "scorer": "score", "splitter": "split"}
        for name, part in parts.items():
            # For a step in its middle, a Pipeline of scikit-learn < 1.9 looks for the
            # caller fit_transform only.
            mapping = MethodMapping()
            for caller in ("fit", "fit_transform"):
                mapping.add(caller=caller, callee=callees[name])
            if name == "estimator":
                mapping.add(caller="score", callee="score")
            router.add(**{name: part}, method_mapping=mapping)
        return router

    def transform(self, X):
        """Activations of the surviving nodes of the last hidden layer.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_core), float64
            In the units of the network: of columns standardised as in its fit.
        """
        check_is_fitted(self)
        return self.estimator_._hidden(X)

    def get_feature_names_out(self, input_features=None):
        """Names of the columns of `transform`.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Only compared with the names seen in fit.

        Returns
        -------
        ndarray of str
            ``spectralpruner{j}``, j the index of the node before the cut.
        """
        check_is_fitted(self)
        _check_feature_names_in(self, input_features, generate_names=False)
        prefix = type(self).__name__.lower()
        return np.array([f"{prefix}{j}" for j in self.kept_nodes_[-1]], dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if hasattr(self.estimator, "__sklearn_tags__"):
            inner = get_tags(self.estimator)
            tags.estimator_type = inner.estimator_type
            tags.classifier_tags = inner.classifier_tags
            tags.regressor_tags = inner.regressor_tags
            tags.target_tags = inner.target_tags
            tags.input_tags = inner.input_tags
        return tags
