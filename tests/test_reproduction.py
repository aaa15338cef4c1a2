"""What the reproductions rest on: a group lasso, a surgery by nodes, laws."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.utils import Bunch
from torch import nn

from skspectral import SpectralMLPRegressor
from skspectral._estimators.batch_training import train_together
from skspectral.datasets import make_teacher_student

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
pytestmark = pytest.mark.filterwarnings("ignore:the core is still forming")


@pytest.fixture(scope="module")
def students():
    pytest.importorskip("matplotlib")
    sys.path.insert(0, str(EXAMPLES))
    try:
        yield importlib.import_module("_students")
    finally:
        sys.path.remove(str(EXAMPLES))


@pytest.fixture(scope="module")
def rows():
    X, y, _ = make_teacher_student(500, 5, n_teacher_nodes=3, random_state=0)
    return X, y


def trained(kind, students, X, y, alpha):
    """A student at the end of a long fit on whole batches, in float64."""
    model = SpectralMLPRegressor(
        encoding="linear",
        hidden_layer_sizes=8,
        parametrization="spectral" if kind == "spectral" else "dense",
        alpha=alpha,
        batch_size=len(y),
        max_iter=8000,
        learning_rate_init=3e-3,
        dtype="float64",
        random_state=0,
    )
    plan = model._plan(*model._read(X, y))
    if kind == "group lasso":
        first, last = plan.rules
        plan.rules = (type(first)(gate=None, lambda_=False), last)
        plan.after_step = students.Proximal(2 * alpha)
    ((state, _),) = train_together([plan])
    return plan, state.to_network()


@pytest.mark.parametrize("kind", ["spectral", "group lasso"])
def test_both_end_where_the_group_lasso_is_stationary(students, rows, kind):
    """Of loss + 2 alpha sum_j |w_j| + alpha |v|^2, checked by autograd."""
    X, y = rows
    alpha = 0.01
    plan, network = trained(kind, students, X, y, alpha)
    first, last = network.layers
    w = first.weight.detach().clone().requires_grad_()
    v = last.weight.detach().clone().requires_grad_()
    x = torch.tensor(plan.data.x.standardized(X))
    target = torch.tensor((y - plan.data.y.mean) / plan.data.y.scale)
    output = torch.relu(x @ w.T + first.bias) @ v[0] + last.bias
    torch.mean((output - target) ** 2).backward()
    norm = w.detach().norm(dim=1, keepdim=True)
    alive = norm[:, 0] > 1e-4 * norm.max()
    assert 1 <= alive.sum() < 8
    towards = (w.grad + 2 * alpha * w.detach() / norm)[alive]
    assert towards.abs().max() < 0.05 * 2 * alpha
    assert (w.grad[~alive].norm(dim=1) <= 2 * alpha).all()
    assert (v.grad + 2 * alpha * v.detach()).abs().max() < 0.05 * 2 * alpha


def test_errors_by_nodes_are_those_of_the_pruned_network(students, rows):
    X, y = rows
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=12, max_iter=30, random_state=0
    )
    model.fit(X, y)
    order = np.argsort(-model.feature_relevance_, kind="stable").tolist()
    found = students.errors_by_nodes(model.to_torch(), X, y, order, [1, 4, 12])
    for n, error in zip((1, 4, 12), found):
        small = model.prune(n_nodes=n, merge=False)
        expected = np.mean((small.predict(X) - y) ** 2) / np.var(y)
        np.testing.assert_allclose(error, expected, rtol=1e-5)


def test_a_smaller_scale_is_part_of_a_larger(students):
    reduced = students.cases("reduced")
    full = students.cases("full")
    assert all(case in full for case in reduced)
    assert len(full) > len(reduced) > 0


def test_the_plans_of_the_paper_train_what_the_paper_trains(students, rows):
    X, y = rows
    for layers, widths in ((1, (5, 6, 1)), (2, (5, 6, students.SECOND, 1))):
        (plan,) = students.make_plans(
            "spectral (paper)", X, y, h=6, layers=layers, seeds=[0], shorten=1000
        )
        ((state, history),) = train_together([plan])
        assert state.sizes == widths
        assert len(history.loss) == 2
        assert state.gates == ("out", *(None,) * layers)
        assert set(map(type, state.bias)) == {type(None)}
        if layers == 2:
            np.testing.assert_array_equal(state.weights()[-1], 1.0)


def test_the_laws_are_told_apart(students):
    knee = importlib.import_module("reproduce_knee")
    x = np.linspace(0.05, 0.95, 60)
    noise = 0.05 * np.random.default_rng(0).normal(size=60)
    for name, law, truth in (
        ("exponential", knee.exponential, (0.3, 4.0)),
        ("power law", knee.power, (0.3, 2.0)),
    ):
        fits = knee.compare_laws(x, law(x, *truth) + noise)
        best, error, _, _ = fits[name]
        assert min(fits, key=lambda key: fits[key][2]) == name
        assert (np.abs(best - truth) < 4 * error).all()


def test_a_student_is_measured_after_folding(students, monkeypatch):
    monkeypatch.setattr(students, "N_ROWS", 1000)
    X, y, _ = make_teacher_student(2000, 5, n_teacher_nodes=3, random_state=0)
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=12, random_state=0
    )
    student = model.fit(X[:1000], y[:1000]).to_torch()
    found = students.measure_folded(student, X, y, 3)
    small = model.prune(X[:1000], merge="fold")
    assert (found["folded"],) == small.hidden_layer_sizes
    assert found["kept folded"][-1] == found["folded"]
    error = np.mean((small.predict(X[1000:]) - y[1000:]) ** 2) / np.var(y[1000:])
    np.testing.assert_allclose(found["error folded"], error, rtol=1e-2)
    assert found["error refitted"] < 0.01 * found["error folded"]


def test_test_rows_choose_neither_alpha_nor_network(students, rows):
    widths = importlib.import_module("_widths")
    X, y = rows
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=6, max_iter=20, random_state=0
    )
    one, other = (
        widths.fit_and_cut(model, X[:300], y[:300], X[test], y[test], [1e-4, 1.0], 0)
        for test in (slice(300, 400), slice(400, 500))
    )
    assert one["loss"] != other["loss"]
    for key in ("alpha", "core", "kept", "formed", "held back"):
        np.testing.assert_equal(one[key], other[key])
    losses = one["held back"]["loss"]
    assert one["alpha"] == 1e-4
    assert losses[0] < losses[1]


def test_the_knee_is_where_the_curve_stays_near_its_end(students):
    widths = importlib.import_module("_widths")
    n_nodes = np.array([1, 2, 3, 5, 8])
    for path, knee in (
        ([0.2, 0.895, 0.7, 0.892, 0.9], 5),  # a chance return does not count
        ([0.9, 0.9, 0.9, 0.9, 0.9], 1),
        ([0.1, 0.2, 0.3, 0.4, 0.9], 8),
    ):
        curve = Bunch(n_nodes=n_nodes, scores={"path": np.array(path)}, full_score=0.9)
        assert widths.knee_of(curve) == knee


def test_runs_without_their_partner_are_not_compared(students):
    widths = importlib.import_module("_widths")
    rows = [
        {"name": "a", "kind": kind, "h": h, "seed": seed}
        for kind, h, seed in (
            *(("dense", 4, 1), ("spectral", 4, 0), ("spectral", 4, 1)),
            *(("spectral", 8, 0), ("dense", 8, 1)),
        )
    ]
    ((name, h, spectral, dense),) = widths.groups(rows, ["a"])
    assert (name, h) == ("a", 4)
    assert spectral == (rows[2],)
    assert dense == (rows[0],)


class Backbone(nn.Module):
    """Shaped like torchvision's: a trunk, and a head inside a part of it."""

    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AvgPool2d(6))
        self.classifier = nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(4, 7))

    def forward(self, x):
        return self.classifier(self.trunk(x))


def pixels(image):
    return torch.tensor(np.array(image)).permute(2, 0, 1) / 255


@pytest.fixture
def folder(tmp_path):
    """Five grey images a class: the dark, the middling and the light."""
    from PIL import Image

    for number, name in enumerate(("b", "a", "c")):
        (tmp_path / name).mkdir()
        for k in range(5):
            grey = np.full((8, 8), 100 * number + 5 * k, dtype=np.uint8)
            Image.fromarray(grey).save(tmp_path / name / f"{k}.png")
    return tmp_path


def test_a_head_learns_from_the_features_of_a_folder_of_images(students, folder):
    backbone = importlib.import_module("reproduce_backbone")
    torch.manual_seed(0)
    network = Backbone()
    x = torch.stack([pixels(np.full((8, 8, 3), grey, np.uint8)) for grey in (0, 100)])
    expected = network.trunk(x).flatten(1).detach().numpy()
    found = backbone.folder_features(network, pixels, folder)
    assert found["X"].shape == (12, 4)
    assert sorted(found["y_test"]) == [0, 1, 2]
    every = np.concatenate([found["X"], found["X_test"]])
    label = np.concatenate([found["y"], found["y_test"]])
    # The darkest of "b", class 1, and of "a", class 0: dropout is off, the head is out.
    for row, number in zip(expected, (1, 0)):
        distance = np.abs(every[label == number] - row).max(1)
        assert distance.min() < 1e-6


def test_what_a_backbone_lacks_is_said(students, folder, monkeypatch):
    backbone = importlib.import_module("reproduce_backbone")
    with pytest.raises(SystemExit, match="must end in a linear layer"):
        backbone.without_head(nn.Sequential(nn.Conv2d(3, 4, 3)))
    with pytest.raises(SystemExit, match="a folder of images for each class"):
        backbone.ImageFolder(folder / "a", pixels)
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    with pytest.raises(SystemExit, match="needs torchvision"):
        backbone.pretrained("resnet50")


def test_residual_networks_have_the_published_number_of_parameters(students):
    resnet = importlib.import_module("_resnet").resnet
    for name, n in (("resnet18", 11_689_512), ("resnet50", 25_557_032)):
        network = resnet(name, 1000, small_stem=False)
        assert sum(p.numel() for p in network.parameters()) == n
    # A stem of stride 4 leaves 1 of 32 pixels, one of stride 1 leaves 4.
    for small_stem, side in ((False, 1), (True, 4)):
        trunk = resnet("resnet18", 10, small_stem=small_stem)[:-3]
        assert trunk(torch.zeros(2, 3, 32, 32)).shape == (2, 512, side, side)


def test_varied_images_are_crops_some_of_them_mirrored(students, generator):
    cifar = importlib.import_module("reproduce_cifar100")
    x = torch.rand(60, 2, 6, 5, generator=generator)
    found = cifar.varied(x, generator)
    padded = nn.functional.pad(x, [cifar.MARGIN] * 4)
    n_mirrored, places = 0, set()
    for image, own in zip(found, padded, strict=True):
        matches = [
            (down, right, mirrored)
            for down in range(9)
            for right in range(9)
            for mirrored in (False, True)
            if torch.equal(
                image.flip(-1) if mirrored else image,
                own[:, down : down + 6, right : right + 5],
            )
        ]
        assert len(matches) == 1
        n_mirrored += matches[0][2]
        places.add(matches[0][:2])
    assert 15 < n_mirrored < 45
    assert len(places) > 30


def test_a_backbone_that_was_stopped_goes_on_where_it_was(
    students, tmp_path, monkeypatch
):
    cifar = importlib.import_module("reproduce_cifar100")
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (300, 1, 8, 8)).astype(np.uint8)
    labels = rng.integers(0, 3, 300)

    def trained(path):
        torch.manual_seed(0)
        network = cifar.small_backbone(3)
        to_input = lambda part: torch.from_numpy(part) / 255  # noqa: E731
        cifar.train(network, images, labels, to_input, 3, path, vary=True)
        return network.state_dict()

    whole = trained(tmp_path / "whole.pt")
    save = torch.save

    def stopped(states, path):
        if states["epoch"] == 2:
            raise KeyboardInterrupt
        save(states, path)

    monkeypatch.setattr(torch, "save", stopped)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "part.pt")
    monkeypatch.setattr(torch, "save", save)
    again = trained(tmp_path / "part.pt")
    assert whole.keys() == again.keys()
    for name, value in whole.items():
        torch.testing.assert_close(again[name], value, rtol=0, atol=0, msg=name)


def test_alpha_is_chosen_on_the_rows_held_back(students):
    """Of rows whose targets are noise, so that the strongest alpha is best there."""
    widths = importlib.import_module("_widths")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4))
    y = X[:, 0] ** 2
    held_back = np.arange(150, 200)
    y[held_back] = rng.normal(size=50)
    model = SpectralMLPRegressor(
        hidden_layer_sizes=8, encoding="linear", max_iter=60, random_state=0
    )
    losses = []
    for rows in (held_back, np.arange(50)):
        found = widths.fit_and_cut(model, X, y, X, y, [1e-4, 10.0], 0, held_back=rows)
        losses.append(found["held back"]["loss"])
    assert losses[0][1] < losses[0][0]
    assert losses[1][0] < losses[1][1]


def test_matches_of_nodes_are_one_to_one(students):
    two_layers = importlib.import_module("reproduce_two_layers")
    true = np.random.default_rng(0).normal(size=(200, 3))
    own = np.column_stack([np.full(200, 2.0), true[:, 2], 5 * true[:, 0], -true[:, 1]])
    found = two_layers.likeness(own, true)
    np.testing.assert_allclose(found[[0, 2]], 1)
    assert found[1] < 0.2  # reversed is another node
    np.testing.assert_allclose(two_layers.likeness(own[:, [1]], true), [0, 0, 1])


@pytest.mark.filterwarnings("ignore:prune removed")
def test_hidden_activations_are_those_of_the_student_and_of_its_teacher(students):
    two_layers = importlib.import_module("reproduce_two_layers")
    X, y, teacher = make_teacher_student(
        300, 4, n_teacher_nodes=3, second_layer=2, random_state=0
    )
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=(6, 5), max_iter=5, random_state=0
    ).fit(X, y)
    first, second = two_layers.hidden_of_student(model, X)
    assert (first.shape[1], second.shape[1]) == model.core_sizes_
    core = model.prune(merge=False)
    outputs = second @ core.coefs_[-1] + core.intercepts_[-1]
    np.testing.assert_allclose(outputs[:, 0], model.predict(X), rtol=1e-5)
    first, second = two_layers.hidden_of_teacher(teacher, X)
    np.testing.assert_allclose(second.sum(1), y)


def test_outputs_have_the_noise_that_is_said(students):
    outputs = importlib.import_module("reproduce_outputs")
    for task, expected in outputs.TASKS.items():
        _, y, true = outputs.make_task(task, 0, 5000)
        expected = np.array(expected)
        signal = np.isfinite(expected)
        noise = (y - true).std(0)
        deviation = np.where(signal, true.std(0), 1)
        expected = np.where(signal, expected, 1)
        np.testing.assert_allclose(noise, expected * deviation, rtol=0.03)
        np.testing.assert_array_equal(true[:, ~signal], 0)


def test_no_output_is_divided_by_next_to_nothing(students, rows):
    outputs = importlib.import_module("reproduce_outputs")
    X, y = rows
    noise = np.random.default_rng(0).normal(size=len(y))
    y = np.column_stack([np.full(len(y), 3.0) + 1e-3 * X[:, 0], 5 * noise])
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=4, max_iter=50, random_state=0
    )
    error = outputs.error_left(model, X, y)
    assert error[0] >= outputs.LEAST * y[:, 0].std()
    assert 4 < error[1] < 7
    assert not hasattr(model, "coefs_")
