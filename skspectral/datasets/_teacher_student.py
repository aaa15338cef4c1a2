"""Data whose complexity is known: the outputs of a random network."""

import itertools
from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state

__all__ = ["Teacher", "make_teacher_student"]


class Teacher:
    """The network behind the data: ReLU layers without biases, readout of ones.

    Attributes
    ----------
    weights : list of ndarray of shape (in, out)
        Of the hidden layers; the readout is a vector of ones. Where columns bend, those
        of the first layer are the slopes below the first bend.
    bends : ndarray of shape (n_features, n_bends, n_teacher_nodes)
        Where the function of a column turns, ascending, in each node of the first
        layer.
    slopes : ndarray of shape (n_features, n_bends, n_teacher_nodes)
        After each bend.
    n_teacher_nodes : int
        Nodes of the first hidden layer.
    """

    def __init__(self, weights, bends, slopes):
        self.weights, self.bends, self.slopes = weights, bends, slopes

    @property
    def n_teacher_nodes(self):
        return self.weights[0].shape[1]

    def predict(self, X):
        """Noiseless targets, (n_samples,), of inputs (n_samples, n_features)."""
        X = np.asarray(X, dtype=np.float64)
        z = X @ self.weights[0]
        for column in range(X.shape[1]):
            z += self._turns(X, column)
        a = np.maximum(z, 0.0)
        for weight in self.weights[1:]:
            a = np.maximum(a @ weight, 0.0)
        return a.sum(1)

    def shape_functions(self, X, column):
        """What one column of X adds to each node of the first layer before the ReLU.

        Piecewise linear, and 0 at 0.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
        column : int

        Returns
        -------
        ndarray of shape (n_samples, n_teacher_nodes)
        """
        X = np.asarray(X, dtype=np.float64)
        return X[:, [column]] * self.weights[0][column] + self._turns(X, column)

    def _turns(self, X, column):
        """What the bends of a column change, (n_samples, n_teacher_nodes), or 0."""
        x, bends = X[:, [column]], self.bends[column]
        first = self.weights[0][[column]]
        turns = np.diff(self.slopes[column], axis=0, prepend=first)
        return sum(
            turn * (np.maximum(x - bend, 0) - np.maximum(-bend, 0))
            for turn, bend in zip(turns, bends, strict=True)
        )

    def __repr__(self):
        sizes = (self.weights[0].shape[0], *(w.shape[1] for w in self.weights), 1)
        n_bends = self.bends.shape[1]
        bends = f", n_bends={n_bends}" if n_bends else ""
        return f"Teacher({' -> '.join(map(str, sizes))}{bends})"


def make_teacher_student(
    n_samples=10_000,
    n_features=10,
    *,
    n_teacher_nodes=20,
    second_layer=None,
    n_bends=0,
    noise=0.0,
    random_state=None,
):
    """Make a regression whose width is known: a student is to find it.

    Inputs are standard normal; targets are the outputs of a random network without
    biases, weights Glorot uniform, readout all ones [1]_.

    Parameters
    ----------
    n_samples : int, default=10_000
        The paper's number of training patterns.
    n_features : int, default=10
        The paper's number of inputs.
    n_teacher_nodes : int, default=20
        Nodes of the teacher's hidden layer: the width a student should find.
    second_layer : int, default=None
        Nodes of a second hidden layer, as the paper's teacher has; the paper's code
        does not say how many. None leaves it out.
    n_bends : int, default=0
        Bends of the function that a node of the first layer has of each column, at
        standard normal places of its own; all slopes are drawn as weights are. Nodes
        then are sums of piecewise-linear functions of single columns, as those of
        students with ``encoding="piecewise"`` are. With 0 they are sums of columns,
        the paper's.
    noise : float, default=0.0
        Standard deviation of the normal noise on the targets, in units of theirs.
    random_state : int, RandomState instance or None, default=None
        Draws teacher, inputs and noise, in that order: the same seed gives the same
        teacher for any n_samples.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
    teacher : Teacher
        The truth: ``teacher.predict(X)`` gives the noiseless targets of any inputs.

    Raises
    ------
    ValueError
        For numbers outside their rule.

    References
    ----------
    .. [1] L. Giambagli, L. Buffoni, L. Chicchi, D. Fanelli, "How a student becomes a
       teacher", NeurIPS 2023, arXiv:2310.12612.

    Examples
    --------
    >>> from skspectral.datasets import make_teacher_student
    >>> X, y, teacher = make_teacher_student(n_teacher_nodes=5, random_state=0)
    >>> X.shape, y.shape, teacher
    ((10000, 10), (10000,), Teacher(10 -> 5 -> 1))
    """
    counts = {
        "n_samples": n_samples,
        "n_features": n_features,
        "n_teacher_nodes": n_teacher_nodes,
    }
    if second_layer is not None:
        counts["second_layer"] = second_layer
    for name, value in counts.items():
        if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
            raise ValueError(
                f"`{name}` must be an integer >= 1; got {name}={value!r}. Ask for at "
                "least one."
            )
    if not isinstance(n_bends, Integral) or isinstance(n_bends, bool) or n_bends < 0:
        raise ValueError(
            f"`n_bends` must be an integer >= 0; got n_bends={n_bends!r}. 0 leaves the "
            "columns straight."
        )
    if not isinstance(noise, Real) or not 0 <= noise < np.inf:
        raise ValueError(
            f"`noise` must be a finite number >= 0; got noise={noise!r}. It is in "
            "units of the standard deviation of the targets."
        )
    rng = check_random_state(random_state)
    sizes = [n_features, n_teacher_nodes]
    if second_layer is not None:
        sizes.append(second_layer)
    weights = []
    for n_in, n_out in itertools.pairwise(sizes):
        bound = np.sqrt(6 / (n_in + n_out))
        weights.append(rng.uniform(-bound, bound, size=(n_in, n_out)))
    shape = n_features, n_bends, n_teacher_nodes
    bound = np.sqrt(6 / (n_features + n_teacher_nodes))
    bends = np.sort(rng.normal(size=shape), axis=1)
    slopes = rng.uniform(-bound, bound, size=shape)
    teacher = Teacher(weights, bends, slopes)
    X = rng.normal(size=(n_samples, n_features))
    y = teacher.predict(X)
    if noise > 0:
        y = y + noise * y.std() * rng.normal(size=n_samples)
    return X, y, teacher
