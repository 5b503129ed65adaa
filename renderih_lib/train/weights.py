"""A finished network as one small file that says how to build it."""

import json
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from renderih_lib.hand.pair import HandPair
from renderih_lib.nets.transhand import TransHand
from renderih_lib.render.shards import write_atomic

FILE = "model.safetensors"
_ENTRY = "network"  # of the file's metadata


def save_weights(model: TransHand, path: Path, hands: HandPair, *, preset: str, changes: dict) -> None:
    """What was learned, float16 (statistics of norms float32), complete or not at all.

    Args:
        hands, preset, changes: the arguments that built the model.
    """
    learned = {name: value.detach().half() for name, value in model.named_parameters()}
    counted = {name: value for name, value in model.named_buffers() if _is_statistic(name)}
    tensors = {name: value.cpu().contiguous() for name, value in (learned | counted).items()}
    described = {"preset": preset, "changes": changes, "hands": hands.right.name}
    # One entry only: safetensors writes several in any order, and the same network must give the same bytes.
    write_atomic(Path(path), save(tensors, metadata={_ENTRY: json.dumps(described)}))


def load_weights(model: TransHand, path: Path) -> None:
    """Put saved weights into a model of the same architecture.

    Raises:
        ValueError: if the file cannot be read or belongs to another architecture.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise ValueError(f"{path} cannot be read ({error}): run its experiment again") from None
    wanted = dict(model.named_parameters()) | {n: b for n, b in model.named_buffers() if _is_statistic(n)}
    if {name: value.shape for name, value in tensors.items()} != {n: v.shape for n, v in wanted.items()}:
        raise ValueError(f"{path} holds another network: run its experiment again")
    model.load_state_dict(tensors, strict=False)


def load_model(folder: Path, hands: HandPair) -> TransHand:
    """The network of a finished run, ready to predict, on the CPU.

    Raises:
        ValueError: if there is none, it is damaged, or it was trained for other hands.
    """
    path = Path(folder) / FILE
    try:
        with safe_open(path, framework="pt") as file:
            described = json.loads(file.metadata()[_ENTRY])
    except (OSError, SafetensorError, TypeError, KeyError) as error:
        raise ValueError(f"{path} cannot be read ({error}): run its experiment first") from None
    if described["hands"] != hands.right.name:
        raise ValueError(f"{path} is a network for {described['hands']}, not for {hands.right.name}")
    model = TransHand(hands, described["preset"], **described["changes"])
    load_weights(model, path)
    return model.eval()


def _is_statistic(name: str) -> bool:
    """Whether a buffer is counted in training, not computed from the hand."""
    return name.rsplit(".", 1)[-1] in ("running_mean", "running_var", "num_batches_tracked")
