import pytest
import torch

from renderih_lib.hand.skeleton import MIDDLE_MCP
from renderih_lib.nets.backbone import ResNet
from renderih_lib.nets.heads import cell_centres, keypoint_tokens
from renderih_lib.nets.transhand import TransHand, weak_perspective


@pytest.fixture(scope="module")
def net(hands):
    return TransHand(hands, "tiny").eval()


def draw(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1))


def test_shapes_of_everything_predicted(net, hands):
    out = net(draw(2, 3, 64, 64))
    V = hands.right.vertex_count
    assert out.vertices.shape == (2, 2, V, 3) and out.keypoints.shape == (2, 2, 21, 3)
    assert out.relative.shape == (2, 3) and out.camera.shape == (2, 2, 3)
    assert out.vertices_2d.shape == (2, 2, V, 2)
    assert out.evidence.heatmaps.shape == (2, 2, 21, 16, 16) and out.evidence.parts.shape == (2, 35, 16, 16)


def test_keypoints_are_regressed_from_the_vertices_and_rooted_at_the_middle_mcp(net, hands):
    out = net(draw(2, 3, 64, 64))
    regressed = hands.right.keypoints_from_vertices(out.vertices[:, 0])
    torch.testing.assert_close(out.keypoints[:, 0], regressed, atol=1e-6, rtol=1e-4)
    assert out.keypoints[:, :, MIDDLE_MCP].abs().max() < 1e-7


def test_every_parameter_learns(hands):
    net = TransHand(hands, "tiny")
    out = net(draw(2, 3, 64, 64))
    loss = out.vertices_2d.square().mean() + out.relative.square().mean() + out.evidence.parts.square().mean()
    (loss + out.keypoints.abs().mean()).backward()
    assert not [name for name, p in net.named_parameters() if p.grad is None]


@pytest.mark.parametrize("change", [{"dense": False}, {"lateral": False}])
def test_parts_can_be_left_out(hands, net, change):
    smaller = TransHand(hands, "tiny", **change)
    assert smaller(draw(1, 3, 64, 64)).vertices.isfinite().all()
    assert sum(p.numel() for p in smaller.parameters()) < sum(p.numel() for p in net.parameters())


def test_other_image_sizes_go_through_the_same_weights(net):
    assert net(draw(1, 3, 128, 128)).vertices.isfinite().all()


def test_the_seed_decides_the_weights(hands, net):
    same, other = TransHand(hands, "tiny"), TransHand(hands, "tiny", seed=1)
    image = draw(1, 3, 64, 64)
    assert torch.equal(same.eval()(image).vertices, net(image).vertices)
    assert not torch.equal(other.eval()(image).vertices, net(image).vertices)


def test_building_leaves_the_global_generator_alone(hands):
    before = torch.get_rng_state()
    TransHand(hands, "tiny", seed=3)
    assert torch.equal(torch.get_rng_state(), before)


def test_weak_perspective_scales_then_shifts():
    points = torch.tensor([[[[0.1, 0.2, 5.0]], [[0.0, 0.0, 1.0]]]])
    camera = torch.tensor([[[2.0, 0.5, -0.5], [3.0, 0.1, 0.2]]])
    torch.testing.assert_close(
        weak_perspective(points, camera)[0, :, 0], torch.tensor([[0.7, -0.1], [0.1, 0.2]])
    )


def test_a_sharp_heat_map_says_where_and_how_sure():
    heatmaps = torch.zeros(1, 2, 21, 4, 4)
    heatmaps[0, 1, 3, 2, 0] = 50.0  # row 2, column 0
    features = torch.arange(16.0).view(1, 1, 4, 4)
    token = keypoint_tokens(heatmaps, features)[0, 1, 3]
    torch.testing.assert_close(token, torch.tensor([-0.75, 0.25, 1.0, 8.0]))
    assert cell_centres(4, 4)[8].tolist() == [-0.75, 0.25]


def test_unknown_preset_is_refused(hands):
    with pytest.raises(ValueError, match="preset must be one of"):
        TransHand(hands, "huge")


def test_backbone_weights_come_from_a_local_folder(tmp_path):
    stored, net = (ResNet((8, 8, 8, 8), (1, 1, 1, 1), "basic", 8) for _ in range(2))
    stored.body.save_pretrained(tmp_path)
    net.load_folder(tmp_path)
    image = draw(1, 3, 32, 32)
    for ours, theirs in zip(net.eval()(image), stored.eval()(image), strict=True):
        assert torch.equal(ours, theirs)


def test_a_folder_without_or_with_another_network_is_refused(tmp_path):
    net = ResNet((8, 8, 8, 8), (1, 1, 1, 1), "basic", 8)
    with pytest.raises(FileNotFoundError, match="no config.json"):
        net.load_folder(tmp_path)
    ResNet((8, 8, 8, 16), (1, 1, 1, 1), "basic", 8).body.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="holds widths"):
        net.load_folder(tmp_path)
