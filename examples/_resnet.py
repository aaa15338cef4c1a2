"""ResNet 18 and 50 (He, Zhang, Ren, Sun, "Deep residual learning", CVPR 2016).

The strides of a bottleneck are at its 3 x 3 convolution, as torchvision has them. The
last batch normalization of a block starts at 0, so that blocks start as nothing (Goyal
et al. 2017).
"""

from torch import nn
from torch.nn.functional import relu

BLOCKS = {"resnet18": ((2, 2, 2, 2), False), "resnet50": ((3, 4, 6, 3), True)}
EXPANSION = 4  # channels of a bottleneck's output over those within


class Block(nn.Module):
    """Two convolutions of 3 x 3, or a bottleneck of three, beside their input."""

    def __init__(self, n_in, n, stride, *, bottleneck):
        super().__init__()
        n_out = EXPANSION * n if bottleneck else n
        shapes = [(n_in, n, 3, stride), (n, n_out, 3, 1)]
        if bottleneck:
            shapes = [(n_in, n, 1, 1), (n, n, 3, stride), (n, n_out, 1, 1)]
        parts = [part for shape in shapes for part in (*normalized(*shape), nn.ReLU())]
        self.body = nn.Sequential(*parts[:-1])
        nn.init.zeros_(self.body[-1].weight)
        self.beside = nn.Identity()
        if stride > 1 or n_in != n_out:
            self.beside = nn.Sequential(*normalized(n_in, n_out, 1, stride))

    def forward(self, x):
        return relu(self.body(x) + self.beside(x))


def normalized(n_in, n_out, size, stride):
    """A convolution without bias, and its batch normalization."""
    convolution = nn.Conv2d(n_in, n_out, size, stride, size // 2, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return convolution, nn.BatchNorm2d(n_out)


def resnet(name, n_classes, *, small_stem):
    """A ResNet; its stem has stride 1 for small images, else 4."""
    depths, bottleneck = BLOCKS[name]
    parts = [*normalized(3, 64, 3 if small_stem else 7, 1 if small_stem else 2)]
    parts += [nn.ReLU()]
    if not small_stem:
        parts += [nn.MaxPool2d(3, 2, 1)]
    n_in = 64
    for stage, depth in enumerate(depths):
        for number in range(depth):
            stride = 2 if stage > 0 and number == 0 else 1
            n = 64 * 2**stage
            parts.append(Block(n_in, n, stride, bottleneck=bottleneck))
            n_in = n * (EXPANSION if bottleneck else 1)
    parts += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(n_in, n_classes)]
    return nn.Sequential(*parts)
