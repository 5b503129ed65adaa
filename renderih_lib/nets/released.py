"""The decoder of the released code where it departs from the paper: `TransHand(hands, "official")`.

Written from a description of that code's behaviour, not from the code. It differs in five ways: all vertices of
a hand start from the same feature; a block begins with four residual MLPs over features and attends within the
image; the hands exchange a plain sum, whose values the *other* hand's attention weighs; finer vertices are
copies of the nearest coarse one; and no output says where the left hand is, both meshes share one frame.
Its dropout (0.05) is left out.
"""

import torch
from torch import Tensor, nn

from renderih_lib.nets.attention import Attention, Encoder
from renderih_lib.nets.blocks import resized_code
from renderih_lib.nets.presets import TransHandSizes

_MLPS = 4


class ReleasedStart(nn.Module):
    """One feature per hand, repeated for every vertex beside the vertex's place on the resting hand."""

    def __init__(self, sizes: TransHandSizes, image_width: int, rest: Tensor, evidence: int):
        super().__init__()
        width = 2 * sizes.blocks[0]
        self.hands = nn.ModuleList(_to_feature(image_width, width - 3) for _ in range(2))
        self.register_buffer("rest", rest / rest.abs().amax((0, 1)))
        self.narrow = nn.Linear(width, sizes.blocks[0])

    def forward(self, pooled: Tensor, tokens: Tensor | None) -> tuple[Tensor, Tensor]:
        """The pooled feature itself and vertex features (B, 2, N, D); tokens are not used."""
        features = torch.stack([hand(pooled) for hand in self.hands], 1)[:, :, None]
        count, vertices = len(pooled), self.rest.shape[1]
        tiled = [
            features.expand(-1, -1, vertices, -1),
            self.rest.expand(count, -1, -1, -1).to(features.dtype),
        ]
        return pooled, self.narrow(torch.cat(tiled, -1))


class ReleasedBlock(nn.Module):
    """MLPs, image attention, and the exchange of both hands."""

    def __init__(self, sizes: TransHandSizes, level: int, rest: Tensor, evidence: int):
        super().__init__()
        width, heads = sizes.blocks[level], sizes.heads[level]
        self.grid = sizes.grid
        self.vertex_code = nn.Parameter(torch.zeros(rest.shape[1], width))  # the same for both hands
        self.mlps = nn.ModuleList(_mlp(width, 1.0) for _ in range(_MLPS))
        patch = 2**level  # tokens as large as the cells of F1
        self.patches = nn.Conv2d(sizes.channels, width, patch, stride=patch)
        self.image_code = nn.Parameter(torch.zeros(sizes.grid**2, width))
        self.look = Encoder(width, heads, sizes.mlp_ratio)
        self.read = Encoder(width, heads, sizes.mlp_ratio)
        self.correlate = ReleasedCorrelation(width, heads, sizes.mlp_ratio, sizes.lateral)

    def forward(self, hands: Tensor, image_map: Tensor, tokens: Tensor | None = None) -> Tensor:
        """Vertex features (B, 2, N, D) refined with image features (B, C, H, W); tokens are not used."""
        hands = hands + self.vertex_code
        for mlp in self.mlps:
            hands = hands + mlp(hands)
        image = self.look(self.image_tokens(image_map)).repeat_interleave(2, 0)
        return self.correlate(self.read(hands.flatten(0, 1), image).unflatten(0, hands.shape[:2]))

    def image_tokens(self, image_map: Tensor) -> Tensor:
        """At most grid^2 tokens (B, T, D) of image features (B, C, H, W)."""
        patches = self.patches(image_map)
        side = min(self.grid, patches.shape[-1])
        pooled = nn.functional.adaptive_avg_pool2d(patches, side).flatten(2).transpose(1, 2)
        return pooled + resized_code(self.image_code, side)


class ReleasedCorrelation(nn.Module):
    """Self-attention of each hand, then attention weights of one hand on values of the other.

    Both hands add up to the same sum, so what tells them apart there is the scale and shift of their norms alone.
    """

    def __init__(self, width: int, heads: int, mlp_ratio: float, lateral: bool):
        super().__init__()
        self.lateral = lateral
        self.own_norm = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.own = nn.ModuleList(Attention(width, heads) for _ in range(2))
        self.norm = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.exchange = Attention(width, heads)  # shared by the hands
        self.mlp = nn.ModuleList(_mlp(width, mlp_ratio) for _ in range(2))

    def forward(self, hands: Tensor) -> Tensor:
        """Vertex features (B, 2, N, D) of both hands to the same shape."""
        normed = _per_hand(self.own_norm, hands)
        hands = hands + torch.stack([self.own[i](normed[:, i], normed[:, i]) for i in range(2)], 1)
        hands = hands + self.message(hands)
        return hands + _per_hand(self.mlp, hands)

    def message(self, hands: Tensor) -> Tensor:
        """What each hand is told, (B, 2, N, D)."""
        fused = _per_hand(self.norm, hands + hands.flip(1) if self.lateral else hands).flatten(0, 1)
        query, key, value = self.exchange.projected(fused, fused)
        if self.lateral:
            value = value.unflatten(0, (-1, 2)).flip(1).flatten(0, 1)
        return self.exchange.mixed(query, key, value).unflatten(0, (-1, 2))


class ReleasedPlacement(nn.Module):
    """Cameras from the vertices. The left hand's position is read off the meshes, which share one frame."""

    def __init__(self, sizes: TransHandSizes, vertices: int):
        super().__init__()
        self.gather = nn.Linear(vertices, 1)
        self.camera = nn.Linear(sizes.blocks[-1], 3)

    def forward(self, context: Tensor, hands: Tensor) -> tuple[None, Tensor]:
        """None and (B, 2, 3) from the last vertex features (B, 2, N, D)."""
        return None, self.camera(self.gather(hands.transpose(-1, -2))[..., 0])


def _to_feature(wide: int, width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(wide, width), nn.LayerNorm(width))


def _mlp(width: int, ratio: float) -> nn.Module:
    hidden = int(width * ratio)
    return nn.Sequential(nn.LayerNorm(width), nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))


def _per_hand(modules: nn.ModuleList, hands: Tensor) -> Tensor:
    return torch.stack([module(hands[:, side]) for side, module in enumerate(modules)], 1)
