"""Claim 6 on CIFAR100: heads behind a ResNet that is trained here and frozen.

The paper puts its layer behind a ResNet50 and names CIFAR100; its weights and protocol
are not to be had. So this script trains a ResNet on the images of a folder that has
``train`` and ``test`` below it, each with one folder for each class::

    python examples/reproduce_cifar100.py --images FOLDER --scale full

A tenth of the training images is held back from the backbone: on it each head's alpha
is chosen. Heads then learn from all training images; test images choose nothing.

The backbone is kept below ``out/cifar100`` after each epoch, and a run that was stopped
goes on there. On a GPU it takes images at their own size (a stem of stride 1, in
bfloat16); on a CPU, which would take a day, the stem is that of large images, of stride
4. Delete the folder where images or settings have changed. ``--scale quick`` takes
scikit-learn's digits and a small network instead.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from _reproduction import Results, arguments, save
from _resnet import BLOCKS, resnet
from _widths import cases, draw, fit_and_cut, report
from PIL import Image
from reproduce_backbone import small_backbone, without_head
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.nn.functional import cross_entropy, pad

from skspectral import SpectralMLPClassifier

KEPT = Path(__file__).resolve().parent.parent / "out" / "cifar100"
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
BATCH, MARGIN = 128, 4  # images; pixels that random crops may move by
# Strong ones: the backbone has seen nine tenths of what heads learn from.
ALPHAS = (1e-3, 3e-3, 1e-2, 3e-2)


def folder_images(folder):
    """Images (n, channels, height, width) and labels of both parts, as bytes."""
    classes = sorted(p.name for p in (Path(folder) / "train").glob("*") if p.is_dir())
    if len(classes) < 2:
        raise SystemExit(
            "`--images` must name a folder with train/ and test/, and in each a folder "
            f"of images for each class; got {folder}. Sort the images by class."
        )
    found = {}
    for part, suffix in (("train", ""), ("test", "_test")):
        pixels, labels = [], []
        for label, name in enumerate(classes):
            for path in sorted((Path(folder) / part / name).iterdir()):
                with Image.open(path) as image:
                    pixels.append(np.asarray(image.convert("RGB")).transpose(2, 0, 1))
                labels.append(label)
        found[f"X{suffix}"], found[f"y{suffix}"] = np.stack(pixels), np.array(labels)
    return found


def digits_images():
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.2, random_state=0)
    X, X_test = (15.9 * part.reshape(-1, 1, 8, 8) for part in (X, X_test))
    return {
        "X": X.astype(np.uint8),
        "y": y,
        "X_test": X_test.astype(np.uint8),
        "y_test": y_test,
    }


def backbone_of(name, n_classes):
    if name == "small":
        return small_backbone(n_classes)
    return resnet(name, n_classes, small_stem=DEVICE == "cuda")


def standardized(images, mean, scale):
    """Bytes as float32 on the device, channel by channel, with channels last."""
    x = (torch.from_numpy(images).to(DEVICE).float() - mean) / scale
    return x.contiguous(memory_format=torch.channels_last)


def varied(x, generator):
    """Random crops of the batch's own, and every second image mirrored."""
    height, width = x.shape[-2:]
    down, right = torch.randint(2 * MARGIN + 1, (2, len(x)), generator=generator)
    rows = (down[:, None] + torch.arange(height)).to(x.device)
    columns = right[:, None] + torch.arange(width)
    mirrored = torch.rand(len(x), generator=generator) < 0.5
    columns = torch.where(mirrored[:, None], columns.flip(1), columns).to(x.device)
    image = torch.arange(len(x), device=x.device)[:, None, None]
    # Indexed dimensions first: (images, rows, columns, channels), which is
    # channels_last already.
    padded = pad(x, [MARGIN] * 4).permute(0, 2, 3, 1)
    return padded[image, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def train(network, images, labels, to_input, n_epochs, path, *, vary):
    """Stochastic gradient descent with one cycle of rates; goes on from `path`."""
    network.to(DEVICE, memory_format=torch.channels_last)
    steps = len(labels) // BATCH
    optimizer = torch.optim.SGD(
        network.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4
    )
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.1, total_steps=n_epochs * steps, pct_start=0.2
    )
    parts = {"network": network, "optimizer": optimizer, "cycle": cycle}
    first = 0
    if path.is_file():
        kept = torch.load(path, map_location=DEVICE, weights_only=True)
        first = kept.pop("epoch")
        for key, part in parts.items():
            part.load_state_dict(kept[key])
    labels = torch.from_numpy(labels).to(DEVICE)
    for epoch in range(first, n_epochs):
        generator = torch.Generator().manual_seed(epoch)
        order = torch.randperm(len(labels), generator=generator)
        network.train()
        total = 0.0
        for rows in order[: steps * BATCH].view(steps, BATCH):
            x, y = to_input(images[rows.numpy()]), labels[rows.to(DEVICE)]
            x = varied(x, generator) if vary else x
            with torch.autocast(DEVICE, torch.bfloat16, enabled=DEVICE == "cuda"):
                loss = cross_entropy(network(x), y, label_smoothing=0.1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            cycle.step()
            total += float(loss.detach())
        print(f"backbone, {epoch + 1} of {n_epochs}: {total / steps:.3f}", flush=True)
        states = {key: part.state_dict() for key, part in parts.items()}
        partial = path.with_suffix(".partial")
        torch.save({"epoch": epoch + 1, **states}, partial)
        partial.replace(path)


def outputs(network, images, to_input):
    network.eval()
    with torch.inference_mode():
        parts = [
            network(to_input(images[start : start + 500])).flatten(1).cpu()
            for start in range(0, len(images), 500)
        ]
    return torch.cat(parts).numpy()


def features(name, images, n_epochs):
    """Features of all images by the frozen backbone, and who was held back from it."""
    X, y = images["X"], images["y"]
    seen, held_back = train_test_split(
        np.arange(len(y)), test_size=0.1, random_state=0, stratify=y
    )
    # A dozen numbers from the pixels that the backbone learns from.
    mean = X[seen].mean((0, 2, 3), dtype=np.float64)
    scale = X[seen].std((0, 2, 3), dtype=np.float64)
    mean, scale = (
        torch.tensor(v, dtype=torch.float32, device=DEVICE).view(-1, 1, 1)
        for v in (mean, scale)
    )

    def to_input(part):
        return standardized(part, mean, scale)

    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = backbone_of(name, len(np.unique(y)))
    path = KEPT / f"{name}.pt"
    vary = name != "small"  # mirrored digits are none
    train(network, X[seen], y[seen], to_input, n_epochs, path, vary=vary)
    own = {
        f"own {which}": np.mean(outputs(network, part, to_input).argmax(1) == labels)
        for which, part, labels in (
            ("test", images["X_test"], images["y_test"]),
            ("held back", X[held_back], y[held_back]),
        )
    }
    network = without_head(network)
    return {
        "X": outputs(network, X, to_input),
        "y": y,
        "held_back": held_back,
        "X_test": outputs(network, images["X_test"], to_input),
        "y_test": images["y_test"],
        **own,
    }


def features_path(name):
    return KEPT / f"{name}.npz"


def one_head(name, kind, h, seed, alphas, max_iter):
    with np.load(features_path(name)) as data:
        X, y, held_back, X_test, y_test = (
            data[key] for key in ("X", "y", "held_back", "X_test", "y_test")
        )
    head = SpectralMLPClassifier(
        encoding="linear",
        hidden_layer_sizes=h,
        parametrization=kind,
        max_iter=max_iter,
        random_state=seed,
    )
    return fit_and_cut(head, X, y, X_test, y_test, alphas, seed, held_back=held_back)


def main():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--images", metavar="FOLDER", help="with train/ and test/")
    parser.add_argument("--backbone", choices=BLOCKS, default="resnet50")
    parser.add_argument("--epochs", type=int, default=24, help="of the backbone")
    options = arguments(__doc__, parents=[parser])
    quick, full = (options.scale == scale for scale in ("quick", "full"))
    name = "small" if quick else options.backbone
    path = features_path(name)
    if not options.draw_only and not path.is_file():
        if not quick and options.images is None:
            print("CIFAR100 is left out: --images does not name a folder")
            return
        KEPT.mkdir(parents=True, exist_ok=True)
        images = digits_images() if quick else folder_images(options.images)
        np.savez(path, **features(name, images, 3 if quick else options.epochs))
    heads = cases(
        name,
        (8, 32) if quick else (64, 250, 1000) if full else (64, 250),
        range(3 if full else 1),
        alphas=[1e-4, 1e-3] if quick else ALPHAS,
        max_iter=5 if quick else 40,
    )
    rows = Results(options.folder / "cifar100.json").rows(heads, one_head, options)
    if not rows:
        raise SystemExit("there are no results to show")
    text = report(rows, [name])
    if path.is_file():
        with np.load(path) as data:
            accuracy = "{:.4f}".format(float(data["own test"]))
        text = f"The backbone's own linear head: accuracy {accuracy}.\n\n{text}"
    save(options, "cifar100", draw(rows, [name]), text)


if __name__ == "__main__":
    main()
