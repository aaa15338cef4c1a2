"""Scores of candidates on folds: of single networks, and of means of several."""

import numpy as np

from skspectral._selection.alpha_choice import Candidate
from skspectral._selection.fold_fits import fit_and_score, score_on_rows

__all__ = ["CandidateScores"]


class CandidateScores:
    """Trains networks of candidates on folds and scores them.

    Parameters
    ----------
    estimator : estimator that chooses alpha
        Makes the networks; has `n_jobs` and `verbose`.
    folds : list of (training rows, test rows)
    X, y : the table
    scorer : NamedScorer
    routed : Bunch
        Parameters for ``estimator.fit`` and ``scorer.score``.
    seed : int
        Of all networks; those of a second network of the same candidate follow it.
    n_members : int
        Networks whose mean is wanted; with one, no network is kept.
    mean_of : callable or None
        Makes an ensemble of fitted networks.
    """

    def __init__(
        self, estimator, folds, X, y, scorer, routed, *, seed, n_members, mean_of
    ) -> None:
        self.estimator, self.folds, self.X, self.y = estimator, folds, X, y
        self.scorer, self.routed, self.seed = scorer, routed, seed
        self.n_members, self.mean_of = n_members, mean_of
        # By candidate and fold: the scores and networks of one seed or two.
        self.networks: dict[tuple[Candidate, int], list[tuple]] = {}
        self.crosses: dict[tuple, float] = {}

    def of_networks(self, wanted) -> list[tuple[float, tuple]]:
        """Return score and core sizes of each candidate on its fold."""
        found = self._fit(wanted, self.seed)
        for ((encoding, alpha), fold), (score, sizes, own) in zip(
            wanted, found, strict=True
        ):
            if not np.isfinite(score):
                raise ValueError(
                    f"alpha is chosen by finite scores; got {score} on fold {fold} at "
                    f"alpha={alpha:.3g}. Lower `cv`, so that folds have more rows, or "
                    "choose another `scoring`."
                )
            if self.n_members > 1:
                self.networks[(encoding, alpha), fold] = [(score, own)]
            if self.estimator.verbose:
                print(  # noqa: T201
                    f"alpha {alpha:.2e}, {encoding}, fold {fold + 1}: "
                    f"{self.scorer.name} {score:.4f}, nodes {sum(sizes)}",
                    flush=True,
                )
        return [(score, sizes) for score, sizes, _ in found]

    def of_means(self, wanted) -> list[float]:
        """Return the expected score of the mean of all members, for each candidate."""
        self._fit_second(wanted)
        return [self._of_mean(key[0], *key) for key in wanted]

    def partner(
        self, chosen: Candidate, others: list[Candidate], folds
    ) -> Candidate | None:
        """Return what every second member is to be; None for the chosen candidate.

        Networks of two candidates differ in more than their seed, so that their mean is
        often better than those of either.
        """
        both = [chosen, *others]
        self._fit_second([(c, fold) for c in both for fold in folds])
        expected = {
            c: np.mean([self._of_mean(chosen, c, fold) for fold in folds]) for c in both
        }
        best = max(both, key=expected.__getitem__)  # of equal ones the chosen
        return None if best == chosen else best

    def _fit_second(self, wanted) -> None:
        """Fit a second network of candidates on their folds, of another seed."""
        new = [key for key in wanted if len(self.networks[key]) == 1]
        if new:
            found = self._fit(new, self.seed + 1)
            for key, (score, _, own) in zip(new, found, strict=True):
                self.networks[key].append((score, own))

    def _of_mean(self, a: Candidate, b: Candidate, fold: int) -> float:
        """Return the expected score of all members, the halves of two candidates.

        A squared error of a mean is the mean, over all pairs of members, of products of
        errors; those of a pair follow from its two scores and that of its mean. So four
        networks tell it for any number of members; for other scores nearly so.
        """
        n = self.n_members - self.n_members // 2, self.n_members // 2
        single = [
            np.mean([score for score, _ in self.networks[c, fold]]) for c in (a, b)
        ]
        total = 2 * n[0] * n[1] * self._cross(a, b, fold)
        for count, own, c in zip(n, single, (a, b), strict=True):
            total += count * own + count * (count - 1) * self._cross(c, c, fold)
        return float(total / self.n_members**2)

    def _cross(self, a: Candidate, b: Candidate, fold: int) -> float:
        """Return the score of a pair of networks of two seeds, less their own parts."""
        key = a, b, fold
        if key not in self.crosses:
            first, second = self.networks[a, fold], self.networks[b, fold]
            pairs = [(first[0], second[1]), (first[1], second[0])]
            self.crosses[key] = np.mean([
                2 * self._score([x, y], fold) - (score_x + score_y) / 2
                for (score_x, x), (score_y, y) in pairs[: 1 if a == b else 2]
            ])  # fmt: skip
        return self.crosses[key]

    def _score(self, networks, fold: int) -> float:
        return score_on_rows(
            self.mean_of(networks),
            self.scorer.score,
            self.X,
            self.y,
            self.routed.scorer.score,
            self.folds[fold][1],
        )

    def _fit(self, wanted, seed: int) -> list:
        networks = [
            self.estimator._network_at(seed, alpha, encoding)
            for (encoding, alpha), _ in wanted
        ]
        for own in networks:
            own.verbose = False
        return fit_and_score(
            networks,
            [self.folds[fold] for _, fold in wanted],
            self.X,
            self.y,
            self.scorer.score,
            self.routed,
            n_jobs=self.estimator.n_jobs,
            keeps_networks=self.n_members > 1,
        )
