"""What two processes bring an ensemble: seconds on the wall, one process over two.

Run ``python benchmarks/cores.py``, with nothing else on the machine. Ensembles at the
defaults, alpha given so that nothing is chosen, fitted with ``n_jobs`` 1 and 2 in turn;
the first fit with two processes is not counted, since it starts them. Tables beyond
scikit-learn's own are read from the folder named by SKSPECTRAL_TABLES.
"""

import argparse
import time
import warnings

import numpy as np
import torch
from peers import frame, is_regression

from skspectral import (
    SpectralEnsembleClassifier,
    SpectralEnsembleRegressor,
    SpectralMLPClassifier,
    SpectralMLPRegressor,
)


def seconds(name, n_jobs, n_members):
    """Of one fit, in wall clock, and the ensemble."""
    X, y = frame(name)
    ensemble, member = (
        (SpectralEnsembleRegressor, SpectralMLPRegressor)
        if is_regression(name)
        else (SpectralEnsembleClassifier, SpectralMLPClassifier)
    )
    model = ensemble(member(), n_members=n_members, n_jobs=n_jobs, random_state=0)
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, y)
    return time.perf_counter() - start, model


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="*", default=["wine_quality", "bike_sharing"])
    parser.add_argument("--members", type=int, default=8)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in arguments.only:
        if frame(name) is None:
            print(f"{name:15} absent")
            continue
        seconds(name, 2, 2)
        pairs = []
        for _ in range(arguments.repeat):
            (one, a), (two, b) = (
                seconds(name, jobs, arguments.members) for jobs in (1, 2)
            )
            same = np.array_equal(a.predict(frame(name)[0]), b.predict(frame(name)[0]))
            pairs.append((one, two, one / two))
        one, two, ratio = np.median(pairs, axis=0)
        print(
            f"{name:15} one process {one:6.1f} s, two {two:6.1f} s, ratio {ratio:.2f}, "
            f"same predictions {same}",
            flush=True,
        )


if __name__ == "__main__":
    main()
