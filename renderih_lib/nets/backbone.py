"""Image encoder: a ResNet of any width, or any backbone that transformers knows; never downloaded."""

import json
from pathlib import Path

import torch
from torch import Tensor, nn

#: ImageNet statistics of RGB in [0, 1]; pretrained weights expect them, and from scratch they do no harm.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
FINEST_STRIDE = 4  # finer maps are of no use here
_PROBE = 64  # pixels of the image that shows at which strides a network has maps


class Backbone(nn.Module):
    """Feature maps of images, one for each stride from 4 up, the deepest that the network has there.

    Args:
        config: a backbone configuration of transformers, as `resnet_config` and `backbone_config` give.

    Attributes:
        widths, strides: of the maps, fine to coarse; (256, 512, 1024, 2048) and (4, 8, 16, 32) for ResNet-50.
    """

    def __init__(self, config):
        super().__init__()
        from transformers import AutoBackbone

        # the default sizes of some models are tuples, which only lists, as read from a file, can be joined to
        config = type(config).from_dict(json.loads(config.to_json_string()))
        self.strides, self.widths, config.out_features, idle = _stages(config)
        self.body = AutoBackbone.from_config(config)
        for name, parameter in self.body.named_parameters():
            parameter.requires_grad_(name not in idle)
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Maps (B, widths[i], S / strides[i], S / strides[i]) of RGB images (B, 3, S, S) in [0, 1]."""
        return list(self.body((images - self.mean) / self.std).feature_maps)

    def load_folder(self, folder: str | Path) -> None:
        """Weights from a folder in transformers' layout (config.json + model.safetensors), e.g. ImageNet's.

        A classifier in the file is left out.

        Raises:
            FileNotFoundError: if the folder has no config or no safetensors. ValueError: if it holds another
                network, or not all weights of this one.
        """
        config = _folder_config(folder)
        if not list(Path(folder).glob("*.safetensors")):
            raise FileNotFoundError(
                f"{folder} has no model.safetensors: save the network with save_pretrained"
            )
        ours = self.body.config
        if config.model_type != ours.model_type:
            raise ValueError(f"{folder} holds a {config.model_type}, this network has a {ours.model_type}")
        config.out_features = ours.out_features
        stored, report = type(self.body).from_pretrained(
            folder, config=config, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
        if report["missing_keys"]:
            raise ValueError(
                f"{folder} lacks the weights {', '.join(sorted(report['missing_keys'])[:3])}, ..."
            )
        weights = stored.state_dict()
        sizes = {name: tensor.shape for name, tensor in weights.items()}
        if sizes != {name: tensor.shape for name, tensor in self.body.state_dict().items()}:
            raise ValueError(f"{folder} holds a {config.model_type} of other sizes than this network's")
        self.body.load_state_dict(weights)


def resnet_config(
    widths: tuple[int, ...] = (256, 512, 1024, 2048),
    depths: tuple[int, ...] = (3, 4, 6, 3),
    layer: str = "bottleneck",
    stem: int = 64,
):
    """Configuration of a ResNet; ResNet-50 unless told otherwise.

    Args:
        widths: channels of the four stages. depths: residual layers per stage.
        layer: "bottleneck" (ResNet-50) or "basic" (ResNet-18). stem: channels of the first convolution.
    """
    from transformers import ResNetConfig

    return ResNetConfig(embedding_size=stem, hidden_sizes=list(widths), depths=list(depths), layer_type=layer)


def backbone_config(name: str):
    """Configuration of a backbone by name: a folder with a config.json, or a model type with its usual sizes.

    Weights are another matter: a network made from it starts from random ones, see `Backbone.load_folder`.

    Raises:
        ValueError: if the name is neither, or the model cannot be a backbone.
    """
    from transformers import CONFIG_MAPPING, AutoConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_BACKBONE_MAPPING_NAMES

    known = set(MODEL_FOR_BACKBONE_MAPPING_NAMES) & set(CONFIG_MAPPING.keys()) - {"timm_backbone"}
    if Path(name).is_dir():
        config = _folder_config(name)
    elif name in known:
        config = AutoConfig.for_model(name)
    else:
        raise ValueError(
            f"backbone {name!r} is neither a folder nor one of {', '.join(sorted(known))}; nothing is downloaded"
        )
    if config.model_type not in known:
        raise ValueError(f"{name} holds a {config.model_type}, which transformers cannot use as a backbone")
    return config


def _folder_config(folder: str | Path):
    from transformers import AutoConfig

    if not (Path(folder) / "config.json").is_file():
        raise FileNotFoundError(f"{folder} has no config.json: give a folder saved by transformers")
    return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def _stages(config) -> tuple[tuple[int, ...], tuple[int, ...], list[str], set[str]]:
    """Strides from `FINEST_STRIDE` up, fine to coarse, width and name of the deepest stage at each, idle parameters.

    They are read off an image without content: what models say about their own widths is not always true, and
    some have parameters that no map depends on.
    """
    from transformers import AutoBackbone

    config.out_features = list(config.stage_names)
    with torch.device("meta"):  # shapes alone: no weights are drawn and nothing is computed
        body = AutoBackbone.from_config(config).eval()
        maps = body(torch.zeros(1, 3, _PROBE, _PROBE)).feature_maps
    deepest = {}
    for name, image_map in zip(config.stage_names, maps, strict=True):
        if _PROBE // image_map.shape[-1] >= FINEST_STRIDE:
            deepest[_PROBE // image_map.shape[-1]] = (name, image_map)
    strides = tuple(sorted(deepest))
    names, chosen = zip(*(deepest[stride] for stride in strides), strict=True)
    sum(image_map.sum() for image_map in chosen).backward()
    idle = {name for name, parameter in body.named_parameters() if parameter.grad is None}
    return strides, tuple(m.shape[1] for m in chosen), list(names), idle
