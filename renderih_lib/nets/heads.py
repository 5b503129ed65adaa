"""Image features, and dense evidence in them: where each joint is (heat maps), which part a pixel shows (labels)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from renderih_lib.data.samples import PART_NAMES
from renderih_lib.hand.skeleton import KEYPOINT_COUNT


class ImageFeatures(nn.Module):
    """F1, F2, F3 of the paper: backbone maps brought to one number of channels.

    Args:
        widths: channels of the maps, fine to coarse. outputs: how many maps come out, the finest ones.
        top_down: also add each coarse map to the next finer one, and smooth the sums, as a feature pyramid does.
    """

    def __init__(self, widths: tuple[int, ...], channels: int, outputs: int, top_down: bool):
        super().__init__()
        self.top_down = top_down
        used = widths if top_down else widths[:outputs]
        self.lateral = nn.ModuleList(nn.Conv2d(width, channels, 1, bias=False) for width in used)
        self.finish = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU()) for _ in range(outputs)
        )
        for last in self.finish if top_down else ():
            last.append(nn.Conv2d(channels, channels, 3, padding=1))

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Maps (B, widths[i], H_i, W_i), fine to coarse, to `outputs` maps (B, channels, H_i, W_i), coarse to fine."""
        merged = []
        for lateral, image_map in reversed(list(zip(self.lateral, maps, strict=False))):
            mapped = lateral(image_map)
            if self.top_down and merged:
                mapped = mapped + nn.functional.interpolate(merged[-1], size=mapped.shape[-2:])
            merged.append(mapped)
        return [last(mapped) for last, mapped in zip(self.finish, merged[-len(self.finish) :], strict=True)]


class DenseEvidence(NamedTuple):
    heatmaps: Tensor  # (B, 2, 21, H, W) logits over the pixels of each map
    parts: Tensor  # (B, 35, H, W) logits
    tokens: Tensor  # (B, 2, 21, 3 + C): expected place in [-1, 1], peak, and the image feature found there


class DenseHead(nn.Module):
    """Heat maps, part labels and one token of evidence per keypoint, from the finest image features."""

    def __init__(self, channels: int):
        super().__init__()
        self.hidden = nn.Sequential(
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        )
        self.heatmaps = nn.Conv2d(channels, 2 * KEYPOINT_COUNT, 1)
        self.parts = nn.Conv2d(channels, len(PART_NAMES), 1)
        self.token_width = channels + 3

    def forward(self, image_map: Tensor) -> DenseEvidence:
        """Evidence in image features (B, C, H, W)."""
        hidden = self.hidden(image_map)
        heatmaps, parts = self.heatmaps(hidden).float(), self.parts(hidden).float()
        heatmaps = heatmaps.unflatten(1, (2, KEYPOINT_COUNT))
        with torch.autocast(hidden.device.type, enabled=False):  # places need more than 8 bits
            return DenseEvidence(heatmaps, parts, keypoint_tokens(heatmaps, hidden.float()))


def keypoint_tokens(heatmaps: Tensor, features: Tensor) -> Tensor:
    """Tokens of `DenseEvidence` from heat map logits (B, 2, 21, H, W) and image features (B, C, H, W)."""
    share = heatmaps.flatten(-2).softmax(-1)  # (B, 2, 21, H * W)
    places = share @ cell_centres(*heatmaps.shape[-2:]).to(share)
    peak = share.amax(-1, keepdim=True)
    found = share.flatten(1, 2) @ features.flatten(-2).transpose(-1, -2)
    return torch.cat([places, peak, found.unflatten(1, (2, KEYPOINT_COUNT))], -1)


def cell_centres(height: int, width: int) -> Tensor:
    """Centres (height * width, 2) as (x, y) of a grid that spans the crop, which is [-1, 1] in both."""
    y, x = (2 * (torch.arange(n) + 0.5) / n - 1 for n in (height, width))
    return torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], -1).reshape(-1, 2)
