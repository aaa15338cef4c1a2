"""Tensors below, arrays above: which module may import which."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import skspectral

ROOT = Path(skspectral.__file__).parent
ENGINE = {
    *("nn", "_objective", "_runs", "_rows", "_adam", "_packed", "_step", "_batches"),
    *("_crew", "_shrink", "_task", "_group", "_train"),
}
MAY_IMPORT = {
    "nn": {"torch"},
    "_relevance": {"torch", "nn"},
    "_objective": {"torch"},
    "_runs": {"torch"},
    "_rows": {"torch"},
    "_adam": {"torch"},
    "_packed": {"torch", "nn", "_runs"},
    "_step": {"torch", "_objective", "_packed"},
    "_batches": {"torch", "_rows", "_runs", "_step"},
    "_crew": {
        *("torch", "nn", "_adam", "_batches", "_objective", "_packed", "_rows"),
        *("_runs", "_step"),
    },
    "_shrink": {"torch", "nn", "_crew", "_objective", "_rows", "_step"},
    "_task": {"torch", "_adam", "_objective", "_rows"},
    "_group": {"torch", *ENGINE - {"_group", "_train"}},
    "_train": {"torch", *ENGINE - {"_train"}},
    "_scaling": {"numpy", "scipy", "sklearn", "torch"},
    "_state": {"numpy", "torch", "nn", "_scaling"},
    "_parameters": {"numpy"},
    "_fit": {"numpy", "scipy", "sklearn", "torch", "_scaling"},
    "_together": {
        *("numpy", "scipy", "torch", "nn", "_fit", "_scaling", "_state"),
        *ENGINE - {"_batches", "_group", "_packed", "_shrink", "_step"},
    },
    "_reading": {"numpy", "scipy", "sklearn", "_fit"},
    "_callbacks": {"sklearn", "_together"},
    "_export": {"numpy", "sklearn", "torch", "nn"},
    "_pruning": {
        *("numpy", "sklearn", "torch", "nn", "_reading", "_relevance", "_runs"),
        *("_state", "_together"),
    },
    "_fitted": {
        *("numpy", "sklearn", "torch", "nn", "_export", "_pruning", "_relevance"),
        *("_runs", "_scaling", "_state"),
    },
    "_base": {
        *("numpy", "sklearn", "torch", "_callbacks", "_fit", "_fitted", "_parameters"),
        *("_reading", "_adam", "_runs", "_scaling", "_state", "_task", "_together"),
    },
    "_regressor": {"numpy", "sklearn", "_base", "_export"},
    "_classifier": {"numpy", "scipy", "sklearn", "_base", "_export"},
    "_candidates": {
        *("joblib", "sklearn", "_base", "_callbacks", "_parameters", "_together"),
    },
    "_cuts": {"numpy", "sklearn", "_base", "_parameters", "_pruning"},
    "_inputs": {"numpy", "scipy", "sklearn", "_base", "_reading"},
    "_report": set(),
    "_pruner": {
        *("numpy", "sklearn", "_base", "_callbacks", "_cuts", "_parameters"),
        *("_pruning", "_reading", "_report"),
    },
    "onnx": {
        *("numpy", "sklearn", "onnx", "skl2onnx", "_classifier", "_pruner"),
        "_regressor",
    },
    "_search": {"joblib", "sklearn", "_callbacks", "_candidates"},
    "datasets": {"numpy", "sklearn", "datasets"},
    "_sweep": {"numpy", "torch", "nn"},
    "_curves": {
        *("numpy", "sklearn", "torch", "nn", "_pruning", "_reading", "_state"),
        "_sweep",
    },
    "_path": {"numpy", "sklearn", "_base", "_curves", "_pruning", "_reading"},
    "_plotting": {"numpy", "matplotlib"},
    "_display": {
        *("numpy", "sklearn", "_curves", "_plotting", "_pruning", "_relevance"),
    },
    "_curve_display": {"numpy", "_curves", "_plotting"},
    "_path_display": {"numpy", "_path", "_plotting"},
    "__init__": {
        *("_classifier", "_curve_display", "_curves", "_display", "_inputs", "_path"),
        *("_path_display", "_pruner", "_regressor", "_search", "datasets", "nn"),
    },
}
STANDARD = {
    *("collections", "contextlib", "copy", "dataclasses", "html", "inspect"),
    *("functools", "itertools", "math", "numbers", "operator", "reprlib", "time"),
    *("typing", "warnings"),
}


def imported(path):
    """Top-level names a file imports, those of the package by their own module."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module]
            if node.module == "skspectral":
                names = [f"skspectral.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            yield parts[1] if parts[0] == "skspectral" else parts[0]


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda p: p.stem)
def test_arrows_point_one_way(path):
    room = path.relative_to(ROOT).parts[0].removesuffix(".py")
    allowed = MAY_IMPORT[room] | STANDARD | ({room} if room == "nn" else set())
    assert set(imported(path)) <= allowed


def test_the_index_is_sorted_and_complete():
    for module in (skspectral, skspectral.nn, skspectral.datasets):
        assert module.__all__ == sorted(module.__all__)
        for name in module.__all__:
            assert getattr(module, name).__doc__


@pytest.mark.parametrize("name", ["matplotlib", "onnx", "skl2onnx"])
def test_what_is_optional_is_not_imported(name):
    import subprocess
    import sys

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
