"""Scores of candidates on folds: of single networks, and of means of several."""

import numpy as np

from skspectral._selection.alpha_choice import Candidate, Tried
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
        self.networks: dict[tuple[Candidate, int], tuple] = {}
        self.of_pairs: dict[tuple[Candidate, int], float] = {}

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
                self.networks[(encoding, alpha), fold] = score, own
            if self.estimator.verbose:
                print(  # noqa: T201
                    f"alpha {alpha:.2e}, {encoding}, fold {fold + 1}: "
                    f"{self.scorer.name} {score:.4f}, nodes {sum(sizes)}",
                    flush=True,
                )
        return [(score, sizes) for score, sizes, _ in found]

    def of_means(self, wanted) -> list[float]:
        """Return the scores of means of all members, worked out from two networks.

        The excess of a mean of m networks over that of infinitely many falls as 1/m:
        exactly so for the squared error and members that differ in their seed.
        """
        scores = []
        for key, (score, _, own) in zip(
            wanted, self._fit(wanted, self.seed + 1), strict=True
        ):
            other, first = self.networks[key]
            self.of_pairs[key] = pair = self._score([first, own], key[1])
            single = (score + other) / 2
            scores.append(single + 2 * (1 - 1 / self.n_members) * (pair - single))
        return scores

    def partner(self, chosen: Candidate, tried: Tried, folds) -> Candidate | None:
        """Return the best candidate of another encoding, if pairs gain by it.

        Networks of two encodings differ in more than their seed. Compared is the mean
        of two networks: both of the chosen candidate, or one of each.
        """
        others = {encoding for encoding, _ in tried.scores if encoding != chosen[0]}
        best, reached = None, np.mean([self.of_pairs[chosen, fold] for fold in folds])
        for encoding in sorted(others):
            other = tried.best(encoding, folds)
            mixed = np.mean(
                [
                    self._score(
                        [self.networks[c, fold][1] for c in (chosen, other)], fold
                    )
                    for fold in folds
                ]
            )
            if mixed > reached:
                best, reached = other, mixed
        return best

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
