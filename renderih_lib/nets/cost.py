"""What a network costs: weights and multiply-adds, part by part."""

from typing import NamedTuple

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode


class Cost(NamedTuple):
    weights: int  # trained numbers
    multiply_adds: int  # of convolutions and matrix products in the forward pass


@torch.no_grad()
def cost(net: nn.Module, side: int) -> dict[str, Cost]:
    """Cost of each child of `net` for one RGB image of `side` pixels, and of the whole under "total"."""
    was_training = net.training
    counter = FlopCounterMode(display=False)
    image = torch.zeros(1, 3, side, side, device=next(net.parameters()).device)
    with sdpa_kernel(SDPBackend.MATH), counter:  # the fused kernels are not counted
        net.eval()(image)
    net.train(was_training)
    flops = {name: sum(counts.values()) // 2 for name, counts in counter.get_flop_counts().items()}
    parts = {
        part: Cost(_weights(child), _in_part(flops, f"{type(net).__name__}.{part}", child))
        for part, child in net.named_children()
    }
    return parts | {"total": Cost(_weights(net), counter.get_total_flops() // 2)}


def _in_part(flops: dict[str, int], name: str, part: nn.Module) -> int:
    if not isinstance(part, nn.ModuleList):
        return flops.get(name, 0)
    return sum(flops.get(f"{name}.{index}", 0) for index in range(len(part)))  # a list itself is never called


def _weights(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())
