"""Seconds until something is there: imports in fresh processes, first and next fit.

Run ``python benchmarks/startup.py``. Medians over fresh Python processes, the files
already in the system's cache; "both" imports scikit-learn's MLP and torch. The fits are
of one epoch on 1,000 rows.
"""

import subprocess
import sys
import time

import numpy as np

IMPORTS = {
    "nothing": "pass",
    "scikit-learn's MLP": "import sklearn.neural_network",
    "torch": "import torch",
    "both": "import sklearn.neural_network, torch",
    "skspectral": "import skspectral",
}
FITS = """
import time
import warnings
import numpy as np
from {module} import {name}
warnings.simplefilter("ignore")
X = np.random.default_rng(0).normal(size=(1000, 10))
model = {name}(hidden_layer_sizes=100, max_iter=1)
for _ in range(2):
    start = time.perf_counter()
    model.fit(X, X[:, 0])
    print(time.perf_counter() - start)
"""
REPETITIONS = 7


def fresh(code):
    """Seconds of a process that runs the code, and what it prints."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    return time.perf_counter() - start, *map(float, done.stdout.split())


def main():
    for name, code in IMPORTS.items():
        seconds = np.median([fresh(code)[0] for _ in range(REPETITIONS)])
        print(f"{name:20} {seconds:6.2f} s")
    for module, name in (
        ("sklearn.neural_network", "MLPRegressor"),
        ("skspectral", "SpectralMLPRegressor"),
    ):
        code = FITS.format(module=module, name=name)
        _, first, second = np.median([fresh(code) for _ in range(REPETITIONS)], 0)
        print(f"{name:20} first fit {first:6.3f} s, second {second:6.3f} s")
    whole = FITS.format(module="skspectral", name="SpectralMLPRegressor")
    pairs = [(fresh(whole)[0], fresh(IMPORTS["both"])[0]) for _ in range(REPETITIONS)]
    ratio = np.median([a / b for a, b in pairs])
    print(f"a process that imports skspectral and fits twice, over both: {ratio:.2f}")


if __name__ == "__main__":
    main()
