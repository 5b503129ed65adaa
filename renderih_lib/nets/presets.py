"""Sizes of TransHand by name."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class TransHandSizes:
    """Everything that decides what a TransHand computes; `SIZES` holds the named ones."""

    stem: int  # channels of the ResNet's first convolution
    widths: tuple[int, int, int, int]  # channels of its four stages
    depths: tuple[int, int, int, int]
    layer: str  # "bottleneck" or "basic"
    finest: int  # stride of F3: 4 for small images, 8 for 256 pixels
    channels: int  # of the image features F1, F2, F3
    blocks: tuple[int, int, int]  # vertex feature widths of the three blocks
    heads: tuple[int, int, int]  # of attention, in the three blocks
    mlp_ratio: float
    grid: int  # each block sees at most grid x grid image tokens
    context: int  # width of the feature that starts the vertices
    dense: bool = True  # heat maps and part labels: ours, for small runs
    top_down: bool = True  # coarse image features are added to finer ones: ours, for small runs
    lateral: bool = True  # the correlation encoder's connection between the hands
    official: bool = False  # the decoder of the released code (`nets.released`)
    backbone: str = "resnet"  # of the sizes above, or a name for `backbone_config`


SIZES = {
    "tiny": TransHandSizes(
        stem=16,
        widths=(16, 32, 64, 128),
        depths=(1, 1, 1, 1),
        layer="basic",
        finest=4,
        channels=32,
        blocks=(32, 32, 16),
        heads=(1, 1, 1),
        mlp_ratio=1.0,
        grid=4,
        context=64,
    ),
    "demo": TransHandSizes(  # a ResNet-18 of half the usual width
        stem=32,
        widths=(32, 64, 128, 256),
        depths=(2, 2, 2, 2),
        layer="basic",
        finest=4,
        channels=64,
        blocks=(64, 32, 32),
        heads=(2, 1, 1),
        mlp_ratio=1.0,
        grid=8,
        context=256,
    ),
    "gpu": TransHandSizes(  # ResNet-18
        stem=64,
        widths=(64, 128, 256, 512),
        depths=(2, 2, 2, 2),
        layer="basic",
        finest=4,
        channels=128,
        blocks=(128, 128, 64),
        heads=(4, 4, 2),
        mlp_ratio=2.0,
        grid=8,
        context=512,
    ),
    "paper": TransHandSizes(  # ResNet-50
        stem=64,
        widths=(256, 512, 1024, 2048),
        depths=(3, 4, 6, 3),
        layer="bottleneck",
        finest=8,
        channels=256,
        blocks=(512, 256, 128),
        heads=(4, 4, 4),
        mlp_ratio=1.0,
        grid=8,
        context=512,
        dense=False,
        top_down=False,
    ),
}
SIZES["official"] = replace(SIZES["paper"], official=True, blocks=(256, 128, 64))
