"""A fit that first chooses alpha and encoding: what both CV estimators share."""

import html
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.base import is_classifier
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit, check_cv
from sklearn.utils import Bunch, check_random_state, indexable
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)

from skspectral._core import NO_CORE
from skspectral._estimators import (
    BOOKKEEPING,
    BaseSpectralMLP,
    Rule,
    check_parameters,
    check_rules,
    interrupt_ends_all,
    is_finite_number,
    is_integer,
    with_callbacks,
)
from skspectral._selection.alpha_choice import AlphaChoice
from skspectral._selection.candidate_scores import CandidateScores
from skspectral._selection.fold_fits import split_rows
from skspectral._selection.pruner_parameters import PRUNER_RULES
from skspectral._selection.scoring import d2_scorer, likelihood_scorer, named_scorer

__all__ = ["N_JOBS", "RACE_ROWS", "ChoosesAlpha"]

RACE_ROWS = 5_000  # from so many on, candidates compete on few folds

N_JOBS = Rule(
    "None or an integer other than 0",
    lambda v: v is None or (is_integer(v) and v != 0),
    "It counts processes; -1 is all cores.",
)

RULES = {
    "alphas": Rule(
        "None or a list of finite numbers > 0",
        lambda v: v is None or _are_strengths(v),
        "None tries half-decades around the strength of alpha='auto'.",
    ),
    "cv": Rule(
        "an integer >= 2, a fraction in (0, 1), a splitter or an iterable of splits",
        lambda v: _is_fraction(v) or PRUNER_RULES["cv"].holds(v),
        "A fraction is the share of the rows that is held out, once.",
    ),
    "rule": Rule(
        "'best' or 'one_standard_error'",
        lambda v: isinstance(v, str) and v in ("best", "one_standard_error"),
        "It says which alpha is chosen.",
    ),
    "scoring": PRUNER_RULES["scoring"]._replace(way_out="alpha is judged by a number."),
    "n_jobs": N_JOBS,
}


# Fitted attributes that a plain network does not have.
CHOICE = (
    *("encoding_", "alphas_", "encodings_", "scores_path_", "core_sizes_path_"),
    *("core_interval_", "best_score_", "score_name_", "n_splits_", "_seed"),
    *("_partner", "_n_members"),
)


def _copy_fitted(source, target) -> None:
    """Copy what is no parameter of either estimator."""
    parameters = {*source.get_params(deep=False), *target.get_params(deep=False)}
    for name, value in vars(source).items():
        if name not in parameters and not name.startswith(BOOKKEEPING):
            setattr(target, name, value)


def _is_fraction(value) -> bool:
    return is_finite_number(value) and not is_integer(value) and 0 < value < 1


def _are_strengths(value) -> bool:
    if isinstance(value, (str, bytes)) or np.ndim(value) != 1:
        return False
    return len(value) > 0 and all(is_finite_number(a) and a > 0 for a in value)


class ChoosesAlpha(BaseSpectralMLP):
    """What both CV estimators add to their network: a fit that chooses.

    A subclass says which network it is (``_network_kind``).
    """

    warm_start = False  # every fit chooses anew
    alpha_phi = alpha_lambda = None
    _network_kind: type
    # Set by an ensemble, for the choice of its members: their number, and what makes an
    # ensemble of fitted networks.
    _n_members: int = 1
    _mean_of: Any = None

    @with_callbacks
    def fit(
        self,
        X,
        y,
        sample_weight=None,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
        **params,
    ):
        """Choose alpha and encoding, then fit the network on all rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, in the fits and, if it takes them, the score.
        X_val, y_val, sample_weight_val : array-like, default=None
            Validation rows for `early_stopping`, the same for every fit.
        **params : dict
            `groups` for the splitter; with metadata routing, what splitter and scorer
            requested.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For a parameter or data outside its rule, or a score that is not finite. The
            estimator is then what it was before the call.
        """
        own = {"sample_weight": sample_weight, "X_val": X_val, "y_val": y_val}
        own["sample_weight_val"] = sample_weight_val
        own = {name: value for name, value in own.items() if value is not None}
        with self._all_or_nothing():
            self._check_choice()
            scorer = self._scorer()
            routed = self._route(scorer, own, params)
            seed = self._whole_seed()
            network = self._network_at(seed, "auto", self.encoding)
            # Raises what a fit would raise, before any work.
            table, _ = network._read(X, y, **own)
            X, y = indexable(X, y)
            folds = self._split(X, y, routed, seed)
            root = self._init_callback_context(max_subtasks=2)
            root.call_on_fit_task_begin(estimator=self, X=X, y=y)
            choice = self._choose(network, table, X, y, folds, scorer, routed, root)
            final = self._fit_chosen(seed, X, y, own, root)
            _copy_fitted(final, self)
            self._seed = seed
            self._note(choice, scorer)
            root.call_on_fit_task_end(estimator=self, X=X, y=y)
            vars(self).pop("_mean_of", None)
        return self

    @property
    def partial_fit(self):
        """Not there: alpha is chosen from all rows at once."""
        raise AttributeError(
            f"{type(self).__name__} chooses alpha from all rows, so it has no "
            f"partial_fit. Take {self._network_kind.__name__}, which has."
        )

    def _check_choice(self) -> None:
        check_parameters(self)
        check_rules({name: getattr(self, name) for name in RULES}, RULES)
        if get_config()["skip_parameter_validation"]:
            return
        if self.rule == "one_standard_error":
            if self.gate == "both":
                raise InvalidParameterError(NO_CORE)
            if _is_fraction(self.cv):
                raise InvalidParameterError(
                    "rule='one_standard_error' needs two folds at least; got "
                    f"cv={self.cv!r}, which holds out rows once. Pass cv=5, or "
                    "rule='best'."
                )

    def _resolve_alpha(self, n_rows, effective, x) -> None:
        self._n_rows, self._n_effective = n_rows, effective  # alpha_ stays

    def _whole_seed(self) -> int:
        """Return the seed of every fit; an integer `random_state` is that seed."""
        if is_integer(self.random_state):
            return int(self.random_state)
        return check_random_state(self.random_state).randint(2**31 - 2)

    def _network_at(self, seed: int, alpha, encoding: str):
        """Return an unfitted network with the parameters of this estimator."""
        names = self._network_kind().get_params(deep=False)
        mine = self.get_params(deep=False)
        parameters = {name: mine[name] for name in names if name in mine}
        parameters |= {"alpha": alpha, "encoding": encoding, "random_state": seed}
        return self._network_kind(**parameters)

    def _chosen_network(self):
        """Return the fitted network as one of its own class, at the chosen alpha."""
        network = self._network_at(self._seed, self.alpha_, self.encoding_)
        _copy_fitted(self, network)
        for name in CHOICE:
            vars(network).pop(name, None)
        return network

    def _scorer(self):
        if self.scoring is None and is_classifier(self):
            return likelihood_scorer()
        if self.scoring is None and self.loss != "squared_error":
            return d2_scorer(self)
        return named_scorer(self, self.scoring)

    def _route(self, scorer, own, params) -> Bunch:
        """Return the parameters of fit for the networks, the splitter, the scorer."""
        if get_config()["enable_metadata_routing"]:
            weight = {k: v for k, v in own.items() if k == "sample_weight"}
            routed = process_routing(self, "fit", **weight, **params)
            of_score = routed.scorer.score
            if self.scoring is None:
                of_score = scorer.weights(own.get("sample_weight"))
            return Bunch(
                estimator=Bunch(fit=own),
                splitter=routed.splitter,
                scorer=Bunch(score=of_score),
            )
        unknown = sorted(set(params) - {"groups"})
        if unknown:
            raise TypeError(
                f"fit takes `groups` beside its own parameters; got {unknown}. Enable "
                "metadata routing to pass more to the splitter and the scorer."
            )
        return Bunch(
            estimator=Bunch(fit=own),
            splitter=Bunch(split={"groups": params.get("groups")}),
            scorer=Bunch(score=scorer.weights(own.get("sample_weight"))),
        )

    def get_metadata_routing(self):
        """Return the routing of the metadata of `fit`.

        Returns
        -------
        sklearn.utils.metadata_routing.MetadataRouter
        """
        mapping = MethodMapping().add(caller="fit", callee="split")
        router = MetadataRouter(owner=type(self).__name__).add_self_request(self)
        cv = None if _is_fraction(self.cv) else check_cv(self.cv)
        router.add(splitter=cv, method_mapping=mapping)
        mapping = MethodMapping().add(caller="fit", callee="score")
        scorer = None if self.scoring is None else self._scorer().score
        return router.add(scorer=scorer, method_mapping=mapping)

    def _split(self, X, y, routed, seed) -> list:
        if _is_fraction(self.cv):
            one_class = is_classifier(self) and np.ndim(y) == 1
            kind = StratifiedShuffleSplit if one_class else ShuffleSplit
            cv = kind(n_splits=1, test_size=self.cv, random_state=seed)
        else:
            cv = check_cv(self.cv, y, classifier=is_classifier(self))
        return split_rows(
            cv,
            X,
            y,
            routed.splitter.split,
            rule=self.rule,
            name="the choice of alpha",
            way_out=f"take {self._network_kind.__name__} and set alpha",
            other_rule="best",
        )

    def _choose(self, network, table, X, y, folds, scorer, routed, root) -> AlphaChoice:
        """Choose, as a subtask for callbacks."""
        encodings = [self.encoding]
        data = network._plan(table).data  # which columns bend, and alpha="auto"
        if self.encoding == "auto":
            encodings = ["auto", "linear"] if data.x.knots else ["linear"]
            if self._n_members > 1 and not data.x.knots:
                encodings.append("piecewise")  # worse alone, but different
        scores = CandidateScores(
            self,
            folds,
            X,
            y,
            scorer,
            routed,
            seed=network.random_state,
            n_members=self._n_members,
            mean_of=self._mean_of,
        )
        choice = AlphaChoice(
            scores.of_networks,
            evaluate_means=scores.of_means if self._n_members > 1 else None,
            encodings=encodings,
            n_folds=len(folds),
            rule=self.rule,
            middle=network.alpha_,
            alphas=None if self.alphas is None else np.unique(self.alphas),
            races=len(table.y) >= RACE_ROWS and len(folds) > 1,
        )
        task = root.subcontext(task_name="choose-alpha")
        task.call_on_fit_task_begin(estimator=self, X=X, y=y)
        self._chosen = choice.run()
        self._partner = None
        if self._n_members > 1:
            others = choice.beside(self._chosen)
            self._partner = scores.partner(self._chosen, others, choice.racing)
        task.call_on_fit_task_end(estimator=self, X=X, y=y)
        return choice

    def _fit_chosen(self, seed, X, y, own, root):
        """Fit the network on all rows, as a subtask for callbacks."""
        encoding, alpha = self._chosen
        final = self._network_at(seed, alpha, encoding)
        task = root.subcontext(task_name="fit-chosen")
        with task.propagate_callback_context(final), interrupt_ends_all():
            task.call_on_fit_task_begin(estimator=self, X=X, y=y)
            final.fit(X, y, **own)
        task.call_on_fit_task_end(estimator=self, X=X, y=y)
        return final

    def _note(self, choice: AlphaChoice, scorer) -> None:
        """Set the fitted attributes of the choice."""
        tried, chosen = choice.tried, self._chosen
        self.encoding_, self.alpha_ = chosen
        self.alphas_ = np.array(sorted({alpha for _, alpha in tried.scores}))
        self.encodings_ = list(choice.encodings)
        shape = len(self.encodings_), len(self.alphas_), tried.n_folds
        self.scores_path_ = np.full(shape, np.nan)
        n_layers = len(self._network_state.phi) - 1
        self.core_sizes_path_ = np.full((*shape, n_layers), np.nan)
        for (encoding, alpha), scores in tried.scores.items():
            place = self.encodings_.index(encoding), self.alphas_.tolist().index(alpha)
            self.scores_path_[place] = scores
            for fold, sizes in enumerate(tried.core_sizes[encoding, alpha]):
                if sizes:
                    self.core_sizes_path_[(*place, fold)] = sizes
        self.best_score_ = float(np.nanmean(tried.scores[chosen]))
        totals = tried.total_core(chosen)
        self.core_interval_ = min(totals), max(totals)
        self.score_name_ = scorer.name
        self.n_splits_ = tried.n_folds
        del self._chosen

    def _sentence(self) -> str:
        """How wide? In words."""
        width = sum(self._network_state.sizes[1:-1])
        nodes = width if self.gate == "both" else sum(self.core_sizes_)
        low, high = self.core_interval_
        folds = "held-out rows" if self.n_splits_ == 1 else f"{self.n_splits_} folds"
        spread = f"{low} to {high}" if high > low else f"{low}"
        what = "node" if nodes == 1 else "nodes"
        return (
            f"{nodes} {what} ({spread} over {folds}) of {width}, alpha "
            f"{self.alpha_:.2g}, encoding {self.encoding_!r}"
        )

    def __repr__(self, N_CHAR_MAX=700):
        plain = super().__repr__(N_CHAR_MAX)
        if not hasattr(self, "core_interval_"):
            return plain
        return f"{plain}\n{self._sentence()}"

    def _html_below(self) -> str:
        below = super()._html_below()
        if not hasattr(self, "core_interval_"):
            return below
        return f"<p>{html.escape(self._sentence())}</p>{below}"
