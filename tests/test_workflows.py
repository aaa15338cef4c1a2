"""Every way of use, in a Pipeline, on a frame of mixed types."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.feature_selection import RFE, SelectFromModel
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skspectral import SpectralGridSearchCV, SpectralMLPClassifier, SpectralPruner

pytestmark = [
    pytest.mark.filterwarnings("ignore:the core is still forming"),
    pytest.mark.filterwarnings("ignore:prune removed"),
    pytest.mark.filterwarnings("ignore:Found unknown categories"),
]
NETWORK = SpectralMLPClassifier(
    encoding="linear", hidden_layer_sizes=12, max_iter=8, random_state=0
)
CUT = SpectralPruner(NETWORK, n_nodes=5)
LINEAR = LogisticRegression()


def generated():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "age": rng.integers(18, 80, 300),
            "gain": rng.lognormal(3, 2, 300),
            "work": rng.choice(["office", "field", "gap"], 300),
        }
    )
    X["work"] = X["work"].where(X["work"] != "gap")
    return X, np.where(X["age"] + (X["work"] == "field") * 30 > 60, ">50K", "<=50K")


@pytest.fixture(params=["generated", "adult"], scope="module")
def frame(request):
    """Columns of mixed types with gaps, and classes that are strings."""
    if request.param == "generated":
        return generated()
    folder = request.getfixturevalue("tables")
    table = pd.read_csv(folder / "adult.csv.gz", nrows=600)
    y = table.pop(table.columns[-1]).astype(str).to_numpy()
    return table, y


def preprocessing():
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    texts = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing"),
        OneHotEncoder(sparse_output=False, handle_unknown="ignore"),
    )
    return make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (texts, make_column_selector(dtype_exclude="number")),
    )


STEPS = {
    "network": [NETWORK],
    "pruner at the end": [CUT],
    "pruner in the middle": [CUT, LINEAR],
    "selector": [
        SelectFromModel(clone(NETWORK).set_params(gate="in"), threshold=1e-3),
        NETWORK,
    ],
    "elimination": [
        RFE(clone(NETWORK).set_params(gate="in"), n_features_to_select=3, step=0.5),
        CUT,
        LINEAR,
    ],
    "search inside": [SpectralGridSearchCV(NETWORK, {"alpha": [1e-3, 1e-2]}, cv=2)],
}


@pytest.mark.parametrize("name", STEPS)
def test_a_pipeline_is_cloned_fitted_and_pickled(name, frame):
    X, y = frame
    pipeline = make_pipeline(preprocessing(), *STEPS[name]).set_output(
        transform="pandas"
    )
    fitted = clone(pipeline).fit(X, y)
    predicted = fitted.predict(X)
    assert set(predicted) <= set(y)
    assert fitted.score(X, y) > 0.6
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(X), predicted)
    np.testing.assert_array_equal(clone(fitted).fit(X, y).predict(X), predicted)
    assert fitted.predict_proba(X).shape == (len(X), 2)
    assert isinstance(fitted[:-1].transform(X), pd.DataFrame)
    assert len(cross_val_score(pipeline, X, y, cv=2)) == 2


GRIDS = {
    "network": {"hidden_layer_sizes": [6, 8], "alpha": [1e-3, 1e-1]},
    "pruner at the end": {"n_nodes": [2, 4], "estimator__alpha_phi": [1e-3]},
}


@pytest.mark.parametrize("kind", [GridSearchCV, SpectralGridSearchCV])
@pytest.mark.parametrize("name", GRIDS)
def test_a_search_goes_around_the_pipeline(name, kind, frame):
    X, y = frame
    pipeline = make_pipeline(preprocessing(), *STEPS[name])
    step = pipeline.steps[-1][0]
    grid = {f"{step}__{key}": value for key, value in GRIDS[name].items()}
    search = clone(kind(pipeline, grid, cv=2)).fit(X, y)
    again = pickle.loads(pickle.dumps(search))
    np.testing.assert_array_equal(again.predict(X), search.predict(X))
    assert search.score(X, y) > 0.6
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_the_names_of_nodes_and_columns(frame):
    X, y = frame
    pipeline = make_pipeline(preprocessing(), CUT, LINEAR).set_output(
        transform="pandas"
    )
    fitted = pipeline.fit(X, y)
    nodes = fitted[:-1].transform(X)
    assert list(nodes.columns) == list(fitted[:-1].get_feature_names_out())
    assert all(name.startswith("spectralpruner") for name in nodes.columns)
    names = fitted[0].get_feature_names_out()
    np.testing.assert_array_equal(fitted[1].feature_names_in_, names)
