"""The choice of alpha and encoding from scores on folds, with as few fits as it takes.

Candidates are tried from the middle outwards, until on both sides of the best one more
or less penalty only hurts. On large tables they compete on the first fold, the best two
on three, and the winner is tried on all.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from skspectral._selection.fold_fits import ROUNDING, lowest_allowed

__all__ = ["AlphaChoice", "Candidate", "Tried"]

STEPS_PER_DECADE = 2
LOWEST, HIGHEST = -5, 6  # steps from alpha="auto"
MAX_ALPHA = 1.0
FINALISTS, FINAL_FOLDS = 2, 3  # of candidates that raced on the first fold

Candidate = tuple[str, float]  # encoding and alpha


@dataclass
class Tried:
    """What is known of the candidates: a score and the sizes of the core by fold.

    Attributes
    ----------
    n_folds : int
    scores : dict from Candidate to ndarray of shape (n_folds,)
        NaN where it was not tried.
    core_sizes : dict from Candidate to list of n_folds tuples
        None where it was not tried.
    """

    n_folds: int
    scores: dict[Candidate, np.ndarray] = field(default_factory=dict)
    core_sizes: dict[Candidate, list] = field(default_factory=dict)

    def add(self, candidate: Candidate, fold: int, score: float, sizes: tuple) -> None:
        if candidate not in self.scores:
            self.scores[candidate] = np.full(self.n_folds, np.nan)
            self.core_sizes[candidate] = [None] * self.n_folds
        self.scores[candidate][fold] = score
        self.core_sizes[candidate][fold] = sizes

    def mean(self, candidate: Candidate, folds: Sequence[int]) -> float:
        """Mean score on some folds; minus infinity where it was not tried on one."""
        if candidate not in self.scores:
            return -np.inf
        mean = self.scores[candidate][list(folds)].mean()
        return -np.inf if np.isnan(mean) else float(mean)

    def best(self, encoding: str | None, folds: Sequence[int]) -> Candidate:
        """Return the candidate of the highest mean; of equal ones the larger alpha."""
        own = [c for c in self.scores if encoding in (None, c[0])]
        return max(own, key=lambda c: (self.mean(c, folds), c[1]))

    def total_core(self, candidate: Candidate) -> list[int]:
        """Nodes of the core on each fold where the candidate was tried."""
        return [sum(s) for s in self.core_sizes[candidate] if s is not None]


class AlphaChoice:
    """Tries candidates and chooses one.

    Parameters
    ----------
    evaluate : callable
        ``evaluate([(candidate, fold), ...])`` returns (score, core sizes) of each.
    evaluate_means : callable or None
        The same for the mean of several networks, after `evaluate`. Returns the scores.
    encodings : list of str
    n_folds : int
    rule : {"best", "one_standard_error"}
    middle : float
        Where the search begins, if `alphas` is None.
    alphas : ndarray or None
        All that may be tried, ascending. None: half-decades around `middle`.
    races : bool
        Whether candidates compete on the first fold, and few of them on others.
    """

    def __init__(
        self,
        evaluate: Callable[[list[tuple[Candidate, int]]], list[tuple[float, tuple]]],
        *,
        encodings: list[str],
        n_folds: int,
        rule: str,
        middle: float,
        alphas: np.ndarray | None,
        races: bool,
        evaluate_means: Callable[[list[tuple[Candidate, int]]], list[float]]
        | None = None,
    ) -> None:
        self.evaluate, self.encodings, self.rule = evaluate, encodings, rule
        self.evaluate_means = evaluate_means
        self.tried = Tried(n_folds)
        self.every = list(range(n_folds))
        self.racing = [0] if races else self.every
        if alphas is None:
            steps = np.arange(LOWEST, HIGHEST + 1) / STEPS_PER_DECADE
            self.alphas = [float(a) for a in middle * 10.0**steps if a <= MAX_ALPHA]
            self.start = [-LOWEST, -LOWEST + 1]
        else:
            self.alphas = [float(a) for a in alphas]
            # From weak to strong: what was asked for is tried, unless it only hurts.
            self.start = list(range(min(3, len(self.alphas))))
        self.start = [i for i in self.start if i < len(self.alphas)]
        self.upwards = alphas is not None

    def run(self) -> Candidate:
        """Try candidates; return the chosen one."""
        self._try(self.encodings, self.start, self.racing)
        left = list(self.encodings)
        while True:
            if len(left) > 1:  # the others are behind at several alphas
                left = [self.tried.best(None, self.racing)[0]]
            ahead = self._ahead(left[0])
            if ahead is None:
                break
            self._try(left, [ahead], self.racing)
        best = self._winner()
        self._try([best[0]], [self._index(best)], self.every)
        if self.rule == "best":
            return best
        return self._smallest_within_error(best)

    def _winner(self) -> Candidate:
        """Return the best candidate; on large tables after another round of two."""
        if self.evaluate_means is not None:
            return self._best_of_means(self.evaluate_means)
        if len(self.racing) == len(self.every):
            return self.tried.best(None, self.every)
        # A single fold may err by the luck of a seed.
        ranked = sorted(
            self.tried.scores,
            key=lambda c: (self.tried.mean(c, self.racing), c[1]),
            reverse=True,
        )
        final = self.every[:FINAL_FOLDS]
        for encoding, alpha in ranked[:FINALISTS]:
            self._try([encoding], [self.alphas.index(alpha)], final)
        return self.tried.best(None, final)

    def _best_of_means(self, evaluate_means) -> Candidate:
        """Return the candidate whose networks have the best mean.

        A mean takes away what differs from seed to seed, so that weaker penalties gain.
        From the best single network it goes to weaker ones, until their means are worse
        or they were not tried.
        """
        chosen, reached = self.tried.best(None, self.racing), -np.inf
        for index in range(self._index(chosen), -1, -1):
            candidate = chosen[0], self.alphas[index]
            if candidate not in self.tried.scores:
                break
            wanted = [(candidate, fold) for fold in self.racing]
            score = float(np.mean(evaluate_means(wanted)))
            if score <= reached:
                break
            chosen, reached = candidate, score
        return chosen

    def beside(self, chosen: Candidate) -> list[Candidate]:
        """Return the neighbours of a candidate, and the best of each other encoding."""
        tried, index = self.tried, self._index(chosen)
        near = [
            (chosen[0], self.alphas[i])
            for i in (index - 1, index + 1)
            if 0 <= i < len(self.alphas)
        ]
        others = {encoding for encoding, _ in tried.scores} - {chosen[0]}
        near += [tried.best(encoding, self.racing) for encoding in sorted(others)]
        return [c for c in near if np.isfinite(tried.mean(c, self.racing))]

    def _index(self, candidate: Candidate) -> int:
        return self.alphas.index(candidate[1])

    def _try(self, encodings, indices, folds) -> None:
        """Evaluate candidates on the folds on which they were not yet tried."""
        wanted = [
            ((encoding, self.alphas[i]), fold)
            for encoding in encodings
            for i in indices
            for fold in folds
        ]
        new = [
            (candidate, fold)
            for candidate, fold in wanted
            if candidate not in self.tried.scores
            or np.isnan(self.tried.scores[candidate][fold])
        ]
        if not new:
            return
        for (candidate, fold), found in zip(new, self.evaluate(new), strict=True):
            self.tried.add(candidate, fold, *found)

    def _ahead(self, encoding: str) -> int | None:
        """Return the next alpha to try, as its place; None once both sides hurt."""
        best = self._index(self.tried.best(encoding, self.racing))
        tried = [self._index(c) for c in self.tried.scores if c[0] == encoding]
        last = len(self.alphas) - 1
        if self.upwards:
            top = max(tried)
            hurts_twice = top - best >= 2
            return None if top == last or hurts_twice else top + 1
        for neighbour in (best + 1, best - 1):
            if 0 <= neighbour <= last and neighbour not in tried:
                return neighbour
        return None

    def _smallest_within_error(self, best: Candidate) -> Candidate:
        """Return the strongest alpha within one standard error of the best mean."""
        encoding = best[0]
        lowest = lowest_allowed(self.tried.scores[best][None])
        chosen = best
        for index in range(self._index(best) + 1, len(self.alphas)):
            self._try([encoding], [index], self.every)
            candidate = encoding, self.alphas[index]
            mean = self.tried.mean(candidate, self.every)
            if mean < lowest - ROUNDING * abs(lowest):
                break
            if sum(self.tried.total_core(candidate)) < sum(
                self.tried.total_core(chosen)
            ):
                chosen = candidate
        return chosen
