"""Transformer pieces of TransHand: the encoder that reads the image, and the correlation encoder."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Attention(nn.Module):
    """Multi-head attention of queries (B, Q, D) on memory (B, M, D)."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} must be a multiple of heads {heads}")
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, queries: Tensor, memory: Tensor) -> Tensor:
        return self.mixed(*self.projected(queries, memory))

    def projected(self, queries: Tensor, memory: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Query (B, heads, Q, D / heads), key and value (B, heads, M, D / heads)."""
        key, value = self.key_value(memory).chunk(2, -1)
        return self._split(self.query(queries)), self._split(key), self._split(value)

    def mixed(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """softmax(query key^T / sqrt(D / heads)) value of all heads together, (B, Q, D)."""
        if query.is_cuda:
            mixed = F.scaled_dot_product_attention(query, key, value)
        else:  # the CPU's bfloat16 kernel is about twice as slow as its float32 one
            with torch.autocast("cpu", enabled=False):
                mixed = F.scaled_dot_product_attention(query.float(), key.float(), value.float())
        return self.out(mixed.transpose(1, 2).flatten(2))

    def weights(self, queries: Tensor, memory: Tensor) -> Tensor:
        """The attention itself, (B, heads, Q, M), rows summing to 1; for pictures."""
        query, key, _ = self.projected(queries, memory)
        return (query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5).softmax(-1)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class Encoder(nn.Module):
    """A pre-norm transformer encoder layer: attention and an MLP, both residual.

    Tokens are "concatenated" with a memory (paper section 4): they attend to both, and only they go on.
    """

    def __init__(self, width: int, heads: int, mlp_ratio: float):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        hidden = int(width * mlp_ratio)
        self.mlp = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width)
        )

    def forward(self, tokens: Tensor, memory: Tensor | None = None) -> Tensor:
        """Tokens (B, N, D) that attend to themselves and, if given, to memory (B, M, D)."""
        queries = self.norm(tokens)
        seen = queries if memory is None else torch.cat([queries, self.norm(memory)], 1)
        tokens = tokens + self.attention(queries, seen)
        return tokens + self.mlp(tokens)


class CorrelationEncoder(nn.Module):
    """Adds to each hand the other hand's features, then lets each hand attend to the sum (paper Figure 8).

    The lateral connection has a linear map, as in SlowFast: a plain sum would be the same for both hands, so
    that left and right could not be told apart. Both hands share all weights.
    """

    def __init__(self, width: int, heads: int, mlp_ratio: float, lateral: bool = True):
        super().__init__()
        self.lateral = nn.Linear(width, width) if lateral else None
        self.encoder = Encoder(width, heads, mlp_ratio)

    def forward(self, hands: Tensor) -> Tensor:
        """Vertex features (B, 2, N, D) of both hands to the same shape."""
        return self.encoder(self.fused(hands).flatten(0, 1)).unflatten(0, hands.shape[:2])

    def fused(self, hands: Tensor) -> Tensor:
        """Each hand plus the mapped features of the other, (B, 2, N, D)."""
        return hands if self.lateral is None else hands + self.lateral(hands.flip(1))

    def attention(self, hands: Tensor) -> Tensor:
        """Attention (B, 2, heads, N, N) of each hand's vertices on the fused vertices."""
        tokens = self.encoder.norm(self.fused(hands).flatten(0, 1))
        return self.encoder.attention.weights(tokens, tokens).unflatten(0, hands.shape[:2])
