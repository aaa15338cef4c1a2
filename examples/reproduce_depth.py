"""Claim 10: a penalty on shared eigenvalues finds the depth that a task needs.

The claim (SPARCS 2025): a network whose layers are all joined, skips included, is
written in one set of eigenvectors and eigenvalues; with a penalty on the eigenvalues of
each layer it grows no more hidden layers than the task asks for. The authors teach a
student 20-2000-2000-20 by a teacher 20-20-20 and print "1 active hidden layer".

Let x_0 be the inputs, phi_i the eigenvectors between layer i and i + 1, l_i the
eigenvalues of layer i. Layer i receives from layer j < i, since (phi as an adjacency
matrix) the block of Phi Lambda Phi^-1 is

    W_ij = (-1)^(i-1-j) B_i phi_(i-2) ... phi_j,
    B_i = phi_(i-1) l_(i-1) - l_i phi_(i-1).

B_i is the weight of skspectral's SpectralLinear with ``gate="both"``. As the products
repeat, the whole network is a short loop: ``u = x - phi u`` after each layer. All
eigenvalues start at 0, those of the outputs at 1: a linear network. The penalty is 1e-4
times the norm, not squared, of the eigenvalues of each layer but the outputs; Adam,
rate 1e-3, no biases.

What we changed: the student is 20-100-100-20 and learns from 20,000 rows, not 100,000,
with a rate that falls to zero. Beside the teacher of one hidden layer stand one of none
and one of two, as controls, and students without the penalty. "Active" in the
authors' sense is a layer with an eigenvalue above 1e-3; as an eigenvalue of zero does
not silence a layer here (the layer before gates it as well), we ask besides what the
test error becomes when a layer is silenced, and when the link between the two hidden
layers is cut: without that link the network has a depth of one, whatever its spectrum.

Run ``python examples/reproduce_depth.py --scale reduced``.
"""

import itertools

import numpy as np
import torch
from _reproduction import Results, arguments, digits, mean_and_sd, save, table
from matplotlib import pyplot as plt
from torch import nn

from skspectral.nn import SpectralLinear

N_INPUTS = 20
ACTIVE = 1e-3  # of an eigenvalue; the authors'


class SharedSpectralNetwork(nn.Module):
    """K networks, all layers joined to all later ones, in shared eigenvectors."""

    def __init__(self, sizes, n_runs):
        super().__init__()
        self.layers = nn.ModuleList(
            SpectralLinear(a, b, gate="both", batch_shape=(n_runs,), bias=False)
            for a, b in itertools.pairwise(sizes)
        )
        for before, after in itertools.pairwise(self.layers):
            after.lambda_in = before.lambda_out  # the same nodes: the same eigenvalues

    def start(self, seeds):
        """Glorot eigenvectors, run k from its own seed; a linear network."""
        for k, seed in enumerate(seeds):
            generator = torch.Generator().manual_seed(seed)
            for layer in self.layers:
                bound = (6 / sum(layer.phi.shape[-2:])) ** 0.5
                nn.init.uniform_(layer.phi.data[k], -bound, bound, generator)
        for eigenvalues in self.eigenvalues():
            nn.init.zeros_(eigenvalues)
        nn.init.ones_(self.eigenvalues()[-1])

    def eigenvalues(self):
        """Of the inputs, the hidden layers and the outputs: shapes (K, nodes)."""
        return [self.layers[0].lambda_in, *(layer.lambda_out for layer in self.layers)]

    def forward(self, x, silent=None, cut=False):
        """Outputs (K, n, out), with hidden layer `silent` at zero if it is given.

        `cut` leaves out what the first hidden layer sends to the second, W_21.
        """
        u = x
        for i, layer in enumerate(self.layers, 1):
            if cut and i == 2:
                z = layer(u - x)
            else:
                z = layer(u)
            if i == len(self.layers):
                return z
            x = torch.zeros_like(z) if silent == i else torch.relu(z)
            u = x - u @ layer.phi.mT


def blocks(network):
    """W_ij of a single network, straight from Phi Lambda Phi^-1: the oracle."""
    sizes = [network.layers[0].in_features]
    sizes += [layer.out_features for layer in network.layers]
    Phi = torch.eye(sum(sizes), dtype=torch.float64)
    ends = np.cumsum([0, *sizes])
    for i, layer in enumerate(network.layers):
        rows, columns = slice(ends[i + 1], ends[i + 2]), slice(ends[i], ends[i + 1])
        Phi[rows, columns] = layer.phi[0].detach().double()
    values = torch.cat([v[0].detach().double() for v in network.eigenvalues()])
    adjacency = Phi @ torch.diag(values) @ torch.linalg.inv(Phi)
    return [
        [adjacency[ends[i] : ends[i + 1], ends[j] : ends[j + 1]] for j in range(i)]
        for i in range(len(sizes))
    ]


def check():
    """The loop of `forward` computes what the adjacency matrix says."""
    network = SharedSpectralNetwork((3, 5, 4, 2), 1).double()
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        nn.init.normal_(parameter, generator=generator)
    x = torch.randn(7, 3, generator=generator, dtype=torch.float64)
    W, states = blocks(network), [x]
    for i in (1, 2, 3):
        z = sum(states[j] @ W[i][j].mT for j in range(i))
        states.append(torch.relu(z) if i < 3 else z)
    torch.testing.assert_close(network(x)[0], states[-1])
    W[2][1].zero_()
    second = torch.relu(x @ W[2][0].mT)
    out = second @ W[3][2].mT + states[1] @ W[3][1].mT + x @ W[3][0].mT
    torch.testing.assert_close(network(x, cut=True)[0], out)


def teach(depth, n_rows, rng):
    """Rows, and the answers of a teacher of 20 nodes in each of `depth` layers.

    The same random rotation in every layer, ReLU between them, as the authors do.
    """
    rotation, _ = np.linalg.qr(rng.normal(size=(N_INPUTS, N_INPUTS)))
    X = rng.uniform(-1, 1, (n_rows, N_INPUTS))
    y = X @ rotation.T
    for _ in range(depth):
        y = np.maximum(y, 0) @ rotation.T
    return X.astype(np.float32), y.astype(np.float32)


def compute(depth, penalty, width, epochs, n_train, seeds, teacher):
    """Students of one teacher, together; what their spectra and their links say."""
    rng = np.random.default_rng([teacher, depth])
    X, y = (torch.tensor(a) for a in teach(depth, n_train + 10_000, rng))
    network = SharedSpectralNetwork((N_INPUTS, width, width, N_INPUTS), len(seeds))
    network.start(seeds)
    train(network, X[:n_train], y[:n_train], penalty, epochs)
    return {"students": measure(network, X[n_train:], y[n_train:])}


def train(network, X, y, penalty, epochs, *, rate=1e-3, batch_size=200):
    generator = torch.Generator().manual_seed(0)
    adam = torch.optim.Adam(network.parameters(), lr=rate)
    steps = epochs * (len(X) // batch_size)
    fall = torch.optim.lr_scheduler.LinearLR(adam, 1, 0, total_iters=steps)
    for _ in range(epochs):
        order = torch.randperm(len(X), generator=generator)
        for rows in order.split(batch_size)[: len(X) // batch_size]:
            error = (network(X[rows]) - y[rows]).square().mean((1, 2))
            norms = sum(v.norm(dim=1) for v in network.eigenvalues()[:-1])
            adam.zero_grad()
            (error + penalty * norms).sum().backward()  # runs do not mix
            adam.step()
            fall.step()


@torch.no_grad()
def measure(network, X, y):
    """Errors in units of the variance of the targets, and live eigenvalues."""
    variance = y.var(dim=0).mean()

    def error(**how):
        return (network(X, **how) - y).square().mean((1, 2)) / variance

    found = {
        "whole": error(),
        "first silent": error(silent=1),
        "second silent": error(silent=2),
        "link cut": error(cut=True),
    }
    _, *hidden, _ = network.eigenvalues()
    link = network.layers[1].weight  # W_21
    students = []
    for k in range(len(link)):
        student = {name: digits(value[k])[0] for name, value in found.items()}
        student["alive"] = [int((v[k].abs() > ACTIVE).sum()) for v in hidden]
        student["largest"] = [digits(v[k].abs().max())[0] for v in hidden]
        student["inputs alive"] = int(
            (network.eigenvalues()[0][k].abs() > ACTIVE).sum()
        )
        student["spectrum"] = [sorted(digits(v[k].abs(), 3)) for v in hidden]
        students.append(student)
    return students


SCALES = {  # teachers, seeds of the students, width, rows, epochs, penalties
    "quick": ((0,), (0, 1), 40, 4_000, 10, (0.0, 1e-4)),
    "reduced": ((0,), (0, 1, 2), 100, 20_000, 100, (0.0, 1e-4, 1e-3)),
    "full": ((0, 1, 2), (0, 1, 2, 3, 4), 100, 20_000, 100, (0.0, 1e-4, 1e-3, 3e-3)),
}
DEPTHS = (0, 1, 2)
ERRORS = ("whole", "link cut", "first silent", "second silent")


def main():
    check()
    options = arguments(__doc__)
    results = Results(options.folder / "depth.json")
    teachers, seeds, width, n_train, epochs, penalties = SCALES[options.scale]
    cases = [
        {
            "depth": depth,
            "penalty": penalty,
            "width": width,
            "epochs": epochs,
            "n_train": n_train,
            "seeds": seeds,
            "teacher": teacher,
        }
        for depth in DEPTHS
        for penalty in penalties
        for teacher in teachers
    ]
    rows = results.rows(cases, compute, options)
    found = {
        (depth, penalty): [
            student
            for row in rows
            if (row["depth"], row["penalty"]) == (depth, penalty)
            for student in row["students"]
        ]
        for depth in DEPTHS
        for penalty in penalties
    }
    save(options, "depth", draw(found, penalties), summarise(found, width))


def active_layers(student):
    """Hidden layers with an eigenvalue above 1e-3: the authors' measure of depth."""
    return sum(n > 0 for n in student["alive"])


def summarise(found, width):
    lines = []
    for (depth, penalty), students in found.items():
        if not students:
            continue
        layers = ", ".join(str(active_layers(s)) for s in students)
        alive = [
            "{:.0f} ± {:.0f}".format(*mean_and_sd([s["alive"][i] for s in students]))
            for i in (0, 1)
        ]
        errors = [
            "{:.2g} ± {:.1g}".format(*mean_and_sd([s[name] for s in students]))
            for name in ERRORS
        ]
        lines.append([depth, f"{penalty:g}", layers, *alive, *errors])
    header = ["hidden layers of the teacher", "penalty", "active layers, by student"]
    header += [f"live eigenvalues of {width}, first layer", "second layer"]
    header += ["test error (share of the variance)", "link between them cut"]
    header += ["first layer silent", "second layer silent"]
    return table(header, lines)


def draw(found, penalties):
    """Above the spectra of the two hidden layers, below what each part is worth."""
    figure, axes = plt.subplots(2, len(DEPTHS), figsize=(12, 6.4), sharey="row")
    colours = [f"C{i}" for i in range(len(penalties))]
    for (above, below), depth in zip(axes.T, DEPTHS, strict=True):
        for number, (penalty, colour) in enumerate(
            zip(penalties, colours, strict=True)
        ):
            students = found[depth, penalty]
            for layer, line in ((0, "-"), (1, "--")):
                for student in students:
                    values = np.maximum(student["spectrum"][layer][::-1], 1e-9)
                    rank = np.arange(1, len(values) + 1)
                    above.plot(rank, values, line, color=colour, linewidth=0.8)
            for place, name in enumerate(ERRORS):
                own = [max(s[name], 1e-9) for s in students]
                at = place + 0.16 * (number - (len(penalties) - 1) / 2)
                below.plot([at] * len(own), own, "o", color=colour, markersize=4)
        above.axhline(ACTIVE, color="black", linewidth=0.8, linestyle=":")
        above.set(
            yscale="log",
            xlabel="node of the layer, by rank",
            title=f"teacher of {depth} hidden layer" + ("" if depth == 1 else "s"),
        )
        below.set(yscale="log")
        below.set_xticks(range(len(ERRORS)), [n.replace(" ", "\n") for n in ERRORS])
        below.grid(axis="y", linewidth=0.3)
    axes[0, 0].set_ylabel("|eigenvalue|")
    axes[1, 0].set_ylabel("test error (share of the variance)")
    lines = [plt.Line2D([], [], color=colour) for colour in colours]
    names = [f"penalty {penalty:g}" for penalty in penalties]
    lines += [plt.Line2D([], [], color="grey", linestyle=line) for line in ("-", "--")]
    names += ["first hidden layer", "second hidden layer"]
    lines.append(plt.Line2D([], [], color="black", linestyle=":"))
    names.append("active above 0.001")
    place = {"loc": "upper center", "bbox_to_anchor": (0.5, 0)}
    figure.legend(lines, names, **place, ncols=3, frameon=False)
    figure.tight_layout()
    return figure


if __name__ == "__main__":
    main()
