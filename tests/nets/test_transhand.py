import pytest
import torch

from renderih_lib.hand.skeleton import MIDDLE_MCP
from renderih_lib.nets.heads import cell_centres, keypoint_tokens
from renderih_lib.nets.transhand import TransHand, upsampled, weak_perspective


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


def loss_of(out):
    terms = [out.vertices_2d.square(), out.relative.square(), out.keypoints.abs()]
    if out.evidence is not None:
        terms += [out.evidence.parts.square(), out.evidence.heatmaps.square()]
    return sum(term.mean() for term in terms)


@pytest.mark.parametrize("change", [{}, {"dense": False}, {"lateral": False}, {"official": True}])
def test_every_parameter_learns(hands, change):
    net = TransHand(hands, "tiny", **change)
    loss_of(net(draw(2, 3, 64, 64))).backward()
    assert not [name for name, p in net.named_parameters() if p.grad is None]


@pytest.mark.parametrize("change", [{"dense": False}, {"lateral": False}, {"top_down": False}])
def test_parts_can_be_left_out(hands, net, change):
    smaller = TransHand(hands, "tiny", **change)
    assert smaller(draw(1, 3, 64, 64)).vertices.isfinite().all()
    assert sum(p.numel() for p in smaller.parameters()) < sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize("official", [False, True])
def test_a_hand_sees_the_other_one_only_through_the_lateral_connection(hands, official):
    image_map, generator = draw(1, 32, 4, 4), torch.Generator().manual_seed(2)
    features = torch.randn(1, 2, 63, 32, generator=generator)
    other = features.clone()
    other[:, 1] += torch.randn(63, 32, generator=generator)
    for lateral in (True, False):
        block = TransHand(hands, "tiny", lateral=lateral, official=official, dense=False).blocks[0].eval()
        with torch.no_grad():
            difference = (block(other, image_map) - block(features, image_map))[:, 0].abs().max()
        assert (difference > 1e-3) == lateral


def test_the_paper_preset_is_a_resnet_50_without_our_extra_heads(hands):
    net = TransHand(hands, "paper")
    assert net.dense is None and net.backbone.widths == (256, 512, 1024, 2048)
    with torch.no_grad():
        out = net.eval()(draw(1, 3, 256, 256))
    assert out.evidence is None and out.vertices.shape == (1, 2, hands.right.vertex_count, 3)
    assert [net.blocks[i].rest.shape[1] for i in range(3)] == [63, 126, 252]


def test_each_vertex_starts_from_features_of_its_own_without_a_layer_as_large_as_the_encoder(hands):
    start = TransHand(hands, "paper").start
    with torch.no_grad():
        _, first = start(draw(1, 2048), None)
    assert first.shape == (1, 2, 63, 512)
    assert torch.pdist(first.flatten(0, 2)).min() > 0.1 * first.norm(dim=-1).mean()
    assert sum(p.numel() for p in start.parameters()) < 6e6


def test_hands_in_manos_format_are_predicted_with_their_own_joints(mano_hands):
    net = TransHand(mano_hands, "tiny")
    assert net.upsample_2.shape == (778, 252) and not torch.equal(net.faces[0], net.faces[1])
    with torch.no_grad():
        out = net.eval()(draw(2, 3, 64, 64))
    for side, hand in enumerate(mano_hands.hands):
        regressed = hand.keypoints_from_vertices(out.vertices[:, side])
        torch.testing.assert_close(out.keypoints[:, side], regressed, atol=1e-6, rtol=1e-4)


def test_a_hand_in_manos_format_is_learnt(mano_hands):
    net = TransHand(mano_hands, "tiny")
    image = draw(2, 3, 64, 64)
    truth = torch.stack([hand.template - hand.template.mean(0) for hand in mano_hands.hands])
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    errors = []
    for _ in range(12):
        optimizer.zero_grad()
        vertices = net(image).vertices
        errors.append((vertices - vertices.mean(2, keepdim=True) - truth).abs().mean())
        errors[-1].backward()
        optimizer.step()
    assert errors[-1] < 0.6 * errors[0]


def test_two_levels_up_and_onto_the_mesh_keeps_constant_features(net):
    features = torch.full((1, 2, 63, 5), 3.0)
    for matrix in (net.upsample_0, net.upsample_1, net.upsample_2):
        features = upsampled(features, matrix)
    torch.testing.assert_close(features, torch.full_like(features, 3.0), atol=1e-3, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("change", [{}, {"official": True, "dense": False}])
def test_the_whole_network_is_one_graph_for_the_compiler(hands, change):
    net = TransHand(hands, "tiny", **change).eval()
    image = draw(2, 3, 64, 64)
    compiled = torch.compile(net, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(image).vertices, net(image).vertices)
    torch.testing.assert_close(compiled(image).relative, net(image).relative)


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
