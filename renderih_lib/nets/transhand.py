"""TransHand (paper section 4, Figure 8): two hand meshes from one image, each hand helping the other."""

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from renderih_lib.hand.pair import HandPair
from renderih_lib.hand.skeleton import MIDDLE_MCP
from renderih_lib.nets.backbone import Backbone, backbone_config, resnet_config
from renderih_lib.nets.blocks import Block, Placement, VertexStart
from renderih_lib.nets.coarsening import mesh_pyramid
from renderih_lib.nets.heads import DenseEvidence, DenseHead, ImageFeatures
from renderih_lib.nets.presets import SIZES, TransHandSizes
from renderih_lib.nets.released import ReleasedBlock, ReleasedPlacement, ReleasedStart

#: Half a crop per metre at the start of training: a pair of hands fills most of its crop.
FIRST_SCALE = 5.0


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
        hands: the right and left hand model, of one topology; vertex counts and levels follow from them.
        preset: a name in `SIZES`. changes: fields of `TransHandSizes` to replace, e.g. `lateral=False` or
            `backbone="convnextv2"`. Weights are random; `backbone.load_folder` reads trained ones.
        seed: of the initial weights.

    Raises:
        ValueError: if the preset or the backbone is unknown, or the backbone has too few maps.
    """

    def __init__(self, hands: HandPair, preset: str = "paper", *, seed: int = 0, **changes):
        super().__init__()
        if preset not in SIZES:
            raise ValueError(f"preset must be one of {tuple(SIZES)}, got {preset!r}")
        self.sizes = replace(SIZES[preset], **changes)
        with torch.random.fork_rng(devices=[]):  # backbones draw their own weights, from the global generator
            torch.default_generator.manual_seed(seed)
            self.backbone = make_backbone(self.sizes)
            self._build(hands, self.sizes)
        generator = torch.Generator().manual_seed(seed)
        for name, part in self.named_children():
            if name != "backbone":
                initialise(part, generator)
        self.to(memory_format=torch.channels_last)

    def _build(self, hands: HandPair, sizes: TransHandSizes) -> None:
        start, block = (ReleasedStart, ReleasedBlock) if sizes.official else (VertexStart, Block)
        pyramid = mesh_pyramid(hands.right, neighbours=1 if sizes.official else 3)
        self.first_map = first_map(self.backbone.strides, sizes)
        widths = self.backbone.widths
        self.features = ImageFeatures(
            widths[self.first_map :], sizes.channels, len(sizes.blocks), sizes.top_down
        )
        self.dense = DenseHead(sizes.channels) if sizes.dense else None
        evidence = self.dense.token_width if sizes.dense else 0
        rest = [rest_coordinates(hands, level) for level in pyramid.levels]
        self.start = start(sizes, widths[-1], rest[0], evidence)
        self.blocks = nn.ModuleList(block(sizes, i, rest[i], evidence) for i in range(len(sizes.blocks)))
        self.narrow = nn.ModuleList(
            nn.Linear(wide, narrow) for wide, narrow in zip(sizes.blocks[:-1], sizes.blocks[1:], strict=True)
        )
        self.norm = nn.LayerNorm(sizes.blocks[-1])
        self.coordinates = nn.Linear(sizes.blocks[-1], 3)
        self.placement = ReleasedPlacement(sizes, rest[-1].shape[1]) if sizes.official else Placement(sizes)
        for level, matrix in enumerate(pyramid.upsample):
            self.register_buffer(f"upsample_{level}", matrix)
        self.register_buffer("faces", torch.stack([hand.faces for hand in hands.hands]), persistent=False)
        self.register_buffer("keypoint_map", torch.stack([keypoint_map(hand) for hand in hands.hands]))

    def forward(self, images: Tensor) -> Prediction:
        """Predict from RGB images (B, 3, S, S) in [0, 1]; S is a multiple of 32."""
        maps = self.backbone(images)
        features = self.features(maps[self.first_map :])
        evidence = self.dense(features[-1]) if self.dense else None
        tokens = evidence.tokens if evidence else None
        context, hands = self.start(maps[-1].mean((-2, -1)), tokens)
        for level, block in enumerate(self.blocks):
            hands = block(hands, features[level], tokens)
            if level < len(self.narrow):
                hands = upsampled(self.narrow[level](hands), getattr(self, f"upsample_{level}"))
        hands = self.norm(hands)
        relative, camera = self.placement(context, hands)
        return self._prediction(self.coordinates(hands).float(), relative, camera.float(), evidence)

    def _prediction(
        self, coarse: Tensor, relative: Tensor | None, camera: Tensor, evidence: DenseEvidence | None
    ) -> Prediction:
        with torch.autocast(coarse.device.type, enabled=False):  # millimetres need float32
            vertices = upsampled(0.1 * coarse, self.upsample_2)
            keypoints = self.keypoint_map @ vertices
            root = keypoints[:, :, MIDDLE_MCP : MIDDLE_MCP + 1]
            relative = (root[:, 1] - root[:, 0])[:, 0] if relative is None else 0.1 * relative.float()
            camera = torch.cat([FIRST_SCALE * camera[..., :1].exp(), camera[..., 1:]], -1)
            return Prediction(vertices - root, keypoints - root, relative, camera, evidence)


def make_backbone(sizes: TransHandSizes) -> Backbone:
    """The image encoder of a TransHand alone, with random weights."""
    if sizes.backbone == "resnet":
        return Backbone(resnet_config(sizes.widths, sizes.depths, sizes.layer, sizes.stem))
    return Backbone(backbone_config(sizes.backbone))


def first_map(strides: tuple[int, ...], sizes: TransHandSizes) -> int:
    """Which of the backbone's maps, fine to coarse, is the finest that the blocks look at.

    Raises:
        ValueError: if there are too few from there on.
    """
    usable = [index for index, stride in enumerate(strides) if stride >= sizes.finest]
    if len(usable) < len(sizes.blocks):
        raise ValueError(
            f"backbone {sizes.backbone!r} has maps at strides {strides}, "
            f"TransHand needs {len(sizes.blocks)} different ones from {sizes.finest} up"
        )
    return usable[0]


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
        for name, parameter in module.named_parameters(recurse=False):
            if name.endswith("_code"):
                nn.init.trunc_normal_(parameter, std=0.02, generator=generator)
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
