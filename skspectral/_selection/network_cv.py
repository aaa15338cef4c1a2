"""Networks that choose alpha and encoding from the data: the CV estimators."""

from skspectral._estimators import SpectralMLPClassifier, SpectralMLPRegressor
from skspectral._selection.choosing_fit import ChoosesAlpha

__all__ = ["SpectralMLPClassifierCV", "SpectralMLPRegressorCV"]


class SpectralMLPRegressorCV(ChoosesAlpha, SpectralMLPRegressor):
    """Network for regression whose penalty is chosen from the data.

    How strong a penalty, and so how many nodes, is chosen by scores on folds; then the
    network is fitted on all rows. It is a fitted :class:`SpectralMLPRegressor`: all
    that one has (`prune`, displays, exports) is here too.

    Parameters
    ----------
    alphas : array-like of shape (n_alphas,), default=None
        Strengths to try, > 0, from weak to strong until two in a row score worse. None
        starts at the strength of ``alpha="auto"`` and goes in half-decades to both
        sides, until both score worse.
    cv : int, float, cross-validation generator or iterable, default=5
        Folds, as in scikit-learn; a fraction in (0, 1) holds out that share of the rows
        once.
    rule : {"best", "one_standard_error"}, default="best"
        ``"best"`` takes the alpha of the best mean score. ``"one_standard_error"``
        takes the smallest core among the stronger alphas whose mean is within one
        standard error of it [1]_.
    scoring : str or callable, default=None
        The score, larger is better. None is R2, and for other losses than squared
        error their own D2, as scikit-learn's ``d2_tweedie_score`` has it.
    n_jobs : int, default=None
        Processes for the fits on folds, through joblib; None is one.
    loss, quantile, power, delta, hidden_layer_sizes, activation
        As of :class:`SpectralMLPRegressor`.
    fit_intercept, parametrization, gate, trainable
        As of :class:`SpectralMLPRegressor`.
    alpha_readout, standardize, n_knots, categorical_features, batch_size
        As of :class:`SpectralMLPRegressor`.
    encoding : {"auto", "linear", "piecewise"}, default="auto"
        How numeric columns enter the network. ``"auto"`` tries ramps for the columns
        along which y bends, where there are any, and ``"linear"``; the others are
        taken as they are.
    learning_rate, learning_rate_init, max_iter, tol, early_stopping
        As of :class:`SpectralMLPRegressor`.
    validation_fraction, n_iter_no_change, n_iter_warmup, shuffle
        As of :class:`SpectralMLPRegressor`.
    random_state, dtype, device, verbose
        As of :class:`SpectralMLPRegressor`. An integer is the seed of every fit.

    Attributes
    ----------
    alpha_ : float
        The chosen strength.
    encoding_ : str
        The chosen encoding.
    alphas_ : ndarray of shape (n_alphas,)
        Strengths that were tried, ascending.
    encodings_ : list of str
        Encodings that were tried.
    scores_path_ : ndarray of shape (n_encodings, n_alphas, n_folds)
        NaN where a candidate was not tried.
    core_sizes_path_ : ndarray of shape (n_encodings, n_alphas, n_folds, n_layers)
        Nodes of the core by hidden layer.
    core_interval_ : tuple of int
        Smallest and largest core over the folds, at the chosen alpha.
    best_score_ : float
        Mean score of the chosen candidate.
    score_name_ : str
        For the axis of a figure.
    n_splits_ : int
        Folds.
    core_sizes_, feature_relevance_, ...
        All that a :class:`SpectralMLPRegressor` has.

    See Also
    --------
    SpectralMLPRegressor : The same network at an alpha that you choose.
    AlphaChoiceDisplay : Draws score and core against alpha.

    Notes
    -----
    From 5,000 rows on, candidates compete on the first fold and the best two on three;
    the winner is tried on all, which gives `best_score_` and `core_interval_`. Every
    fit is as long as `max_iter` says and starts anew: what goes on from a weaker alpha
    keeps more nodes (see :func:`regularization_path`).

    With a parameter outside its rule, or data that cannot be used, `fit` raises before
    anything is trained.

    References
    ----------
    .. [1] L. Breiman, J. Friedman, R. Olshen, C. Stone, "Classification and Regression
       Trees", 1984, section 3.4.3.

    Examples
    --------
    >>> from skspectral import SpectralMLPRegressorCV
    >>> from skspectral.datasets import make_teacher_student
    >>> X, y, teacher = make_teacher_student(1000, n_teacher_nodes=5, random_state=0)
    >>> reg = SpectralMLPRegressorCV(
    ...     alphas=[1e-3, 1e-2],
    ...     hidden_layer_sizes=50,
    ...     encoding="linear",
    ...     random_state=0,
    ... ).fit(X, y)
    >>> reg.alpha_, reg.core_sizes_  # of 50 nodes; the teacher has 5
    (0.001, (5,))
    """

    _network_kind = SpectralMLPRegressor

    def __init__(
        self,
        *,
        alphas=None,
        cv=5,
        rule="best",
        scoring=None,
        n_jobs=None,
        loss="squared_error",
        quantile=0.5,
        power=1.5,
        delta=0.5,
        hidden_layer_sizes=256,
        activation="relu",
        fit_intercept=True,
        parametrization="spectral",
        gate="out",
        trainable="all",
        alpha_readout=None,
        standardize=True,
        encoding="auto",
        n_knots=48,
        categorical_features="from_dtype",
        batch_size="auto",
        learning_rate="linear",
        learning_rate_init=1e-2,
        max_iter="auto",
        tol=1e-4,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change="auto",
        n_iter_warmup=0,
        shuffle=True,
        random_state=None,
        dtype="float32",
        device="auto",
        verbose=False,
    ):
        self.alphas = alphas
        self.cv = cv
        self.rule = rule
        self.scoring = scoring
        self.n_jobs = n_jobs
        self.loss = loss
        self.quantile = quantile
        self.power = power
        self.delta = delta
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.fit_intercept = fit_intercept
        self.parametrization = parametrization
        self.gate = gate
        self.trainable = trainable
        self.alpha_readout = alpha_readout
        self.standardize = standardize
        self.encoding = encoding
        self.n_knots = n_knots
        self.categorical_features = categorical_features
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.tol = tol
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.n_iter_warmup = n_iter_warmup
        self.shuffle = shuffle
        self.random_state = random_state
        self.dtype = dtype
        self.device = device
        self.verbose = verbose


class SpectralMLPClassifierCV(ChoosesAlpha, SpectralMLPClassifier):
    """Network for classification whose penalty is chosen from the data.

    How strong a penalty, and so how many nodes, is chosen by scores on folds; then the
    network is fitted on all rows. It is a fitted :class:`SpectralMLPClassifier`: all
    that one has (`prune`, displays, exports) is here too.

    Parameters
    ----------
    alphas : array-like of shape (n_alphas,), default=None
        Strengths to try, > 0, from weak to strong until two in a row score worse. None
        starts at the strength of ``alpha="auto"`` and goes in half-decades to both
        sides, until both score worse.
    cv : int, float, cross-validation generator or iterable, default=5
        Folds, as in scikit-learn; a fraction in (0, 1) holds out that share of the rows
        once.
    rule : {"best", "one_standard_error"}, default="best"
        ``"best"`` takes the alpha of the best mean score. ``"one_standard_error"``
        takes the smallest core among the stronger alphas whose mean is within one
        standard error of it [1]_.
    scoring : str or callable, default=None
        The score, larger is better. None is the mean logarithm of the probability
        given to the true class.
    n_jobs : int, default=None
        Processes for the fits on folds, through joblib; None is one.
    hidden_layer_sizes, activation, fit_intercept, parametrization, gate, trainable
        As of :class:`SpectralMLPClassifier`.
    alpha_readout, standardize, n_knots, categorical_features, batch_size
        As of :class:`SpectralMLPClassifier`.
    encoding : {"auto", "linear", "piecewise"}, default="auto"
        How numeric columns enter the network. ``"auto"`` tries ramps for the columns
        along which y bends, where there are any, and ``"linear"``; the others are
        taken as they are.
    learning_rate, learning_rate_init, max_iter, tol, early_stopping
        As of :class:`SpectralMLPClassifier`.
    validation_fraction, n_iter_no_change, n_iter_warmup, shuffle
        As of :class:`SpectralMLPClassifier`.
    random_state, dtype, device, verbose, class_weight
        As of :class:`SpectralMLPClassifier`. An integer is the seed of every fit.

    Attributes
    ----------
    alpha_ : float
        The chosen strength.
    encoding_ : str
        The chosen encoding.
    alphas_ : ndarray of shape (n_alphas,)
        Strengths that were tried, ascending.
    encodings_ : list of str
        Encodings that were tried.
    scores_path_ : ndarray of shape (n_encodings, n_alphas, n_folds)
        NaN where a candidate was not tried.
    core_sizes_path_ : ndarray of shape (n_encodings, n_alphas, n_folds, n_layers)
        Nodes of the core by hidden layer.
    core_interval_ : tuple of int
        Smallest and largest core over the folds, at the chosen alpha.
    best_score_ : float
        Mean score of the chosen candidate.
    score_name_ : str
        For the axis of a figure.
    n_splits_ : int
        Folds.
    core_sizes_, feature_relevance_, ...
        All that a :class:`SpectralMLPClassifier` has.

    See Also
    --------
    SpectralMLPClassifier : The same network at an alpha that you choose.
    AlphaChoiceDisplay : Draws score and core against alpha.

    Notes
    -----
    From 5,000 rows on, candidates compete on the first fold and the best two on three;
    the winner is tried on all, which gives `best_score_` and `core_interval_`. Every
    fit is as long as `max_iter` says and starts anew: what goes on from a weaker alpha
    keeps more nodes (see :func:`regularization_path`).

    With a parameter outside its rule, or data that cannot be used, `fit` raises before
    anything is trained.

    References
    ----------
    .. [1] L. Breiman, J. Friedman, R. Olshen, C. Stone, "Classification and Regression
       Trees", 1984, section 3.4.3.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skspectral import SpectralMLPClassifierCV
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = SpectralMLPClassifierCV(
    ...     alphas=[1e-3, 1e-2], hidden_layer_sizes=20, random_state=0
    ... ).fit(X, y)
    >>> clf.score(X, y) > 0.95
    True
    """

    _network_kind = SpectralMLPClassifier

    def __init__(
        self,
        *,
        alphas=None,
        cv=5,
        rule="best",
        scoring=None,
        n_jobs=None,
        hidden_layer_sizes=256,
        activation="relu",
        fit_intercept=True,
        parametrization="spectral",
        gate="out",
        trainable="all",
        alpha_readout=None,
        standardize=True,
        encoding="auto",
        n_knots=48,
        categorical_features="from_dtype",
        batch_size="auto",
        learning_rate="linear",
        learning_rate_init=1e-2,
        max_iter="auto",
        tol=1e-4,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change="auto",
        n_iter_warmup=0,
        shuffle=True,
        random_state=None,
        dtype="float32",
        device="auto",
        verbose=False,
        class_weight=None,
    ):
        self.alphas = alphas
        self.cv = cv
        self.rule = rule
        self.scoring = scoring
        self.n_jobs = n_jobs
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.fit_intercept = fit_intercept
        self.parametrization = parametrization
        self.gate = gate
        self.trainable = trainable
        self.alpha_readout = alpha_readout
        self.standardize = standardize
        self.encoding = encoding
        self.n_knots = n_knots
        self.categorical_features = categorical_features
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.tol = tol
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.n_iter_warmup = n_iter_warmup
        self.shuffle = shuffle
        self.random_state = random_state
        self.dtype = dtype
        self.device = device
        self.verbose = verbose
        self.class_weight = class_weight
