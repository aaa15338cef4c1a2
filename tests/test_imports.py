"""Tensors below, arrays above: which room may import which, and through which door."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import skspectral

ROOT = Path(skspectral.__file__).parent
ARRAYS = {"joblib", "numpy", "scipy", "sklearn"}
# A room is a folder, or a file beside them. It may import what its line names.
MAY_IMPORT = {
    "nn": {"torch"},
    "_engine": {"torch", "scipy", "nn"},
    "_core": {"torch", "numpy", "nn"},
    "_columns": ARRAYS | {"torch", "narwhals", "nn"},
    "_estimators": ARRAYS | {"torch", "nn", "_engine", "_core", "_columns"},
    "_selection": ARRAYS | {"_core", "_columns", "_estimators"},
    "_inspection": {
        *(ARRAYS | {"torch", "matplotlib"}),
        *("nn", "_core", "_columns", "_estimators", "_selection"),
    },
    "datasets": {"numpy", "sklearn"},
    "onnx": ARRAYS | {"onnx", "skl2onnx", "nn", "_estimators", "_selection"},
    "__init__": {
        *("nn", "datasets", "_columns", "_estimators", "_selection", "_inspection")
    },
}


def imported_modules(path):
    """Full names of the modules a file imports; from an import, `module.name` too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.module == "skspectral":
                yield from (f"skspectral.{alias.name}" for alias in node.names)
            else:
                yield node.module


@pytest.mark.parametrize(
    "path", sorted(ROOT.rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT))
)
def test_arrows_between_rooms_point_one_way(path):
    room = path.relative_to(ROOT).parts[0].removesuffix(".py")
    for name in imported_modules(path):
        top, *rest = name.split(".")
        if top != "skspectral":
            assert top in sys.stdlib_module_names or top in MAY_IMPORT[room], name
        elif rest[0] != room:
            assert rest[0] in MAY_IMPORT[room], name
            assert len(rest) == 1, f"{name} is behind the door of {rest[0]}"


def test_the_rooms_have_an_order():
    """No room can be reached from a room that it imports."""
    order: list[str] = []
    left = {
        room: (names & set(MAY_IMPORT)) - {room} for room, names in MAY_IMPORT.items()
    }
    while left:
        free = [room for room, names in left.items() if names <= set(order)]
        assert free, f"these import each other: {sorted(left)}"
        order += free
        left = {room: names for room, names in left.items() if room not in free}


def test_the_index_is_sorted_and_complete():
    for module in (skspectral, skspectral.nn, skspectral.datasets):
        assert module.__all__ == sorted(module.__all__)
        for name in module.__all__:
            assert getattr(module, name).__doc__


@pytest.mark.parametrize("name", ["matplotlib", "onnx", "skl2onnx"])
def test_what_is_optional_is_not_imported(name):
    code = f"import sys, skspectral; print({name!r} in sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "False"


def test_a_fit_imports_nothing_heavy():
    code = (
        "import sys, numpy as np, skspectral\n"
        "before = set(sys.modules)\n"
        "X = np.random.default_rng(0).normal(size=(50, 3))\n"
        "reg = skspectral.SpectralMLPRegressor(hidden_layer_sizes=5, max_iter=2)\n"
        "reg.fit(X, X[:, 0]).prune(n_nodes=2).predict(X)\n"
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        check=True,
        capture_output=True,
        text=True,
    )
    assert not {"sympy", "mpmath", "pandas", "matplotlib"} & set(done.stdout.split())
