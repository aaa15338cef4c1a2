"""Claim 6 on features of a frozen convolutional backbone.

The paper puts its layer behind a ResNet50 and reports CIFAR100. Here a small
convolutional network learns from half of Fashion-MNIST's training images and is frozen;
heads of a decade of widths learn from its features of the other half, each at its own
best alpha (see ``_widths.py``). ``--scale quick`` takes scikit-learn's digits instead.

With torchvision installed, any of its backbones and any images take the same way::

    python examples/reproduce_backbone.py --backbone resnet50 --images FOLDER

with one folder for each class below FOLDER. A fifth of the images is for the test.
Features are kept below ``out/features``: delete them where the images have changed.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from _images import images
from _reproduction import Results, arguments, save
from _widths import STRONGER, cases, draw, fit_and_cut, report
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from skspectral import SpectralMLPClassifier

KEPT = Path(__file__).resolve().parent.parent / "out" / "features"


class ImageFolder(Dataset):
    """Images below folder/class/, in order, each with the number of its class."""

    def __init__(self, folder, transform):
        self.transform = transform
        self.paths = sorted(p for p in Path(folder).glob("*/*") if p.is_file())
        self.classes = sorted({path.parent.name for path in self.paths})
        if len(self.classes) < 2:
            raise SystemExit(
                "`--images` must name a folder with a folder of images for each class;"
                f" got {folder} with {len(self.classes)}. Sort the images by class."
            )

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        path = self.paths[index]
        with Image.open(path) as image:
            x = self.transform(image.convert("RGB"))
        return x, self.classes.index(path.parent.name)


def pretrained(name):
    """A backbone of torchvision with its default weights, and the transform it asks."""
    try:
        from torchvision.models import get_model, get_model_weights
    except ImportError as error:
        raise SystemExit(
            f"`--backbone {name}` needs torchvision, which is not installed. Install "
            "it, or leave --backbone and --images out: a small one is trained here."
        ) from error
    weights = get_model_weights(name).DEFAULT
    return get_model(name, weights=weights), weights.transforms()


def without_head(network):
    """The network with its last linear layer taken out, in place."""
    linear = [
        key for key, part in network.named_modules() if isinstance(part, nn.Linear)
    ]
    if not linear:
        raise SystemExit(
            f"the backbone must end in a linear layer, which is taken out; "
            f"{type(network).__name__} has none. Choose another, such as resnet50."
        )
    owner, _, name = linear[-1].rpartition(".")
    setattr(network.get_submodule(owner), name, nn.Identity())
    return network


def features(network, dataset):
    """Outputs of the frozen network, a row for each image, and the labels."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = network.eval().to(device)
    with torch.inference_mode():
        batches = [
            (network(x.to(device)).flatten(1).cpu(), y)
            for x, y in DataLoader(dataset, batch_size=100)
        ]
    X, y = (torch.cat(parts).numpy() for parts in zip(*batches, strict=True))
    return X, y


def small_backbone(n_classes):
    """Three convolutions and 128 features, whatever the size of the images."""
    parts = []
    for n_in, n_out in ((1, 16), (16, 32), (32, 128)):
        parts += [nn.Conv2d(n_in, n_out, 3, padding=1), nn.BatchNorm2d(n_out)]
        parts += [nn.ReLU(), nn.MaxPool2d(2)]
    parts[-1] = nn.AdaptiveAvgPool2d(1)
    return nn.Sequential(*parts, nn.Flatten(), nn.Linear(128, n_classes))


def train_backbone(network, dataset, n_epochs):
    """Plain training of the backbone, by Adam at a rate that falls to zero."""
    loader = DataLoader(dataset, batch_size=100, shuffle=True)
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    steps = n_epochs * len(loader)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0, total_iters=steps)
    for epoch in range(n_epochs):
        total = 0.0
        for x, y in loader:
            loss = nn.functional.cross_entropy(network(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        print(
            f"backbone, epoch {epoch + 1}: loss {total / len(loader):.3f}", flush=True
        )


def own_features(name, n_epochs):
    """Features of images that the small backbone, trained on others, has not seen."""
    if name == "digits":
        X, y = load_digits(return_X_y=True)
        X, X_test, y, y_test = train_test_split(
            X / 16, y, test_size=0.2, random_state=0
        )
    else:
        (X, y), (X_test, y_test) = images("Fashion-MNIST")
    side = int(X.shape[1] ** 0.5)

    def dataset(X, y):
        x = torch.tensor(X, dtype=torch.float32).reshape(-1, 1, side, side)
        return TensorDataset(x, torch.tensor(y))

    half = len(y) // 2
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = small_backbone(n_classes=10)
        train_backbone(network, dataset(X[:half], y[:half]), n_epochs)
    outputs, _ = features(network, dataset(X_test, y_test))
    print(f"its own head: accuracy {np.mean(outputs.argmax(1) == y_test):.4f}")
    network = without_head(network)
    X, y = features(network, dataset(X[half:], y[half:]))
    X_test, y_test = features(network, dataset(X_test, y_test))
    return {"X": X, "y": y, "X_test": X_test, "y_test": y_test}


def folder_features(network, transform, folder):
    """Features of the images of a folder, a fifth of them for the test."""
    X, y = features(without_head(network), ImageFolder(folder, transform))
    parts = train_test_split(X, y, test_size=0.2, random_state=0, stratify=y)
    return dict(zip(("X", "X_test", "y", "y_test"), parts, strict=True))


def path_of(name):
    return KEPT / f"{name}.npz"


def one_head(name, kind, h, seed, n_rows, alphas, max_iter):
    with np.load(path_of(name)) as data:
        X, y, X_test, y_test = (data[key] for key in ("X", "y", "X_test", "y_test"))
    rows = np.random.default_rng(seed).permutation(len(y))[:n_rows]
    head = SpectralMLPClassifier(
        encoding="linear",
        hidden_layer_sizes=h,
        parametrization=kind,
        max_iter=max_iter,
        random_state=seed,
    )
    return fit_and_cut(head, X[rows], y[rows], X_test, y_test, alphas, seed)


def main():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--backbone", metavar="NAME", help="of torchvision")
    parser.add_argument("--images", metavar="FOLDER", help="a folder for each class")
    options = arguments(__doc__, parents=[parser])
    if (options.backbone is None) != (options.images is None):
        raise SystemExit("--backbone and --images go together")
    quick, full = (options.scale == scale for scale in ("quick", "full"))
    name, title = ("digits" if quick else "fashion"), "backbone"
    if options.backbone:
        name = title = f"{options.backbone}-{Path(options.images).resolve().name}"
        options.folder = KEPT.parent / "results"
        options.folder.mkdir(parents=True, exist_ok=True)
    if not options.draw_only and not path_of(name).is_file():
        if options.backbone:
            arrays = folder_features(*pretrained(options.backbone), options.images)
        else:
            arrays = own_features(name, n_epochs=30 if quick else 8)
        KEPT.mkdir(parents=True, exist_ok=True)
        np.savez(path_of(name), **arrays)
    heads = cases(
        name,
        (8, 32) if quick else (16, 64, 256) if full else (16, 256),
        range({"quick": 1, "reduced": 2, "full": 3}[options.scale]),
        n_rows=100_000 if full else 10_000,
        alphas=[1e-4, 1e-3] if quick else STRONGER,
        max_iter=5 if quick else "auto",
    )
    rows = Results(options.folder / f"{title}.json").rows(heads, one_head, options)
    if not rows:
        raise SystemExit("there are no results to show")
    save(options, title, draw(rows, [name]), report(rows, [name]))


if __name__ == "__main__":
    main()
