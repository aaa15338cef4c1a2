"""The classifier: a network for tables, as a scikit-learn estimator."""

import math
from reprlib import repr as shorten

import numpy as np
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, column_or_1d

from skspectral._columns import check_weight_values, is_missing
from skspectral._engine import CrossEntropy, Sigmoid
from skspectral._estimators.export import as_sklearn_mlp
from skspectral._estimators.pruning import PrunableSpectralMLP

__all__ = ["SpectralMLPClassifier"]


def _refuse_missing_class(classes) -> None:
    """Raise where a class is None, NaN, NaT or NA."""
    missing = [c for c in np.ravel(np.asarray(classes, dtype=object)) if is_missing(c)]
    if missing:
        raise ValueError(
            f"`classes` must name classes; got {missing[0]!r} among them. Leave it "
            "out, and rows without a class as well."
        )


class SpectralMLPClassifier(ClassifierMixin, PrunableSpectralMLP):
    """Neural network for classification that tells which of its nodes are in use.

    A multi-layer perceptron whose layers are written in eigenvectors and eigenvalues,
    both with an L2 penalty. One eigenvalue gates each hidden node. The penalty drives
    nodes to zero that are not worth its price; the others are the core. A wider start
    adds few nodes to it. For two or more classes, or several labels at once (y an
    indicator matrix). Tables go in as they are: frames with numbers, categories and
    missing values. Not for images, text or sequences.

    Parameters
    ----------
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
        (with ramps from 1.8e-4) to 1e-2, and, unless ``encoding="linear"``, divided by
        the root of half the number of classes; the value in use is `alpha_`. Rows of
        unequal weight w count as ``(sum w)^2 / sum w^2``, and in `partial_fit` rows
        seen again do not count.
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
        Whether to centre and scale the columns of X, in float64 and with the sample
        weights; ``"X"`` does the same, ``"y"`` nothing, as classes have no scale.
        A column that is constant in training has no influence.
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
    class_weight : dict, "balanced" or None, default=None
        Weight of each class, times the sample weight; ``"balanced"`` weighs inversely
        to the frequencies. For a single target only.

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
    classes_ : ndarray of shape (n_classes,)
        Class labels; for several labels their indices. A class whose rows all have
        weight 0 is among them, with a probability near zero, as in scikit-learn.
    n_features_in_, feature_names_in_, n_layers_, n_outputs_
        As in scikit-learn's MLP.

    See Also
    --------
    SpectralMLPRegressor : The same for numbers.
    sklearn.neural_network.MLPClassifier : Plain networks in scikit-learn.

    Notes
    -----
    The objective is ``mean loss + alpha_phi sum phi^2 + alpha_lambda sum lambda^2 +
    alpha_readout sum V^2`` with cross-entropy (the mean over labels, for several), and
    biases free; Adam sees the penalty's gradient. Weights of rows are divided by their
    mean. One output serves two classes, C outputs serve C. ``lambda`` and ``phi`` start
    balanced, at the same Glorot weights as the dense network. A `KeyboardInterrupt`
    leaves the last completed epoch, with a warning. A
    :class:`~sklearn.exceptions.ConvergenceWarning` says where a core has not formed,
    and where a constant rate reached `max_iter` without meeting `tol`.

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
    >>> from sklearn.datasets import load_iris
    >>> from skspectral import SpectralMLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = SpectralMLPClassifier(random_state=0).fit(X, y)
    >>> clf.score(X, y) > 0.95
    True
    >>> clf.prune().hidden_layer_sizes  # of 256 nodes
    (2,)
    """

    _regression = False

    def __init__(
        self,
        *,
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
        class_weight=None,
    ):
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
        self.class_weight = class_weight

    def _encode_targets(self, y, weight, *, reset, watched=False):
        check_classification_targets(y)
        kind = type_of_target(y)
        if kind == "multiclass-multioutput":
            raise ValueError(
                "y must hold one class per row or an indicator matrix of labels; got "
                f"multiclass-multioutput targets of shape {y.shape}. Fit one "
                "classifier per column, for instance with MultiOutputClassifier."
            )
        multilabel = kind == "multilabel-indicator"
        if not multilabel:
            y = column_or_1d(y, warn=True)
        if reset:
            self._multilabel = multilabel
            announced = vars(self).get("_announced")
            if multilabel:
                self.classes_ = np.arange(y.shape[1])
            else:
                self.classes_ = np.unique(y) if announced is None else announced
        if multilabel != self._multilabel or (
            multilabel and y.shape[1] != len(self.classes_)
        ):
            raise ValueError(
                "y must be of the kind that the classifier was fitted on, "
                f"{len(self.classes_)} {'labels' if self._multilabel else 'classes'}; "
                f"got y of shape {y.shape}. Clone the estimator to start anew."
            )
        if multilabel:
            return self._read_multilabel(y, weight)
        if len(self.classes_) < 2:
            raise ValueError(
                "y must hold at least two classes; got one class, "
                f"{self.classes_.tolist()[0]!r}. Check how the rows were selected."
            )
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            way_out = "Leave these rows out."
            if not watched:
                way_out = (
                    "In partial_fit, name all classes in the first call with "
                    "`classes`; with warm_start, clone the estimator to start anew."
                )
            raise ValueError(
                f"y must hold the classes {shorten(self.classes_.tolist())}; got "
                f"{shorten(unknown.tolist())} as well. {way_out}"
            )
        codes = np.searchsorted(self.classes_, y).astype(np.int64)
        if not watched:
            self._class_factors = self._factors_of_classes(codes, weight)
        if self._class_factors is not None:
            factors = self._class_factors[codes]
            with np.errstate(over="ignore"):  # raised below
                weight = factors if weight is None else weight * factors
            if not weight.any():
                raise ValueError(
                    "`class_weight` must leave a row of positive weight; got "
                    f"class_weight={self.class_weight!r} for rows of the classes "
                    f"{shorten(np.unique(y).tolist())}. Weigh one of these above 0."
                )
            check_weight_values(weight, "sample_weight times class_weight")
        if len(self.classes_) == 2:
            return codes[:, None].astype(np.float64), weight
        return codes[:, None], weight

    def _read_multilabel(self, y, weight):
        if self.class_weight is not None:
            raise ValueError(
                "`class_weight` weighs the classes of one target; got class_weight="
                f"{self.class_weight!r} for several labels. Pass sample_weight instead."
            )
        y = y.toarray() if hasattr(y, "toarray") else y
        return np.asarray(y, dtype=np.float64), weight

    def _factors_of_classes(self, codes, weight):
        named = self.class_weight
        if named is None:
            return None
        if isinstance(named, str):  # "balanced"; a row of weight 2 is there twice
            mass = np.bincount(codes, weight, minlength=len(self.classes_))
            there = mass > 0
            return np.divide(
                mass.sum() / there.sum(), mass, np.ones(len(mass)), where=there
            )
        unknown = [c for c in named if c not in self.classes_]
        # Where every class is named, the others may be those that a fold lacks.
        if unknown and not set(self.classes_.tolist()) <= set(named):
            raise ValueError(
                "`class_weight` must name classes of y, "
                f"{shorten(self.classes_.tolist())}; got {shorten(unknown)} as "
                "well. Leave these out: a class that is not "
                "named weighs 1."
            )
        return np.array([float(named.get(c, 1)) for c in self.classes_.tolist()])

    def _strata(self, y):
        return None if self._multilabel else y[:, 0].astype(np.int64)

    def _n_network_outputs(self, table):
        if self._multilabel or len(self.classes_) == 2:
            return table.y.shape[1]
        return len(self.classes_)

    def _loss(self):
        if self._multilabel or len(self.classes_) == 2:
            return Sigmoid()
        return CrossEntropy()

    def _alpha_factor(self):
        """With many classes less: the penalty is a sum over the outputs, the loss not.

        Networks without an encoder keep the rule they always had.
        """
        many = isinstance(self._loss(), CrossEntropy) and self.encoding != "linear"
        return math.sqrt(2 / len(self.classes_)) if many else 1.0

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Update the network with one pass over a chunk of rows.

        The rate is constant at `learning_rate_init`; statistics of the columns and
        Adam's state go on from chunk to chunk, as in
        :meth:`SpectralMLPRegressor.partial_fit`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
        classes : array-like of shape (n_classes,), default=None
            All classes there will be, in the first call; without it the classes of the
            first chunk are all there are.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self
        """
        first = not self.__sklearn_is_fitted__()
        if isinstance(self.class_weight, str):
            raise ValueError(
                "partial_fit sees a chunk at a time and cannot balance classes; got "
                f"class_weight={self.class_weight!r}. Pass a dict of weights."
            )
        if classes is not None:
            _refuse_missing_class(classes)
            announced = np.unique(np.asarray(classes))
            if not first and not np.array_equal(announced, self.classes_):
                raise ValueError(
                    "`classes` must be those of the first call, "
                    f"{shorten(self.classes_.tolist())}; got "
                    f"{shorten(announced.tolist())}. Leave it out in later calls."
                )
            self._announced = announced
        try:
            return self._partial_fit(X, y, sample_weight)
        finally:
            vars(self).pop("_announced", None)

    def decision_function(self, X):
        """Logits, before the probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes), float64
            One column for two classes: positive for ``classes_[1]``.
        """
        outputs = self._outputs(X)
        return outputs[:, 0] if self._is_binary() else outputs

    def _is_binary(self):
        return not self._multilabel and len(self.classes_) == 2

    def predict_proba(self, X):
        """Probabilities of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float64
            In the order of `classes_`; for several labels the probability of each.
        """
        return self._outputs(X, self._probabilities)

    def predict_log_proba(self, X):
        """Logarithms of the probabilities of the classes.

        Exact where a probability is too small for a float.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float64
            As of `predict_proba`.
        """
        return self._outputs(X, self._log_probabilities)

    def _log_probabilities(self, outputs):
        if self._is_binary():
            return log_expit(outputs * [-1, 1])
        return log_expit(outputs) if self._multilabel else log_softmax(outputs, axis=1)

    def _probabilities(self, outputs):
        if self._is_binary():
            p = expit(outputs[:, 0])
            return np.stack([1 - p, p], axis=1)
        return expit(outputs) if self._multilabel else softmax(outputs, axis=1)

    def predict(self, X):
        """Most probable classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)
        """
        return self._outputs(X, self._most_probable)

    def _most_probable(self, outputs):
        if self._multilabel:
            return (outputs > 0).astype(np.int64)
        if self._is_binary():
            return self.classes_[(outputs[:, 0] > 0).astype(np.int64)]
        return self.classes_[outputs.argmax(1)]

    def to_sklearn(self):
        """The same network as scikit-learn's own MLP.

        Returns
        -------
        sklearn.neural_network.MLPClassifier or sklearn.pipeline.Pipeline
            Fitted, on raw columns in float64; needs no torch to predict. Where some
            columns have ramps, dummies or an indicator, a Pipeline of `encoder_` and
            the MLP; `encoder_` is of this package and needs torch.

        Raises
        ------
        ValueError
            For ``activation="silu"``, which it does not have.
        """
        check_is_fitted(self)
        classes, multilabel = self.classes_, self._multilabel
        return as_sklearn_mlp(self, classes=classes, multilabel=multilabel)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
