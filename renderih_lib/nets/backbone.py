"""Image encoder: a ResNet of any width, from scratch or from a local folder; never downloaded."""

from pathlib import Path

import torch
from torch import Tensor, nn

#: ImageNet statistics of RGB in [0, 1]; pretrained weights expect them, and from scratch they do no harm.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
STAGES = ("stage1", "stage2", "stage3", "stage4")  # strides 4, 8, 16, 32


class ResNet(nn.Module):
    """ResNet feature maps of its four stages.

    Args:
        widths: channels of the four stages, (256, 512, 1024, 2048) for ResNet-50.
        depths: residual layers per stage, (3, 4, 6, 3) for ResNet-50.
        layer: "bottleneck" (ResNet-50) or "basic" (ResNet-18).
        stem: channels of the first convolution.
    """

    def __init__(
        self,
        widths: tuple[int, ...] = (256, 512, 1024, 2048),
        depths: tuple[int, ...] = (3, 4, 6, 3),
        layer: str = "bottleneck",
        stem: int = 64,
    ):
        super().__init__()
        from transformers import ResNetBackbone, ResNetConfig

        config = ResNetConfig(
            embedding_size=stem,
            hidden_sizes=list(widths),
            depths=list(depths),
            layer_type=layer,
            out_features=list(STAGES),
        )
        self.widths = tuple(widths)
        self.body = ResNetBackbone(config)
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Maps (B, widths[i], S / stride, S / stride) at strides 4, 8, 16, 32 of RGB images (B, 3, S, S) in [0, 1]."""
        normalised = (images - self.mean) / self.std
        return list(self.body(normalised.contiguous(memory_format=torch.channels_last)).feature_maps)

    def load_folder(self, folder: str | Path) -> None:
        """Weights from a local folder in transformers' layout (config.json + model.safetensors), e.g. ImageNet's.

        Raises:
            FileNotFoundError: if the folder has no config. ValueError: if its network is another one.
        """
        from transformers import ResNetBackbone

        if not (Path(folder) / "config.json").is_file():
            raise FileNotFoundError(f"{folder} has no config.json: give a folder saved by transformers")
        stored = ResNetBackbone.from_pretrained(folder, out_features=list(STAGES), local_files_only=True)
        if tuple(stored.config.hidden_sizes) != self.widths:
            raise ValueError(
                f"{folder} holds widths {stored.config.hidden_sizes}, this network has {self.widths}"
            )
        self.body.load_state_dict(stored.state_dict())
