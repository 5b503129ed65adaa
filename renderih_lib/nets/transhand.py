"""TransHand (paper section 4, Figure 8): two hand meshes from one image, each hand helping the other."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from renderih_lib.hand.pair import HandPair
from renderih_lib.hand.skeleton import KEYPOINT_COUNT, MIDDLE_MCP
from renderih_lib.nets.attention import CorrelationEncoder, Encoder
from renderih_lib.nets.backbone import ResNet
from renderih_lib.nets.coarsening import mesh_pyramid
from renderih_lib.nets.heads import DenseEvidence, DenseHead, FeaturePyramid

#: Half a crop per metre at the start of training: a pair of hands fills most of its crop.
FIRST_SCALE = 5.0


@dataclass(frozen=True)
class TransHandSizes:
    """Widths of a TransHand; `SIZES` holds the named ones."""

    stem: int  # channels of the first convolution
    widths: tuple[int, int, int, int]  # channels of the four ResNet stages
    depths: tuple[int, int, int, int]
    layer: str  # "bottleneck" or "basic"
    finest: int  # stage of F3: 0 for stride 4 (small images), 1 for stride 8 (256 pixels)
    channels: int  # of the image features F1, F2, F3
    blocks: tuple[int, int, int]  # vertex feature widths of the three blocks
    heads: tuple[int, int, int]  # of attention, in the three blocks
    mlp_ratio: float
    grid: int  # each block sees at most grid x grid image tokens
    context: int  # width of the feature that starts the vertices
    dense: bool = True  # heat maps and part labels
    lateral: bool = True  # the correlation encoder's connection


SIZES = {
    "tiny": TransHandSizes(
        stem=16,
        widths=(16, 32, 64, 128),
        depths=(1, 1, 1, 1),
        layer="basic",
        finest=0,
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
        finest=0,
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
        finest=0,
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
        finest=1,
        channels=256,
        blocks=(512, 256, 128),
        heads=(4, 4, 4),
        mlp_ratio=1.0,
        grid=8,
        context=512,
    ),
}


class Prediction(NamedTuple):
    """What TransHand says about B images. Each hand is relative to its own middle MCP joint, camera axes."""

    vertices: Tensor  # (B, 2, V, 3) metres
    keypoints: Tensor  # (B, 2, 21, 3) metres, regressed from the vertices
    relative: Tensor  # (B, 3) metres, left root minus right root
    camera: Tensor  # (B, 2, 3): scale (half crops per metre) and shift of the weak perspective
    evidence: DenseEvidence | None

    @property
    def vertices_2d(self) -> Tensor:
        """(B, 2, V, 2) in [-1, 1] across the crop."""
        return weak_perspective(self.vertices, self.camera)

    @property
    def keypoints_2d(self) -> Tensor:
        """(B, 2, 21, 2) in [-1, 1] across the crop."""
        return weak_perspective(self.keypoints, self.camera)


class TransHand(nn.Module):
    """Image to both hand meshes.

    Args:
        hands: the right and left hand model; vertex counts and levels follow from them.
        preset: a name in `SIZES`. changes: fields of `TransHandSizes` to replace, e.g. `lateral=False`.
        seed: of the initial weights.

    Raises:
        ValueError: if the preset is unknown.
    """

    def __init__(self, hands: HandPair, preset: str = "paper", *, seed: int = 0, **changes):
        super().__init__()
        if preset not in SIZES:
            raise ValueError(f"preset must be one of {tuple(SIZES)}, got {preset!r}")
        self.sizes = replace(SIZES[preset], **changes)
        with torch.random.fork_rng(devices=[]):  # layers draw weights when made; all are drawn again below
            self._build(hands, self.sizes)
        initialise(self, torch.Generator().manual_seed(seed))
        self.to(memory_format=torch.channels_last)

    def _build(self, hands: HandPair, sizes: TransHandSizes) -> None:
        pyramid = mesh_pyramid(hands.right)
        self.backbone = ResNet(sizes.widths, sizes.depths, sizes.layer, sizes.stem)
        self.features = FeaturePyramid(sizes.widths[sizes.finest :], sizes.channels, len(sizes.blocks))
        self.dense = DenseHead(sizes.channels) if sizes.dense else None
        evidence = self.dense.token_width if sizes.dense else 0
        self.start = VertexStart(sizes, len(pyramid.levels[0]), evidence)
        self.blocks = nn.ModuleList(
            Block(sizes, width, heads, rest_coordinates(hands, level), evidence)
            for width, heads, level in zip(sizes.blocks, sizes.heads, pyramid.levels, strict=True)
        )
        self.narrow = nn.ModuleList(
            nn.Linear(wide, narrow) for wide, narrow in zip(sizes.blocks[:-1], sizes.blocks[1:], strict=True)
        )
        self.norm = nn.LayerNorm(sizes.blocks[-1])
        self.coordinates = nn.Linear(sizes.blocks[-1], 3)
        self.placement = nn.Linear(sizes.context + 2 * sizes.blocks[-1], 9)
        for level, matrix in enumerate(pyramid.upsample):
            self.register_buffer(f"upsample_{level}", matrix)
        self.register_buffer("faces", torch.stack([hand.faces for hand in hands.hands]), persistent=False)
        self.register_buffer("keypoint_map", torch.stack([keypoint_map(hand) for hand in hands.hands]))

    def forward(self, images: Tensor) -> Prediction:
        """Predict from RGB images (B, 3, S, S) in [0, 1]; S is a multiple of 32."""
        maps = self.backbone(images)
        features = self.features(maps[self.sizes.finest :])
        evidence = self.dense(features[-1]) if self.dense else None
        tokens = evidence.tokens if evidence else None
        context, hands = self.start(maps[-1].mean((-2, -1)), tokens)
        for level, block in enumerate(self.blocks):
            hands = block(hands, features[level], tokens)
            if level < len(self.narrow):
                hands = upsampled(self.narrow[level](hands), getattr(self, f"upsample_{level}"))
        hands = self.norm(hands)
        placement = self.placement(torch.cat([context, hands.mean(2).flatten(1)], -1)).float()
        return self._prediction(self.coordinates(hands).float(), placement, evidence)

    def _prediction(self, coarse: Tensor, placement: Tensor, evidence: DenseEvidence | None) -> Prediction:
        with torch.autocast(coarse.device.type, enabled=False):  # millimetres need float32
            vertices = upsampled(0.1 * coarse, self.upsample_2)
            keypoints = self.keypoint_map @ vertices
            root = keypoints[:, :, MIDDLE_MCP : MIDDLE_MCP + 1]
            relative, camera = placement[:, :3], placement[:, 3:].unflatten(1, (2, 3))
            camera = torch.cat([FIRST_SCALE * camera[..., :1].exp(), camera[..., 1:]], -1)
            return Prediction(vertices - root, keypoints - root, 0.1 * relative, camera, evidence)


class VertexStart(nn.Module):
    """Global image feature, and the evidence for each keypoint, to the first vertex features of both hands."""

    def __init__(self, sizes: TransHandSizes, vertices: int, evidence: int, per_keypoint: int = 16):
        super().__init__()
        self.shape = (2, vertices, sizes.blocks[0])
        self.squeeze = nn.Linear(evidence, per_keypoint) if evidence else None
        width = sizes.widths[-1] + (2 * KEYPOINT_COUNT * (per_keypoint + 2) if evidence else 0)
        self.mix = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, sizes.context),
            nn.GELU(),
            nn.Linear(sizes.context, sizes.context),
            nn.GELU(),
        )
        self.spread = nn.Linear(sizes.context, 2 * vertices * sizes.blocks[0])

    def forward(self, pooled: Tensor, tokens: Tensor | None) -> tuple[Tensor, Tensor]:
        """Context (B, context) and vertex features (B, 2, N, D) from a pooled feature and keypoint tokens."""
        if self.squeeze is not None:
            places = tokens[..., :2].flatten(1)
            pooled = torch.cat([pooled, self.squeeze(tokens).flatten(1), places], -1)
        context = self.mix(pooled)
        return context, self.spread(context).unflatten(-1, self.shape)


class Block(nn.Module):
    """One of the three decoder blocks: read the image, then correlate the hands."""

    def __init__(self, sizes: TransHandSizes, width: int, heads: int, rest: Tensor, evidence: int):
        super().__init__()
        self.grid = sizes.grid
        self.register_buffer("rest", rest)
        self.rest_code = nn.Linear(3, width)
        self.vertex_code = nn.Parameter(torch.zeros(2, rest.shape[1], width))
        self.image = nn.Linear(sizes.channels, width)
        self.image_code = nn.Parameter(torch.zeros(sizes.grid**2, width))
        self.keypoint = nn.Linear(evidence, width) if evidence else None
        self.keypoint_code = nn.Parameter(torch.zeros(2 * KEYPOINT_COUNT, width)) if evidence else None
        self.read = Encoder(width, heads, sizes.mlp_ratio)
        self.correlate = CorrelationEncoder(width, heads, sizes.mlp_ratio, sizes.lateral)

    def forward(self, hands: Tensor, image_map: Tensor, tokens: Tensor | None = None) -> Tensor:
        """Vertex features (B, 2, N, D) refined with image features (B, C, H, W) and keypoint tokens."""
        return self.correlate(self.read_image(hands, image_map, tokens))

    def read_image(self, hands: Tensor, image_map: Tensor, tokens: Tensor | None = None) -> Tensor:
        """First half of the block: each vertex attends to the image and to the evidence for both hands' keypoints."""
        context = self.image_tokens(image_map)
        if self.keypoint is not None:
            found = self.keypoint(tokens.flatten(1, 2)) + self.keypoint_code
            context = torch.cat([context, found.to(context.dtype)], 1)
        context = context.repeat_interleave(2, 0)  # the same image for both hands
        hands = hands + self.rest_code(self.rest) + self.vertex_code
        return self.read(hands.flatten(0, 1), context).unflatten(0, hands.shape[:2])

    def image_tokens(self, image_map: Tensor) -> Tensor:
        """At most grid^2 tokens (B, T, D): larger maps are averaged, and places are coded relative to the crop."""
        side = min(self.grid, image_map.shape[-1])
        pooled = nn.functional.adaptive_avg_pool2d(image_map, side).flatten(2).transpose(1, 2)
        code = self.image_code.view(self.grid, self.grid, -1).permute(2, 0, 1)[None]
        code = nn.functional.adaptive_avg_pool2d(code, side).flatten(2).transpose(1, 2)
        return self.image(pooled) + code


def upsampled(features: Tensor, matrix: Tensor) -> Tensor:
    """Features (..., coarse, D) on a finer level (..., fine, D) by matrix (fine, coarse)."""
    return nn.functional.linear(features.transpose(-1, -2), matrix).transpose(-1, -2)


def weak_perspective(points: Tensor, camera: Tensor) -> Tensor:
    """Points (B, 2, N, 3) metres in the crop, (B, 2, N, 2) in [-1, 1]: scale * (x, y) + shift, camera (B, 2, 3)."""
    return camera[..., None, :1] * points[..., :2] + camera[..., None, 1:]


def rest_coordinates(hands: HandPair, level: Tensor) -> Tensor:
    """Rest vertices (2, N, 3) of a level of both hands, centred, in decimetres."""
    rest = torch.stack([hand.template[level] for hand in hands.hands])
    return 10 * (rest - rest.mean(1, keepdim=True))


def keypoint_map(hand) -> Tensor:
    """(21, V): the linear map of `HandModel.keypoints_from_vertices`."""
    return hand.keypoints_from_vertices(torch.eye(hand.vertex_count).to(hand.template))


def initialise(model: nn.Module, generator: torch.Generator) -> None:
    """Draws every weight from `generator`: He for convolutions, normal(0.02 or 1 / sqrt(in)) for the rest."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu", generator=generator)
        elif isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=module.in_features**-0.5, generator=generator)
        elif isinstance(module, Block):
            for code in (module.vertex_code, module.image_code, module.keypoint_code):
                if code is not None:
                    nn.init.trunc_normal_(code, std=0.02, generator=generator)
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
