import pytest
import torch
from torch import nn

from renderih_lib.nets.attention import Attention
from renderih_lib.nets.backbone import Backbone, resnet_config
from renderih_lib.nets.cost import cost
from renderih_lib.nets.transhand import TransHand


class OnTokens(nn.Module):
    """Attention of 5 tokens on each other, whatever the image."""

    def __init__(self):
        super().__init__()
        self.attention = Attention(8, 2)

    def forward(self, images):
        tokens = torch.ones(1, 5, 8)
        return self.attention(tokens, tokens)


def test_attention_is_counted_with_its_two_products():
    assert cost(OnTokens(), 8)["attention"].multiply_adds == 4 * 5 * 8 * 8 + 2 * 5 * 5 * 8


def test_resnet_50_has_the_known_size():
    total = cost(Backbone(resnet_config()), 224)["total"]
    assert total.weights == 23_508_032  # 25,557,032 of the classifier without its last layer
    assert total.multiply_adds == pytest.approx(4.087e9, rel=1e-3)


def test_the_parts_of_a_network_add_up(hands):
    net = TransHand(hands, "tiny")
    parts = cost(net, 64)
    total = parts.pop("total")
    assert sum(part.weights for part in parts.values()) == total.weights
    assert 0.9 * total.multiply_adds < sum(p.multiply_adds for p in parts.values()) <= total.multiply_adds
    assert net.training
