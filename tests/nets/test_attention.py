import pytest
import torch
from torch import nn

from renderih_lib.nets.attention import Attention, CorrelationEncoder, Encoder


def seeded(make):
    module = make()
    generator = torch.Generator().manual_seed(0)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.2, generator=generator)
    return module


def draw(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def test_attention_equals_torchs_own():
    ours, theirs = seeded(lambda: Attention(16, 4)), nn.MultiheadAttention(16, 4, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([ours.query.weight, ours.key_value.weight]))
        theirs.in_proj_bias.copy_(torch.cat([ours.query.bias, ours.key_value.bias]))
        theirs.out_proj.load_state_dict(ours.out.state_dict())
    queries, memory = draw(2, 5, 16), draw(2, 7, 16)
    expected, weights = theirs(queries, memory, memory, average_attn_weights=False)
    torch.testing.assert_close(ours(queries, memory), expected)
    torch.testing.assert_close(ours.weights(queries, memory), weights)


def test_an_encoder_is_torchs_layer_on_the_concatenation_of_which_only_the_tokens_go_on():
    ours = seeded(lambda: Encoder(16, 4, 2.0)).eval()
    theirs = nn.TransformerEncoderLayer(16, 4, 32, 0.0, "gelu", batch_first=True, norm_first=True).eval()
    with torch.no_grad():
        attention = ours.attention
        theirs.self_attn.in_proj_weight.copy_(torch.cat([attention.query.weight, attention.key_value.weight]))
        theirs.self_attn.in_proj_bias.copy_(torch.cat([attention.query.bias, attention.key_value.bias]))
    theirs.self_attn.out_proj.load_state_dict(attention.out.state_dict())
    theirs.norm1.load_state_dict(ours.norm.state_dict())
    for their_part, our_part in zip((theirs.norm2, theirs.linear1, theirs.linear2), (0, 1, 3), strict=True):
        their_part.load_state_dict(ours.mlp[our_part].state_dict())
    tokens, memory = draw(2, 4, 16), draw(2, 6, 16) + 1
    torch.testing.assert_close(ours(tokens, memory), theirs(torch.cat([tokens, memory], 1))[:, :4])
    torch.testing.assert_close(ours(tokens), theirs(tokens))


def test_lateral_connection_carries_the_other_hand_and_nothing_does_without_it():
    hands = draw(1, 2, 6, 8)
    other = hands.clone()
    other[:, 1] += 1.0  # change the left hand, look at the right
    joined = seeded(lambda: CorrelationEncoder(8, 2, 1.0))
    apart = seeded(lambda: CorrelationEncoder(8, 2, 1.0, lateral=False))
    assert (joined(other)[:, 0] - joined(hands)[:, 0]).abs().max() > 1e-3
    assert torch.equal(apart(other)[:, 0], apart(hands)[:, 0])


def test_hands_are_treated_alike():
    encoder, hands = seeded(lambda: CorrelationEncoder(8, 2, 1.0)), draw(3, 2, 6, 8)
    torch.testing.assert_close(encoder(hands.flip(1)), encoder(hands).flip(1))


def test_attention_of_the_correlation_encoder_sums_to_one():
    attention = seeded(lambda: CorrelationEncoder(8, 2, 1.0)).attention(draw(3, 2, 6, 8))
    assert attention.shape == (3, 2, 2, 6, 6)
    torch.testing.assert_close(attention.sum(-1), torch.ones(3, 2, 2, 6))


def test_width_must_be_a_multiple_of_heads():
    with pytest.raises(ValueError, match="width 10 must be a multiple of heads 4"):
        Attention(10, 4)
