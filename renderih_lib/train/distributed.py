"""Several processes that train one network on shares of each batch, as torchrun starts them.

The result is that of one process with the joined batch: loss terms are divided by counts over all processes, and
batch norms see the statistics of all of them.
"""

import datetime
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce

#: How long one process waits for the others, who may be evaluating.
PATIENCE = datetime.timedelta(hours=2)


@dataclass(frozen=True)
class Team:
    """The processes that train together, seen from one of them."""

    rank: int = 0
    size: int = 1
    device: torch.device = torch.device("cpu")

    @property
    def leads(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def share(self, count: int) -> slice:
        """This process's rows of a batch of `count`.

        Raises:
            ValueError: if the batch cannot be shared equally.
        """
        if count % self.size:
            raise ValueError(f"a batch of {count} cannot be shared by {self.size} processes; change `batch`")
        each = count // self.size
        return slice(self.rank * each, (self.rank + 1) * each)


@contextmanager
def processes(device: str = "cpu") -> Iterator[Team]:
    """The team that torchrun started, joined (NCCL on GPUs, gloo on CPUs); a team of one without torchrun.

    Args:
        device: "cpu" or "cuda"; under torchrun each process of a machine takes its own GPU.
    """
    if "LOCAL_RANK" not in os.environ:
        yield Team(device=torch.device(device))
        return
    own = torch.device(device, int(os.environ["LOCAL_RANK"])) if device == "cuda" else torch.device(device)
    if own.type == "cuda":
        torch.cuda.set_device(own)
    dist.init_process_group("nccl" if own.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield current_team(own)
    finally:
        dist.destroy_process_group()


def current_team(device: torch.device) -> Team:
    """The team of the present process group; of one if there is none."""
    if not dist.is_initialized():
        return Team(device=device)
    return Team(dist.get_rank(), dist.get_world_size(), device)


def mean_over(team: Team, values: Tensor) -> Tensor:
    """Mean of a tensor over all processes, without a gradient."""
    if team.size == 1:
        return values
    values = values.detach().clone()
    dist.all_reduce(values)
    return values / team.size


def shared_network(model: nn.Module, team: Team) -> nn.Module:
    """The network to call, so that all processes train `model` together; its batch norms become joint ones."""
    if team.size == 1:
        return model
    if team.device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(model)
        return nn.parallel.DistributedDataParallel(
            model, device_ids=[team.device.index], broadcast_buffers=False
        )
    _join_norms(model)
    return nn.parallel.DistributedDataParallel(model, broadcast_buffers=False)


class JointBatchNorm2d(nn.BatchNorm2d):
    """Batch norm over the images of all processes, in plain differentiable sums; torch's own needs a GPU."""

    def forward(self, maps: Tensor) -> Tensor:
        if not (self.training and dist.is_initialized()):
            return super().forward(maps)
        x = maps.to(torch.promote_types(maps.dtype, torch.float32))
        count = dist.get_world_size() * x[:, 0].numel()
        mean, square = all_reduce(torch.stack([x.sum((0, 2, 3)), x.square().sum((0, 2, 3))])) / count
        variance = (square - mean.square()).clamp(min=0)  # rounding may leave less than nothing
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)
            self.num_batches_tracked += 1
        scale = self.weight * (variance + self.eps).rsqrt()
        shift = self.bias - mean * scale
        return (x * scale[:, None, None] + shift[:, None, None]).to(maps.dtype)


def _join_norms(model: nn.Module) -> None:
    for module in model.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = JointBatchNorm2d  # with the same parameters and buffers
