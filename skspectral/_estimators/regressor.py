"""The regressor: a network for tables, as a scikit-learn estimator."""

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from skspectral._engine import QuantileCurves
from skspectral._estimators.export import as_sklearn_mlp
from skspectral._estimators.pruning import PrunableSpectralMLP
from skspectral._estimators.target_scores import mean_d2
from skspectral._estimators.targets import check_targets, regression_loss

__all__ = ["SpectralMLPRegressor"]


class SpectralMLPRegressor(RegressorMixin, PrunableSpectralMLP):
    """Neural network for regression that tells which of its nodes are in use.

    A multi-layer perceptron whose layers are written in eigenvectors and eigenvalues,
    both with an L2 penalty. One eigenvalue gates each hidden node. The penalty drives
    nodes to zero that are not worth its price; the others are the core. A wider start
    adds few nodes to it. Tables go in as they are: frames with numbers, categories and
    missing values. Not for images, text or sequences.

    Parameters
    ----------
    loss : {"squared_error", "absolute_error", "huber", "quantile", "poisson", \
            "gamma", "tweedie"}, default="squared_error"
        What is predicted: the mean (``"squared_error"``), the median
        (``"absolute_error"``), a mean that outliers hardly move (``"huber"``),
        quantiles, or the mean of counts and amounts, which is never negative:
        ``"poisson"`` (y >= 0), ``"gamma"`` (y > 0) and ``"tweedie"`` minimise a
        deviance through a log link, so that columns multiply the prediction. For an
        exposure pass rates as y and exposures as `sample_weight`.
    quantile : float or array-like of shape (n_levels,), default=0.5
        Level in (0, 1), with ``loss="quantile"``. Of several, ascending, `predict`
        returns a curve each, and the curves do not cross.
    power : float in [1, 3], default=1.5
        Of the deviance, with ``loss="tweedie"``, as in
        :class:`~sklearn.linear_model.TweedieRegressor`: 1 is "poisson", 2 "gamma".
    delta : float, default=0.5
        Residuals up to which ``loss="huber"`` is squared, in robust spreads of y: its
        interquartile range / 1.349, which is the standard deviation where y is normal.
    hidden_layer_sizes : int or tuple of int, default=256
        Nodes of the hidden layers; an int is one layer, () a linear model. Set it
        generously: `core_sizes_` tells how many of them are in use. More nodes cost
        time, hardly accuracy.
    activation : {"relu", "identity", "logistic", "tanh", "silu"}, default="relu"
        Of the hidden layers.
    fit_intercept : bool, default=True
        Whether the layers have biases.
    parametrization : {"spectral", "dense"}, default="spectral"
        ``"dense"`` trains a plain network from the same start through the same loop:
        the baseline.
    gate : {"out", "in", "both"}, default="out"
        Whose eigenvalue gates the weights of a layer. ``"out"``, that of the receiving
        node, finds the core of hidden nodes [1]_. ``"in"``, that of the sending node,
        gates the input columns as well [2]_; to select columns give `alpha` yourself,
        1e-3 say, as "auto" is weak where rows are many. ``"both"`` [3]_ trains a
        difference of the two, which defines no core: `core_sizes_` and `prune` raise.
    trainable : {"all", "eigenvalues", "eigenvectors"}, default="all"
        What is trained beside biases (and, with ``gate="out"``, the readout). The
        frozen part keeps its random start.
    alpha : float or "auto", default="auto"
        Strength of the penalty on eigenvectors, eigenvalues and readout: *added to the
        mean loss per sample, times the sum of squares, without 1/2*. Larger gives a
        smaller core. ``"auto"`` is 2 divided by the number of rows, but from 1e-4
        (with ramps from 1.8e-4) to 1e-2; the value in use is `alpha_`. Rows of unequal
        weight w count as ``(sum w)^2 / sum w^2``, and in `partial_fit` rows seen again
        do not count. For ``loss="quantile"`` it is doubled.
        Of several hidden layers with ``gate="out"`` the first takes 5 times all
        strengths, the others and the readout 0.3 times.
    alpha_phi : float, default=None
        Strength for the eigenvectors (the weights, where dense). None takes `alpha`.
    alpha_lambda : float, default=None
        Strength for the eigenvalues. None takes `alpha`. Only the product of
        `alpha_phi` and `alpha_lambda` moves the minima.
    alpha_readout : float, default=None
        Strength for the weights of the last layer, with ``gate="out"``; ignored by the
        other gates, whose last layer is gated like the rest. None takes `alpha`; 0 is
        the paper's protocol.
    standardize : bool, "X" or "y", default=True
        Whether to centre and scale the columns of X and of y, in float64 and with the
        sample weights; ``"X"`` or ``"y"`` does one of them. A column of X that is
        constant in training has no influence, and a constant target is predicted as
        that constant.
    encoding : {"auto", "linear", "piecewise"}, default="auto"
        How numeric columns enter the network. ``"linear"``: each is one input.
        ``"piecewise"``: each is followed by ramps between its knots, so that a node is
        a sum of piecewise-linear functions of single columns, which
        :class:`NodeDisplay` draws [4]_. ``"auto"``: those columns along which y bends,
        if it bends much along any of them; see :class:`ColumnEncoder`, the encoder in
        front of the network. Smooth targets, images and networks whose nodes are to be
        counted want ``"linear"``.
    n_knots : int, default=48
        Knots of a column with ramps, at most.
    categorical_features : "from_dtype", None or array-like, default="from_dtype"
        Names, positions or a mask of the columns of categories, which become dummies.
        ``"from_dtype"``: those of a frame that hold strings, categories or objects that
        are no numbers, and such columns of an array of objects. None: none.
    batch_size : int or "auto", default="auto"
        Rows of a minibatch, at most: an epoch is cut into equal minibatches.
        ``"auto"`` is a fortieth of the rows, from 64 to 512.
    learning_rate : {"linear", "cosine", "constant"}, default="linear"
        How the rate falls, from `learning_rate_init` to zero over `max_iter` epochs.
        At a constant one the error stays higher, and `tol` may end the fit before a
        core has formed.
    learning_rate_init : float, default=1e-2
        First rate of Adam.
    max_iter : int or "auto", default="auto"
        Epochs. ``"auto"`` lets a core form: min(18000, 8000 + n_samples) minibatches,
        and ten epochs at least.
    tol : float, default=1e-4
        Smallest improvement of the watched loss that counts for `n_iter_no_change`.
        With a falling rate and without `early_stopping` nothing is watched.
    early_stopping : bool, default=False
        Whether to stop when the loss on validation rows no longer improves. The best
        weights are restored, and, with a falling rate, the rate then falls to zero from
        where it was, in as many epochs as the best weights took: noise settles, and the
        core may form. The loss on validation rows may be a little above the best one
        then; ``learning_rate="constant"`` returns the best weights. A fit that reaches
        `max_iter` before it stops also returns the best weights, unless the rate has
        fallen and the last loss is within `tol` of the best.
    validation_fraction : float, default=0.1
        Share of the rows to watch, where `early_stopping` is on and no X_val is given.
    n_iter_no_change : int, inf or "auto", default="auto"
        Epochs without improvement that end the fit; ``np.inf`` never ends it.
        ``"auto"`` is a twentieth of the epochs, ten at least; of fewer than 40 epochs,
        as on large tables, it is a quarter, two at least.
    n_iter_warmup : int, default=0
        Epochs without penalty at the start of a fit: nodes learn before they are
        weighed. Try 20 where the score depends on the seed, or `alpha` is strong.
        `n_iter_no_change` counts the epochs after these. Where a fit goes on with a
        fitted network there are none.
    shuffle : bool, default=True
        Whether to permute the rows before each epoch.
    warm_start : bool, default=False
        Whether `fit` goes on with the fitted network, under the statistics of the new
        rows, instead of starting anew.
    random_state : int, RandomState instance or None, default=None
        Draws the start, the validation rows and the minibatches.
    dtype : {"float32", "float64"}, default="float32"
        Of the network. The dtype of X never decides.
    device : str, default="auto"
        ``"auto"`` takes a GPU where there is one and the work is large enough to gain;
        else a torch device such as ``"cpu"`` or ``"cuda:0"``. The chosen one is in
        `device_`.
    verbose : bool or int, default=False
        True prints about ten lines, 2 and more a line an epoch.

    Attributes
    ----------
    feature_relevance_ : ndarray of shape (n_hidden_nodes,)
        R of every hidden node (*not* of columns), layers one after another:
        ``|lambda_j| ||phi_j||`` over its gated row or column, in standardised units.
    layer_relevances_ : list of ndarray
        The same, an array per hidden layer.
    core_mask_ : ndarray of shape (n_hidden_nodes,), bool
        The nodes that survive: those above the widest gap in R, if it spans two decades
        or more, else those with at least 1e-6 of the largest R.
    core_sizes_ : tuple of int
        Their number by hidden layer; fits `hidden_layer_sizes`. Where it is the width
        no node is dead: widen the layer, raise `alpha`, or see `core_formed_`.
    core_formed_ : bool
        False where some nodes of a layer are nearly dead but no gap sets them apart:
        the fit was too short to tell, which it also warns of.
    feature_importances_ : ndarray of shape (n_features_in_,)
        Importance of the columns of X, summing to 1 (or all zero). With ``gate="in"``
        R of the input nodes. With ``gate="out"`` the path norm through the network: a
        ranking, not a gate: noise keeps some of it. Of a column with several inputs
        the norm over these.
    eigenvectors_ : list of ndarray of shape (n_out, n_in)
        phi of each layer, in standardised units. Read-only, like the eigenvalues.
    eigenvalues_in_, eigenvalues_out_ : list of ndarray
        Eigenvalues of the sending and of the receiving nodes of each layer;
        ``weight = (eigenvalues_in - eigenvalues_out[:, None]) * eigenvectors``.
    coefs_ : list of ndarray of shape (n_in, n_out)
        Effective weights, float64, as in scikit-learn's MLP. The first are those of
        raw columns where each is one input, else those of ``encoder_.transform(X)``.
    intercepts_ : list of ndarray of shape (n_out,)
        Effective biases, to go with these.
    encoder_ : ColumnEncoder
        From the columns of X to the inputs of the network: its knots and categories.
    n_trained_parameters_ : int
        Numbers that were trained.
    alpha_ : float
        The `alpha` in use.
    n_iter_ : int
        Epochs run.
    loss_, loss_curve_ : float, list of float
        Objective (mean loss of an epoch's minibatches plus penalty) after the last
        epoch, and after each, in standardised units.
    best_loss_ : float or None
        Smallest of `loss_curve_`; None where `early_stopping` watched validation rows,
        as in scikit-learn's MLP.
    best_validation_loss_ : float or None
        Smallest of `validation_loss_curve_`, where there is one. It stands for the
        `best_validation_score_` of scikit-learn's MLP, which is a score.
    validation_loss_curve_ : list of float
        Data loss on the watched rows after each epoch, where there were any.
    best_epoch_ : int or None
        Epoch, from 0, whose weights early stopping restored, if it did. At a falling
        rate a fit that ran out of patience went on from there.
    device_ : str
        Device the fit ran on. The fitted state is NumPy and loads anywhere.
    n_features_in_, feature_names_in_, n_layers_, n_outputs_
        As in scikit-learn's MLP.

    See Also
    --------
    SpectralMLPClassifier : The same for classes.
    sklearn.neural_network.MLPRegressor : Plain networks in scikit-learn.

    Notes
    -----
    The objective is ``mean loss + alpha_phi sum phi^2 + alpha_lambda sum lambda^2 +
    alpha_readout sum V^2`` with squared error, averaged over the outputs, and
    biases free; Adam sees the penalty's gradient. Weights of rows are divided by their
    mean. Targets are in standardised units. ``lambda`` and ``phi`` start balanced, at
    the same Glorot weights as the dense network. A `KeyboardInterrupt` leaves the last
    completed epoch, with a warning. A :class:`~sklearn.exceptions.ConvergenceWarning`
    says where a core has not formed, and where a constant rate reached `max_iter`
    without meeting `tol`.

    Nodes that no longer matter, to rounding, and that training cannot revive are
    removed while the network trains, which makes wide ones fast: their R is exactly
    zero.

    Results are reproducible for one machine, one thread count, one device and one set
    of versions; elsewhere float32 rounding, amplified by training, changes them.

    References
    ----------
    .. [1] L. Giambagli, L. Buffoni, L. Chicchi, D. Fanelli, "How a student becomes a
       teacher", NeurIPS 2023, arXiv:2310.12612.
    .. [2] L. Chicchi et al., "Estimating global input relevance", Commun. Phys. 2026,
       arXiv:2406.01183.
    .. [3] L. Giambagli et al., "Machine learning in spectral domain", Nat. Commun. 12,
       1330 (2021), arXiv:2005.14436.
    .. [4] Y. Gorishniy, I. Rubachev, A. Babenko, "On embeddings for numerical features
       in tabular deep learning", NeurIPS 2022, arXiv:2203.05556.

    Examples
    --------
    >>> from skspectral import SpectralMLPRegressor
    >>> from skspectral.datasets import make_teacher_student
    >>> X, y, teacher = make_teacher_student(2000, n_teacher_nodes=5, random_state=0)
    >>> reg = SpectralMLPRegressor(
    ...     hidden_layer_sizes=50, encoding="linear", random_state=0
    ... ).fit(X, y)
    >>> reg.core_sizes_  # of 50 nodes; the teacher has 5
    (5,)
    >>> reg.prune().hidden_layer_sizes
    (5,)
    """

    _regression = True

    def __init__(
        self,
        *,
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
        alpha="auto",
        alpha_phi=None,
        alpha_lambda=None,
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
        warm_start=False,
        random_state=None,
        dtype="float32",
        device="auto",
        verbose=False,
    ):
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
        self.alpha = alpha
        self.alpha_phi = alpha_phi
        self.alpha_lambda = alpha_lambda
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
        self.warm_start = warm_start
        self.random_state = random_state
        self.dtype = dtype
        self.device = device
        self.verbose = verbose

    def _encode_targets(self, y, weight, *, reset, watched=False):
        if watched:
            if (1 if y.ndim == 1 else y.shape[1]) != self._n_targets:
                raise ValueError(
                    f"`y_val` must have as many outputs as y, {self._n_targets}; got "
                    f"shape {y.shape}. Pass all targets of the validation rows."
                )
        else:
            self._target_ndim = y.ndim
            self._n_targets = 1 if y.ndim == 1 else y.shape[1]
        y = y.reshape(len(y), -1).astype(np.float64, copy=False)
        check_targets(y, self._loss(), self.loss)
        return y, weight

    def _strata(self, y):
        return None

    def _n_network_outputs(self, table):
        loss = self._loss()
        n_levels = len(loss.levels) if isinstance(loss, QuantileCurves) else 1
        return table.y.shape[1] * n_levels

    def _loss(self):
        return regression_loss(
            self.loss, quantile=self.quantile, power=self.power, delta=self.delta
        )

    def _alpha_factor(self):
        """Twice as strong for quantiles: intervals cover too little before losses rise.

        Measured, see docs/defaults.md.
        """
        return 2.0 if self.loss == "quantile" else 1.0

    def _has_curves(self) -> bool:
        """Whether the fitted network has a curve for each of several quantiles."""
        return isinstance(self._trained_loss, QuantileCurves)

    def predict(self, X):
        """Predict targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs), float64
            Shaped as the y of fit; of several quantiles (n_samples, n_levels) or
            (n_samples, n_outputs, n_levels).
        """
        outputs = self._outputs(X)
        if self._has_curves():
            outputs = outputs.reshape(len(outputs), self._n_targets, -1)
        return outputs[:, 0] if self._target_ndim == 1 else outputs

    def score(self, X, y, sample_weight=None):
        """R2 of the predictions, under every loss, as in HistGradientBoostingRegressor.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        float
            Of several quantiles the mean of their
            :func:`~sklearn.metrics.d2_pinball_score` instead.
        """
        check_is_fitted(self)
        if self._has_curves():
            return mean_d2(self._trained_loss, y, self.predict(X), sample_weight)
        return super().score(X, y, sample_weight)

    def to_sklearn(self):
        """The same network as scikit-learn's own MLP.

        Returns
        -------
        sklearn.neural_network.MLPRegressor or sklearn.pipeline.Pipeline
            Fitted, on raw columns in float64; needs no torch to predict. Where some
            columns have ramps, dummies or an indicator, a Pipeline of `encoder_` and
            the MLP; `encoder_` is of this package and needs torch.

        Raises
        ------
        ValueError
            For ``activation="silu"``, and for several quantiles, which it does not
            have. With a log link its loss is "poisson": the predictions agree.
        """
        check_is_fitted(self)
        return as_sklearn_mlp(self)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
