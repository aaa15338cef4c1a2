"""How far a training step is from what this machine could do at best.

Run ``python benchmarks/floor.py``. For the shapes of ``step.py``, with b rows, widths
n_0 (inputs), n_1, ..., n_L (outputs) and P trained numbers, in float32, a step must

* multiply: forward and for the gradient of the weights 2 b n_{l-1} n_l operations in
  each layer, and as many once more to go back through each layer but the first;
* move: the rows (b n_0 + b n_L numbers) once; of each hidden layer the activations,
  written once and read twice, and their gradients, written once and read once, which
  makes 5 b n_l; and of each trained number its value and Adam's two moments, read and
  written, 6 P.

    floor = max( sum over products of operations / rate of a product of that shape,
                 4 bytes * (b (n_0 + n_L) + 5 b sum n_l + 6 P) / copy bandwidth )

The rate is that of ``torch.mm`` alone, in the faster of the two orders in which its
weight may lie; the bandwidth is what a copy of as many bytes reaches (bytes read plus
bytes written), from caches where they fit. Nothing is counted for the element-wise
work, for calls, for drawing rows or for the fit around the steps, all of which are in
the time that is compared: a fit divided by its steps.
"""

import argparse
import itertools
import platform
import time
import warnings

import numpy as np
import torch
from step import N_INPUTS, SHAPES, measure
from threadpoolctl import threadpool_limits

REPEATS = 7  # the best of so many is what the machine can do


def seconds(call, least=0.01):
    """Best time of a call."""
    call()
    start, number = time.perf_counter(), 0
    while time.perf_counter() - start < least:
        call()
        number += 1
    best = np.inf
    for _ in range(REPEATS):
        start = time.perf_counter()
        for _ in range(number):
            call()
        best = min(best, (time.perf_counter() - start) / number)
    return best


def product_seconds(n, m, k):
    """An (n, m) by (m, k) product, its factors and result in the best of orders."""
    best = np.inf
    for left, right, out in itertools.product((False, True), repeat=3):
        a = torch.randn(m, n).T if left else torch.randn(n, m)
        b = torch.randn(k, m).T if right else torch.randn(m, k)
        c = torch.empty(k, n).T if out else torch.empty(n, k)
        best = min(best, seconds(lambda a=a, b=b, c=c: torch.mm(a, b, out=c)))
    return best


def floor(sizes, n_rows):
    """Operations, seconds of the products, bytes, seconds to move them."""
    operations, products = 0, 0.0
    for layer, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
        shapes = [(n_rows, n_in, n_out), (n_in, n_rows, n_out)]
        if layer > 0:
            shapes.append((n_rows, n_out, n_in))
        for shape in shapes:
            operations += 2 * int(np.prod(shape))
            products += product_seconds(*shape)
    # eigenvectors and biases of all layers, an eigenvalue for each hidden node
    trained = sum((a + 1) * b for a, b in itertools.pairwise(sizes)) + sum(sizes[1:-1])
    hidden = sum(sizes[1:-1])
    numbers = n_rows * (sizes[0] + sizes[-1]) + 5 * n_rows * hidden + 6 * trained
    there, here = torch.zeros(2, numbers // 2)
    return operations, products, 4 * numbers, seconds(lambda: there.copy_(here))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", nargs="*", type=int, default=[1, 2])
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--steps", type=int, default=2000)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    print(f"{platform.machine()}, torch {torch.__version__}, float32")
    for n_threads in arguments.threads:
        torch.set_num_threads(n_threads)
        print(f"\n{n_threads} thread(s); microseconds")
        print(
            f"{'widths':>12} {'batch':>6} {'MFlop':>7} {'products':>9} {'kB':>7} "
            f"{'moving':>7} {'floor':>7} {'step':>7} {'step/floor':>11}"
        )
        for widths, n_rows in SHAPES:
            with threadpool_limits(n_threads):
                operations, products, moved, copy = floor(
                    (N_INPUTS, *widths, 1), n_rows
                )
                how = arguments.steps, arguments.repetitions, ["spectral"]
                step = np.median(measure(widths, n_rows, *how))
            least = max(products, copy)
            print(
                f"{widths!s:>12} {n_rows:>6} {operations / 1e6:7.2f} "
                f"{1e6 * products:9.1f} {moved / 1e3:7.0f} {1e6 * copy:7.1f} "
                f"{1e6 * least:7.1f} {1e6 * step:7.1f} {step / least:11.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
