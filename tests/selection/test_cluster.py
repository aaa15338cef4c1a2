"""A search on a cluster outlives its workers."""

import os
import signal
import threading
import time

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skspectral import (
    SpectralEnsembleRegressor,
    SpectralGridSearchCV,
    SpectralMLPRegressor,
    SpectralMLPRegressorCV,
)

distributed = pytest.importorskip("distributed")


def kill_when_busy(client, address, pid, killed, task="train_chunk"):
    """Kill a worker while it works on the search."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if any(task in str(key) for key in client.processing()[address]):
            time.sleep(0.3)
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)
            return
        time.sleep(0.01)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("victim", [0, 1])
def test_a_search_survives_the_loss_of_a_worker(victim):
    X, y = load_diabetes(return_X_y=True)
    model = SpectralMLPRegressor(
        encoding="linear", max_iter=200, random_state=0, dtype="float64"
    )
    search = SpectralGridSearchCV(
        make_pipeline(StandardScaler(), model),
        {
            "spectralmlpregressor__hidden_layer_sizes": [40, 50, 60, 70],
            "spectralmlpregressor__alpha": [1e-4, 1e-2],
        },
        cv=4,
        refit=False,
    )
    expected = search.fit(X, y).cv_results_["mean_test_score"]
    killed = []
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
        joblib.parallel_config(backend="dask"),
    ):
        pids = client.run(os.getpid)
        address = sorted(pids)[victim]
        killer = threading.Thread(
            target=kill_when_busy, args=(client, address, pids[address], killed)
        )
        killer.start()
        found = search.set_params(n_jobs=-1).fit(X, y).cv_results_["mean_test_score"]
        killer.join()
    assert killed
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["choice", "ensemble"])
def test_a_choice_and_an_ensemble_survive_the_loss_of_a_worker(kind):
    X, y = load_diabetes(return_X_y=True)
    common = {"encoding": "linear", "hidden_layer_sizes": 200, "dtype": "float64"}
    if kind == "choice":
        model = SpectralMLPRegressorCV(
            **common, alphas=[1e-3, 1e-2], cv=4, max_iter=400, random_state=0
        )
    else:
        network = SpectralMLPRegressor(**common, max_iter=400)
        model = SpectralEnsembleRegressor(network, 4, random_state=0)
    expected = model.fit(X, y).predict(X)
    killed = []
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
        joblib.parallel_config(backend="dask"),
    ):
        pids = client.run(os.getpid)
        address = sorted(pids)[0]
        task = "_fit_and_score" if kind == "choice" else "fit_chunk"
        killer = threading.Thread(
            target=kill_when_busy, args=(client, address, pids[address], killed, task)
        )
        killer.start()
        found = model.set_params(n_jobs=2).fit(X, y).predict(X)
        killer.join()
    assert killed
    np.testing.assert_allclose(found, expected, rtol=1e-7)
