import pytest
import torch
from torch import nn

from renderih_lib.hand.skeleton import MIDDLE_MCP
from renderih_lib.nets.released import ReleasedCorrelation
from renderih_lib.nets.transhand import SIZES, TransHand


@pytest.fixture(scope="module")
def net(hands):
    return TransHand(hands, "tiny", official=True, dense=False).eval()


def draw(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def correlation(lateral=True, heads=2):
    module = ReleasedCorrelation(8, heads, 1.0, lateral)
    generator = torch.Generator().manual_seed(0)
    for parameter in module.parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=0.3, generator=generator)
    return module


def test_the_plain_sum_tells_both_hands_the_same_until_their_norms_differ():
    module, hands = correlation(), draw(2, 2, 6, 8)
    message = module.message(hands)
    torch.testing.assert_close(message[:, 0], message[:, 1])
    nn.init.normal_(module.norm[1].weight, generator=torch.Generator().manual_seed(2))
    message = module.message(hands)
    assert (message[:, 0] - message[:, 1]).abs().max() > 0.01


def test_a_message_is_one_hands_attention_on_the_other_hands_values():
    module, hands = correlation(heads=1), draw(1, 2, 6, 8)
    nn.init.normal_(module.norm[1].weight, generator=torch.Generator().manual_seed(2))
    fused = [norm(hands[0].sum(0)) for norm in module.norm]
    exchange = module.exchange
    for side in range(2):
        key = exchange.key_value(fused[side])[:, :8]
        value = exchange.key_value(fused[1 - side])[:, 8:]
        weights = (exchange.query(fused[side]) @ key.T / 8**0.5).softmax(-1)
        torch.testing.assert_close(module.message(hands)[0, side], exchange.out(weights @ value))


def test_features_go_up_as_copies_of_the_nearest_vertex(net):
    for matrix in (net.upsample_0, net.upsample_1):
        assert torch.equal(matrix.amax(1), torch.ones(len(matrix))) and matrix.count_nonzero() == len(matrix)


def test_all_vertices_start_from_the_same_feature_beside_their_place(net):
    features = net.start.hands[0](draw(1, 128))
    assert features.shape == (1, 2 * net.sizes.blocks[0] - 3)
    _, hands = net.start(draw(1, 128), None)
    place = net.start.narrow.weight[:, -3:] @ (net.start.rest[0, 0] - net.start.rest[0, 5])
    torch.testing.assert_close(hands[0, 0, 0] - hands[0, 0, 5], place, atol=1e-5, rtol=1e-4)


def test_the_left_hands_place_is_read_off_meshes_in_one_frame(net):
    caught = []
    hook = net.coordinates.register_forward_hook(lambda module, inputs, out: caught.append(out))
    with torch.no_grad():
        out = net(draw(2, 3, 64, 64).sigmoid())
    hook.remove()
    roots = (net.keypoint_map @ (net.upsample_2 @ (0.1 * caught[0])))[:, :, MIDDLE_MCP]
    torch.testing.assert_close(out.relative, roots[:, 1] - roots[:, 0])
    assert out.relative.abs().min() > 0


def test_official_is_the_papers_encoder_with_half_as_wide_blocks():
    paper, official = SIZES["paper"], SIZES["official"]
    assert official.official and not paper.official
    assert official.widths == paper.widths and official.blocks == (256, 128, 64)
