"""What a user should know about a fit that has ended."""

from sklearn.exceptions import ConvergenceWarning

from skspectral._engine import History
from skspectral._estimators.warn import warn_user

__all__ = ["warn_of_fit"]

MANY = 10  # columns; fewer cost little


def warn_of_fit(estimator, history: History, n_epochs: int):
    """Warn of what a user should know about the fit."""
    if history.ended == "callback":
        return  # the user has stopped it
    if history.ended == "interrupted":
        warn_user(
            f"fit was interrupted; the network is that of epoch {estimator.n_iter_} of "
            f"{n_epochs}.",
            ConvergenceWarning,
        )
        return
    if estimator.learning_rate == "constant" and history.ended == "max_iter":
        warn_user(
            f"Maximum iterations ({n_epochs}) reached and the optimization hasn't "
            f"converged yet, by tol={estimator.tol}. Raise max_iter or tol, or let the "
            "rate fall with learning_rate='linear'.",
            ConvergenceWarning,
        )
    inputs = estimator._x_columns
    n_idle, n_columns = len(inputs.idle), inputs.n_columns
    if estimator.gate == "out" and MANY <= n_idle >= n_columns / 2:
        warn_user(
            f"{n_idle} of {n_columns} columns say nothing of y by themselves. If they "
            "are noise they cost accuracy: leave them out, or let gate='in' with "
            "alpha=5e-4 close them."
        )
    if len(estimator._network_state.phi) < 2 or estimator.gate == "both":
        return
    core = estimator._core()
    if core.vanished:
        warn_user(
            "the relevance of every node of a hidden layer vanished: the targets "
            "need no hidden node, or alpha is too large. One node is kept.",
            ConvergenceWarning,
        )
    penalised = min(estimator._alphas(None)[a] for a in ("alpha_phi", "alpha_lambda"))
    gated = estimator.parametrization == "spectral" and estimator.trainable == "all"
    if core.forming and gated and penalised > 0:
        longer = "Raise max_iter"
        if estimator.n_iter_ < n_epochs:
            longer = "It was stopped early: lower tol, or raise n_iter_no_change"
        # No number in it: warnings that differ are all shown, one a candidate.
        warn_user(
            "the core is still forming: no gap sets the dying nodes apart from the "
            f"living, so that the core counts both. {longer} or alpha; or cut with "
            "prune(threshold=0.05).",
            ConvergenceWarning,
        )
