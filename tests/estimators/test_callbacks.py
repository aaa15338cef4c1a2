"""What a fit tells while it runs."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skspectral import SpectralGridSearchCV, SpectralMLPRegressor, SpectralPruner

pytestmark = pytest.mark.filterwarnings("ignore:the core is still forming")
QUICK = {"hidden_layer_sizes": 5, "max_iter": 6, "random_state": 0}
X, Y = load_diabetes(return_X_y=True)


def test_a_fit_is_silent(capsys):
    SpectralMLPRegressor(encoding="linear", **QUICK).fit(X, Y)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("verbose", "lines"), [(True, 10), (2, 40)])
def test_verbose_tells_the_loss(verbose, lines, capsys):
    model = SpectralMLPRegressor(
        encoding="linear", **{**QUICK, "max_iter": 40}, verbose=verbose
    )
    model.fit(X, Y)
    told = capsys.readouterr().out.splitlines()
    assert len(told) == lines
    assert told[-1] == f"epoch 40/40  loss {model.loss_:.6f}"


class Recording:
    """Notes every task that ends; asks to stop where `stop` says so."""

    max_propagation_depth = None  # goes with sub-estimators

    def __init__(self, stop=lambda context: False):
        self.stop, self.ended, self.set_up = stop, [], 0

    def setup(self, estimator, context):
        self.set_up += 1

    def teardown(self, estimator, context):
        self.set_up -= 1

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        path, place = [], context
        while place is not None:
            path.append((place.task_name, place.task_id))
            place = place.parent
        self.ended.append(path[::-1])
        return self.stop(context)

    def epochs(self):
        return [path for path in self.ended if path[-1][0] == "epoch"]


class Monitor(Recording):
    """Stays with the estimator it was set on."""

    def __getattribute__(self, name):
        if name == "max_propagation_depth":
            raise AttributeError(name)
        return super().__getattribute__(name)


class Looking(Recording):
    """Asks for the fitted estimator at each epoch."""

    def on_fit_task_end(self, estimator, context, *, fitted_estimator, X, y):
        if context.task_name == "epoch":
            self.ended.append(
                (
                    fitted_estimator.loss_,
                    fitted_estimator.core_sizes_,
                    fitted_estimator.score(X, y),
                )
            )


class TestScikitLearn:
    """Needs scikit-learn 1.9."""

    @pytest.fixture(autouse=True)
    def callbacks(self):
        return pytest.importorskip("sklearn.callback", reason="scikit-learn < 1.9")

    def test_each_epoch_is_a_task(self):
        seen = Recording()
        model = (
            SpectralMLPRegressor(encoding="linear", **QUICK)
            .set_callbacks(seen)
            .fit(X, Y)
        )
        assert [path[-1] for path in seen.ended] == [
            *(("epoch", i) for i in range(6)),
            ("fit", 0),
        ]
        assert seen.set_up == 0
        assert not [name for name in vars(model) if name.startswith("_callback")]

    def test_the_network_of_each_epoch_can_be_looked_at(self):
        seen = Looking()
        model = (
            SpectralMLPRegressor(encoding="linear", **QUICK)
            .set_callbacks(seen)
            .fit(X, Y)
        )
        losses, cores, scores = zip(*seen.ended, strict=True)
        assert list(losses) == model.loss_curve_
        assert cores[-1] == model.core_sizes_
        assert scores[-1] == model.score(X, Y)
        assert len(set(scores)) == 6

    def test_callbacks_do_not_change_the_fit(self):
        plain = SpectralMLPRegressor(encoding="linear", **QUICK).fit(X, Y)
        watched = (
            SpectralMLPRegressor(encoding="linear", **QUICK)
            .set_callbacks(Looking())
            .fit(X, Y)
        )
        np.testing.assert_array_equal(plain.predict(X), watched.predict(X))

    def test_a_callback_may_stop_a_fit(self):
        stop = Recording(lambda context: context.task_id == 2)
        model = (
            SpectralMLPRegressor(encoding="linear", **QUICK)
            .set_callbacks(stop)
            .fit(X, Y)
        )
        assert model.n_iter_ == 3

    def test_a_fit_that_fails_tears_down(self):
        seen = Recording()
        model = SpectralMLPRegressor(
            encoding="linear", **QUICK, learning_rate_init=1e30
        )
        with pytest.raises(ValueError, match="finite"):
            model.set_callbacks(seen).fit(X, Y)
        assert seen.set_up == 0
        assert not hasattr(model, "n_iter_")

    def test_monitor_and_bar(self, callbacks, capsys):
        monitor = callbacks.ScoringMonitor(scoring="r2")
        network = SpectralMLPRegressor(encoding="linear", **QUICK).set_callbacks(
            monitor
        )
        model = make_pipeline(StandardScaler(), network)
        model.set_callbacks(callbacks.ProgressBar()).fit(X, Y)
        rows = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
        assert len(rows) == 6
        np.testing.assert_allclose(rows[-1]["r2"], model.score(X, Y))
        assert "100%" in capsys.readouterr().out

    def test_a_pruner_hands_callbacks_on(self):
        seen = Recording()
        pruner = SpectralPruner(
            SpectralMLPRegressor(encoding="linear", **QUICK), n_nodes=2
        )
        pruner.set_callbacks(seen).fit(X, Y)
        assert [path[-1] for path in seen.epochs()] == [("epoch", i) for i in range(6)]
        assert seen.ended[-1] == [("fit", 0)]
        assert seen.set_up == 0

    @pytest.mark.parametrize("kind", [GridSearchCV, SpectralGridSearchCV])
    def test_a_stop_in_a_search_ends_one_run_only(self, kind):
        def stop(context):
            return context.task_name == "epoch" and (
                (context.parent.task_id, context.task_id) == (1, 2)
            )

        seen = Recording(stop)
        search = kind(
            SpectralMLPRegressor(encoding="linear", **QUICK),
            {"alpha": [1e-4, 1e-2]},
            cv=2,
            scoring=lambda estimator, X, y: estimator.n_iter_,
        )
        search.set_callbacks(seen).fit(X, Y)
        by_run = [
            search.cv_results_[f"split{k}_test_score"][c]
            for c in range(2)
            for k in range(2)
        ]
        assert by_run == [6, 3, 6, 6]
        assert seen.set_up == 0
        tree = {tuple(name for name, _ in path) for path in seen.epochs()}
        assert ("fit", "search", "fit", "epoch") in tree

    def test_callbacks_of_the_network_are_set_up_and_torn_down(self):
        own = Monitor()
        network = SpectralMLPRegressor(encoding="linear", **QUICK).set_callbacks(own)
        search = SpectralGridSearchCV(network, {"alpha": [1e-4, 1e-2]}, cv=2)
        search.fit(X, Y)
        assert len(own.epochs()) == (2 * 2 + 1) * 6
        assert own.set_up == 0

    def test_a_search_in_two_processes_reports(self, callbacks):
        monitor = callbacks.ScoringMonitor(scoring="r2")
        search = SpectralGridSearchCV(
            SpectralMLPRegressor(encoding="linear", **QUICK).set_callbacks(monitor),
            {"alpha": [1e-4, 1e-2], "hidden_layer_sizes": [3, 4]},
            cv=2,
            n_jobs=2,
        )
        search.fit(X, Y)
        rows = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
        assert len(rows) == (4 * 2 + 1) * 6
