"""How both ensembles fit: one choice, several members, what is known of them."""

import copy
import html

import numpy as np
from joblib import effective_n_jobs
from sklearn import get_config
from sklearn.base import (
    BaseEstimator,
    MetaEstimatorMixin,
    clone,
    is_classifier,
)
from sklearn.utils import Bunch, _safe_indexing, check_random_state, get_tags
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.metadata_routing import (
    UNUSED,
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import (
    _check_feature_names,
    _check_n_features,
    _num_samples,
    check_is_fitted,
)

from skspectral._estimators import (
    FLAG,
    BaseSpectralMLP,
    CallbackSupportMixin,
    HTMLBelowMixin,
    Rule,
    check_parameters,
    check_rules,
    interrupt_ends_all,
    is_finite_number,
    is_integer,
    with_callbacks,
)
from skspectral._selection.choosing_fit import N_JOBS, RACE_ROWS
from skspectral._selection.ensemble_parts import (
    columns_of,
    draw_parts,
    fit_chunk,
    share_inputs,
)
from skspectral._selection.fold_rows import slice_parameters
from skspectral._selection.sklearn_internals import with_warning_filters

__all__ = ["BaseEnsemble"]

HELD_OUT = 0.2  # of a large table, to choose on; small ones are cut in folds


def _is_share(value) -> bool:
    if is_integer(value):
        return value >= 1
    return is_finite_number(value) and 0 < value <= 1


SHARE = Rule(
    "an integer >= 1 or a fraction in (0, 1]",
    _is_share,
    "1.0 is all of them.",
)
RULES = {
    "n_members": Rule(
        "an integer >= 1",
        lambda v: is_integer(v) and v >= 1,
        "Eight are nearly as good as many.",
    ),
    "max_samples": SHARE,
    "bootstrap": FLAG,
    "max_features": SHARE,
    "n_jobs": N_JOBS,
    "random_state": Rule(
        "None, an integer from 0 to 2**32 - 1 or a RandomState",
        lambda v: (
            v is None
            or isinstance(v, np.random.RandomState)
            or (is_integer(v) and 0 <= v < 2**32)
        ),
        "An integer makes results reproducible.",
    ),
}


class BaseEnsemble(
    CallbackSupportMixin, MetaEstimatorMixin, HTMLBelowMixin, BaseEstimator
):
    """What both ensembles share.

    A subclass says which network it takes by default (``_default_kind``).
    """

    # Weights are passed on: requests are made to `estimator`.
    __metadata_request__fit = {"sample_weight": UNUSED}  # noqa: RUF012

    _default_kind: type

    def __init__(
        self,
        estimator=None,
        n_members=8,
        *,
        max_samples=1.0,
        bootstrap=False,
        max_features=1.0,
        n_jobs=None,
        random_state=None,
    ):
        self.estimator = estimator
        self.n_members = n_members
        self.max_samples = max_samples
        self.bootstrap = bootstrap
        self.max_features = max_features
        self.n_jobs = n_jobs
        self.random_state = random_state

    @with_callbacks
    def fit(self, X, y, sample_weight=None, **fit_params):
        """Fit the members.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None
        **fit_params : dict
            For the fit of the members, as `X_val` and `y_val`; `groups` for an
            estimator that chooses on folds.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For a parameter or data outside its rule. The ensemble is then what it was
            before the call.
        """
        inner = self._checked_estimator()
        if sample_weight is not None:
            fit_params["sample_weight"] = sample_weight
        if get_config()["enable_metadata_routing"]:
            parameters = process_routing(self, "fit", **fit_params).estimator.fit
        else:
            parameters = fit_params
        rng = check_random_state(self.random_state)
        seeds = rng.randint(2**31 - 1, size=self.n_members)
        root = self._init_callback_context(max_subtasks=self.n_members + 1)
        root.call_on_fit_task_begin(estimator=self, X=X, y=y)
        fitted = Bunch(choice=None, first=None)
        network = clone(inner)
        network.random_state = int(seeds[0])
        # Checks the table and all parameters before any work; learns the classes.
        network._read(X, y, **_known_to_read(parameters))
        classes = getattr(network, "classes_", None)
        # Rows and columns are those of fit, members may see fewer.
        shape = copy.copy(self)
        _check_feature_names(shape, X, reset=True)
        _check_n_features(shape, X, reset=True)
        samples, columns = draw_parts(self, rng, _num_samples(X), shape.n_features_in_)
        if hasattr(inner, "_chosen_network"):
            # The mean of members is best at another alpha than each of them.
            network._n_members, network._mean_of = self.n_members, self._of_members
            if self.estimator is None and _num_samples(X) >= RACE_ROWS:
                network.cv = HELD_OUT
            fitted.choice = self._run(network, X, y, parameters, root, "choose")
            network = fitted.choice._chosen_network()
            if samples is None and columns is None:
                fitted.first = network
            parameters = {k: v for k, v in parameters.items() if k != "groups"}
        partner = getattr(fitted.choice, "_partner", None)
        members = []
        for number, seed in enumerate(seeds):
            members.append(clone(network))
            members[-1].random_state = int(seed)
            if partner is not None and number % 2:  # every second one
                members[-1].encoding, members[-1].alpha = partner
        new = members if fitted.first is None else members[1:]
        arguments = self._arguments(X, y, parameters, samples, columns)
        new = self._fit_members(new, arguments[-len(new) :] if new else [], root)
        if fitted.first is not None:
            new = [fitted.first, *new]
        share_inputs(new)
        # Only now, so that a failed fit leaves nothing half-fitted.
        for name in ("choice_", "columns_", "feature_names_in_", "classes_"):
            vars(self).pop(name, None)
        self.members_ = new
        self.n_features_in_ = shape.n_features_in_
        if hasattr(shape, "feature_names_in_"):
            self.feature_names_in_ = shape.feature_names_in_
        if classes is not None:
            self.classes_ = classes
        if columns is not None:
            self.columns_ = columns
        if fitted.choice is not None:
            self.choice_ = fitted.choice
        root.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self

    def _of_members(self, members):
        """Return an ensemble of these networks, which see all columns."""
        ensemble = type(self)(n_members=len(members))
        ensemble.members_ = members
        if hasattr(members[0], "classes_"):
            ensemble.classes_ = members[0].classes_
        return ensemble

    def _checked_estimator(self):
        """Return the estimator to clone, after a check of it and of all parameters."""
        check_rules({name: getattr(self, name) for name in RULES}, RULES)
        inner = self.estimator
        if inner is None:
            inner = self._default_kind(n_jobs=self.n_jobs)
        wanted = "classifier" if is_classifier(self) else "regressor"
        if not isinstance(inner, BaseSpectralMLP) or (
            is_classifier(inner) != is_classifier(self)
        ):
            raise InvalidParameterError(
                f"`estimator` must be a {wanted} of this package, or None; got "
                f"{inner!r}. Steps before the network go before the ensemble, in a "
                "Pipeline."
            )
        check_parameters(inner)
        return inner

    def _arguments(self, X, y, parameters, samples, columns) -> list:
        """Return (X, y, parameters of fit) of each member; shared where all see all."""
        if samples is None and columns is None:
            return [(X, y, parameters)] * self.n_members
        arguments = []
        for member in range(self.n_members):
            own_X, own_y, own = X, y, dict(parameters)
            if samples is not None:
                rows = samples[member]
                own_X, own_y = _safe_indexing(X, rows), _safe_indexing(y, rows)
                own = slice_parameters(X, parameters, rows)
            if columns is not None:
                own_X = columns_of(own_X, columns[member])
                if own.get("X_val") is not None:
                    own["X_val"] = columns_of(own["X_val"], columns[member])
            arguments.append((own_X, own_y, own))
        return arguments

    def _run(self, network, X, y, parameters, root, name):
        """Fit one network as a subtask for callbacks."""
        task = root.subcontext(task_name=name)
        with task.propagate_callback_context(network), interrupt_ends_all():
            task.call_on_fit_task_begin(estimator=self, X=X, y=y)
            network.fit(X, y, **parameters)
        task.call_on_fit_task_end(estimator=self, X=X, y=y)
        return network

    def _fit_members(self, members, arguments, root) -> list:
        """Fit members: together, or in as many processes as there are jobs."""
        n_jobs = min(effective_n_jobs(self.n_jobs), len(members))
        if getattr(self, "_skl_callbacks", None):  # they see one fit at a time
            return [
                self._run(member, X, y, own, root, "fit-member")
                for member, (X, y, own) in zip(members, arguments, strict=True)
            ]
        if n_jobs <= 1:
            return fit_chunk((members, arguments))
        chunks = np.array_split(np.arange(len(members)), n_jobs)
        job = delayed(with_warning_filters(fit_chunk))
        found = Parallel(n_jobs=n_jobs)(
            job(([members[i] for i in own], [arguments[i] for i in own]))
            for own in chunks
        )
        return [member for own in found for member in own]

    def get_metadata_routing(self):
        """Return the routing of the metadata of `fit`.

        Returns
        -------
        sklearn.utils.metadata_routing.MetadataRouter
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        inner = self._default_kind() if self.estimator is None else self.estimator
        router = MetadataRouter(owner=type(self).__name__)
        return router.add(estimator=inner, method_mapping=mapping)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "members_")

    def _tables(self, X):
        """Yield each member with the columns of X that it sees."""
        check_is_fitted(self)
        for number, member in enumerate(self.members_):
            if not hasattr(self, "columns_"):
                yield member, X
                continue
            if number == 0:
                _check_feature_names(self, X, reset=False)
                _check_n_features(self, X, reset=False)
            yield member, columns_of(X, self.columns_[number])

    def prune(self, X=None, y=None, sample_weight=None, **cut):
        """Cut every member to its core.

        Parameters
        ----------
        X, y, sample_weight : array-like, default=None
            Rows to fold or to refit on, see :meth:`SpectralMLPRegressor.prune`.
        **cut : dict
            `threshold`, `n_nodes`, `relevance`, `merge` and `refit` of that method.

        Returns
        -------
        ensemble
            A new one; this one stays as it is.
        """
        pruned = copy.copy(self)
        pruned.members_ = [
            member.prune(own, y, sample_weight, **cut)
            for member, own in (
                self._tables(X)
                if X is not None
                else ((member, None) for member in self._fitted_members())
            )
        ]
        share_inputs(pruned.members_)
        return pruned

    def _fitted_members(self):
        check_is_fitted(self)
        return self.members_

    @property
    def core_sizes_(self):
        """Nodes of the core by hidden layer: a tuple for each member."""
        return [member.core_sizes_ for member in self._fitted_members()]

    @property
    def feature_importances_(self):
        """Importance of each column: the mean over the members."""
        return self._importances().mean(axis=0)

    @property
    def feature_importances_std_(self):
        """Standard deviation of the importances over the members."""
        return self._importances().std(axis=0)

    def _importances(self):
        found = np.zeros((len(self._fitted_members()), self.n_features_in_))
        for number, member in enumerate(self.members_):
            own = slice(None)
            if hasattr(self, "columns_"):
                own = self.columns_[number]
            found[number, own] = member.feature_importances_
        return found

    def _html_below(self) -> str:
        if not self.__sklearn_is_fitted__() or self.members_[0].gate == "both":
            return ""
        totals = [sum(sizes) for sizes in self.core_sizes_]
        text = f"{len(totals)} members, nodes in use: {min(totals)} to {max(totals)}"
        if hasattr(self, "choice_"):
            text += f"; {self.choice_._sentence()}"
        return f"<p>{html.escape(text)}</p>"

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = self._default_kind() if self.estimator is None else self.estimator
        own = get_tags(inner)
        tags.input_tags = own.input_tags
        tags.target_tags.multi_output = own.target_tags.multi_output
        if tags.classifier_tags is not None and own.classifier_tags is not None:
            tags.classifier_tags.multi_label = own.classifier_tags.multi_label
        return tags


def _known_to_read(parameters) -> dict:
    """Return the parameters of fit that the reading of rows takes."""
    names = ("sample_weight", "X_val", "y_val", "sample_weight_val")
    return {name: parameters[name] for name in names if name in parameters}
