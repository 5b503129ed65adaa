"""The decoder of TransHand as the paper describes it (section 4, Figure 8): start of the vertices, blocks, placement."""

import torch
from torch import Tensor, nn

from renderih_lib.hand.skeleton import KEYPOINT_COUNT
from renderih_lib.nets.attention import CorrelationEncoder, Encoder
from renderih_lib.nets.presets import TransHandSizes

_PER_KEYPOINT = 16  # features of the evidence for a keypoint that start the vertices
_PER_VERTEX = 64  # features that the context gives each vertex alone, at most


class VertexStart(nn.Module):
    """Global image feature, and the evidence for each keypoint, to the first vertex features of both hands.

    The paper says "by using fully connected layers" and no more. One layer to all features of all vertices would hold
    more weights than ResNet-50. Here it gives each vertex at most 64 features, and a layer that the vertices share
    makes them as many as the first block takes.
    """

    def __init__(self, sizes: TransHandSizes, image_width: int, rest: Tensor, evidence: int):
        super().__init__()
        own, wide = min(_PER_VERTEX, sizes.blocks[0]), sizes.blocks[0]
        self.shape = (*rest.shape[:2], own)
        self.squeeze = nn.Linear(evidence, _PER_KEYPOINT) if evidence else None
        width = image_width + (2 * KEYPOINT_COUNT * (_PER_KEYPOINT + 2) if evidence else 0)
        self.mix = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, sizes.context),
            nn.GELU(),
            nn.Linear(sizes.context, sizes.context),
            nn.GELU(),
        )
        self.spread = nn.Linear(sizes.context, 2 * rest.shape[1] * own)
        self.widen = nn.Linear(own, wide) if own < wide else nn.Identity()

    def forward(self, pooled: Tensor, tokens: Tensor | None) -> tuple[Tensor, Tensor]:
        """Context (B, context) and vertex features (B, 2, N, D) from a pooled feature and keypoint tokens."""
        if self.squeeze is not None:
            places = tokens[..., :2].flatten(1)
            pooled = torch.cat([pooled, self.squeeze(tokens).flatten(1), places], -1)
        context = self.mix(pooled)
        return context, self.widen(self.spread(context).unflatten(-1, self.shape))


class Block(nn.Module):
    """One of the three decoder blocks: read the image, then correlate the hands."""

    def __init__(self, sizes: TransHandSizes, level: int, rest: Tensor, evidence: int):
        super().__init__()
        width, heads = sizes.blocks[level], sizes.heads[level]
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
        """First half of the block: a hand's vertices attend to each other, the image and the evidence for keypoints."""
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
        return self.image(pooled) + resized_code(self.image_code, side)


class Placement(nn.Module):
    """Where the left hand is, seen from the right one, and each hand's weak perspective camera."""

    def __init__(self, sizes: TransHandSizes):
        super().__init__()
        self.linear = nn.Linear(sizes.context + 2 * sizes.blocks[-1], 9)

    def forward(self, context: Tensor, hands: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3) and (B, 2, 3) from the context (B, context) and the last vertex features (B, 2, N, D)."""
        placement = self.linear(torch.cat([context, hands.mean(2).flatten(1)], -1))
        return placement[:, :3], placement[:, 3:].unflatten(1, (2, 3))


def resized_code(code: Tensor, side: int) -> Tensor:
    """Position code (grid^2, D) of a square of tokens for one of side^2 tokens, side <= grid, by averaging."""
    grid = round(code.shape[0] ** 0.5)
    if side == grid:
        return code
    square = code.view(grid, grid, -1).permute(2, 0, 1)[None]
    return nn.functional.adaptive_avg_pool2d(square, side).flatten(2).transpose(1, 2)[0]
