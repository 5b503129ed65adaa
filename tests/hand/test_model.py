"""The skinned hand against first principles: rest, rigid motion, mirror, gradients and a slow twin."""

import time

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from renderih_lib.hand.model import HandModel, mirrored_rotations
from renderih_lib.hand.open_hand import load_open_hand
from renderih_lib.hand.skeleton import KEYPOINT_NAMES, PARENTS


def random_rotations(batch: int, seed: int = 0, size: float = 0.6) -> torch.Tensor:
    vectors = size * np.random.default_rng(seed).normal(size=(batch * 16, 3))
    return torch.from_numpy(Rotation.from_rotvec(vectors).as_matrix()).reshape(batch, 16, 3, 3)


def random_numbers(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def slow_forward(model: HandModel, rotations, shape, translation) -> tuple[np.ndarray, np.ndarray]:
    """One pose by the textbook, in loops: recursive chain, then a weighted sum of rigid motions per vertex."""
    vertices = model.template.numpy() + model.shape_dirs.numpy() @ shape
    joints = model.rest_joints.numpy() + model.joint_dirs.numpy() @ shape
    if model.pose_dirs is not None:
        vertices = vertices + model.pose_dirs.numpy() @ (rotations[1:] - np.eye(3)).ravel()

    def move(joint: int, point: np.ndarray) -> np.ndarray:
        turned = rotations[joint] @ (point - joints[joint]) + joints[joint]
        return turned if PARENTS[joint] < 0 else move(PARENTS[joint], turned)

    skin = np.zeros_like(vertices)
    for v, weights in enumerate(model.skin_weights.numpy()):
        for joint in np.flatnonzero(weights):
            skin[v] += weights[joint] * move(joint, vertices[v])
    return skin + translation, np.stack([move(j, joints[j]) for j in range(16)]) + translation


def test_identity_pose_is_the_template(either_hand):
    mesh = either_hand(torch.eye(3).double().expand(2, 16, 3, 3))
    assert torch.allclose(mesh.vertices, either_hand.template.expand(2, -1, -1), atol=1e-12)
    assert torch.allclose(mesh.joints, either_hand.rest_joints.expand(2, -1, -1), atol=1e-12)
    assert torch.allclose(mesh.transforms, torch.eye(4).double().expand(2, 16, 4, 4), atol=1e-12)


def test_identity_pose_with_shape_is_the_shaped_rest(either_hand):
    shape = random_numbers(3, 10)
    mesh = either_hand(torch.eye(3).double().expand(3, 16, 3, 3), shape)
    vertices, joints = either_hand.rest(shape)
    assert torch.allclose(mesh.vertices, vertices, atol=1e-12)
    assert torch.allclose(mesh.joints, joints, atol=1e-12)


@pytest.mark.parametrize("with_pose_dirs", [False, True])
def test_forward_equals_a_slow_numpy_twin(with_pose_dirs, hand, small_hand):
    model = small_hand if with_pose_dirs else hand
    rotations, shape, translation = (
        random_rotations(2),
        random_numbers(2, model.shape_count),
        random_numbers(2, 3),
    )
    mesh = model(rotations, shape, translation)
    for i in range(2):
        vertices, joints = slow_forward(model, rotations[i].numpy(), shape[i].numpy(), translation[i].numpy())
        assert (
            np.abs(mesh.vertices[i].numpy() - vertices).max() < 1e-6
        )  # metres; single-precision weights sum to 1 only so far
        assert np.abs(mesh.joints[i].numpy() - joints).max() < 1e-6


def test_wrist_rotation_and_translation_move_the_hand_rigidly(either_hand):
    rotations, shape = random_rotations(3), random_numbers(3, 10)
    turn, shift = random_rotations(1, seed=5)[:, 0], random_numbers(3, 3)
    turned = rotations.clone()
    turned[:, 0] = turn @ rotations[:, 0]
    before, after = either_hand(rotations, shape), either_hand(turned, shape, shift)
    wrist = before.joints[:, :1]
    for old, new in ((before.vertices, after.vertices), (before.keypoints, after.keypoints)):
        assert torch.allclose((old - wrist) @ turn.mT + wrist + shift[:, None], new, atol=1e-12)


def test_transforms_carry_rest_joints_to_posed_joints(either_hand):
    shape = random_numbers(2, 10)
    mesh = either_hand(random_rotations(2), shape, random_numbers(2, 3))
    rest = either_hand.rest(shape)[1]
    carried = (mesh.transforms[..., :3, :3] @ rest[..., None])[..., 0] + mesh.transforms[..., :3, 3]
    assert torch.allclose(carried, mesh.joints, atol=1e-12)


def test_mirroring_twice_is_the_identity(hand, small_hand):
    for model in (hand, small_hand):
        twice = model.mirrored().mirrored()
        assert twice.side == model.side
        for name, buffer in model.named_buffers():
            assert torch.equal(buffer, dict(twice.named_buffers())[name]), name


@pytest.mark.parametrize("with_pose_dirs", [False, True])
def test_left_hand_is_the_mirror_of_the_right(with_pose_dirs, hand, small_hand):
    right = small_hand if with_pose_dirs else hand
    rotations, shape, shift = random_rotations(3), random_numbers(3, right.shape_count), random_numbers(3, 3)
    flip = torch.tensor([-1.0, 1.0, 1.0]).double()
    mesh = right(rotations, shape, shift)
    twin = right.mirrored()(mirrored_rotations(rotations), shape, shift * flip)
    assert torch.allclose(mesh.vertices * flip, twin.vertices, atol=1e-12)
    assert torch.allclose(mesh.keypoints * flip, twin.keypoints, atol=1e-12)


def test_faces_point_outwards_on_both_sides(either_hand):
    a, b, c = (either_hand.template[either_hand.faces[:, k]] for k in range(3))
    volume = (torch.linalg.cross(a, b) * c).sum() / 6
    assert 1e-4 < volume < 6e-4  # cubic metres; about 0.3 litres, open at the wrist


def test_a_pose_does_not_depend_on_its_batch_mates(hand):
    rotations, shape, shift = random_rotations(5), random_numbers(5, 10), random_numbers(5, 3)
    together = hand(rotations, shape, shift).vertices
    alone = torch.cat(
        [hand(rotations[i : i + 1], shape[i : i + 1], shift[i : i + 1]).vertices for i in range(5)]
    )
    assert torch.allclose(together, alone, atol=1e-14)


def test_single_precision_agrees_with_double(hand):
    rotations, shape, shift = random_rotations(4), random_numbers(4, 10), random_numbers(4, 3)
    exact = hand(rotations, shape, shift)
    single = load_open_hand()(rotations.float(), shape.float(), shift.float())
    assert single.vertices.dtype == torch.float32
    assert (single.vertices - exact.vertices).abs().max() < 2e-6  # metres


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_gpu_agrees_with_cpu(hand):
    rotations, shape, shift = random_rotations(4), random_numbers(4, 10), random_numbers(4, 3)
    there = load_open_hand().cuda().double()
    posed = there(rotations.cuda(), shape.cuda(), shift.cuda())
    assert torch.allclose(posed.vertices.cpu(), hand(rotations, shape, shift).vertices, atol=1e-9)
    assert there.mirrored().template.device == there.template.device


def test_gradients_are_exact(small_hand):
    inputs = [random_rotations(1), random_numbers(1, 2), random_numbers(1, 3)]
    inputs = [x.requires_grad_() for x in inputs]
    assert torch.autograd.gradcheck(lambda *x: small_hand(*x)[:3], inputs)


def test_gradients_reach_rotations_shape_and_translation(hand):
    inputs = [x.requires_grad_() for x in (random_rotations(2), random_numbers(2, 10), random_numbers(2, 3))]
    hand(*inputs).keypoints.square().sum().backward()
    assert all(x.grad.abs().sum() > 0 for x in inputs)


def test_keypoints_are_joints_and_tips_in_the_documented_order(either_hand):
    mesh = either_hand(random_rotations(2))
    order = ("thumb", "index", "middle", "ring", "pinky")
    for finger, tip in zip(order, either_hand.tip_vertices, strict=True):
        assert torch.equal(mesh.keypoints[:, KEYPOINT_NAMES.index(f"{finger}_tip")], mesh.vertices[:, tip])
    assert torch.equal(mesh.keypoints[:, KEYPOINT_NAMES.index("wrist")], mesh.joints[:, 0])
    assert torch.equal(mesh.keypoints[:, KEYPOINT_NAMES.index("ring_middle")], mesh.joints[:, 11])
    assert torch.equal(mesh.keypoints[:, KEYPOINT_NAMES.index("thumb_root")], mesh.joints[:, 13])


def test_keypoints_from_vertices_need_a_regressor(small_hand):
    with pytest.raises(ValueError, match="small hand has no joint regressor"):
        small_hand.keypoints_from_vertices(small_hand.template)


@pytest.mark.parametrize(
    "name, shapes",
    [
        ("rotations", ((2, 15, 3, 3), (2, 10), (2, 3))),
        ("rotations", ((2, 16, 3), (2, 10), (2, 3))),
        ("shape", ((2, 16, 3, 3), (2, 9), (2, 3))),
        ("shape", ((2, 16, 3, 3), (1, 10), (2, 3))),
        ("translation", ((2, 16, 3, 3), (2, 10), (2, 4))),
        ("translation", ((2, 16, 3, 3), (2, 10), (3,))),
    ],
)
def test_wrong_shape_names_the_argument(name, shapes, hand):
    with pytest.raises(ValueError, match=rf"^{name} must have shape"):
        hand(*(torch.zeros(s, dtype=torch.float64) for s in shapes))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"template": np.full((778, 3), np.nan)}, "template has values that are not finite"),
        ({"joints": np.zeros((15, 3))}, "rest_joints must have shape"),
        ({"skin_weights": np.zeros((778, 15))}, "skin_weights must have shape"),
        ({"side": "both"}, "side must be one of"),
        ({"faces": [[0, 1, 778]]}, "faces must"),
        ({"tip_vertices": [1, 2, 3, 4]}, "tip_vertices must"),
    ],
)
def test_unsound_arrays_are_refused_by_name(change, message, hand):
    arrays = {
        "template": hand.template,
        "faces": hand.faces,
        "shape_dirs": hand.shape_dirs,
        "joints": hand.rest_joints,
        "joint_dirs": hand.joint_dirs,
        "skin_weights": hand.skin_weights,
        "tip_vertices": hand.tip_vertices,
    }
    with pytest.raises(ValueError, match=message):
        HandModel(**arrays | change)


def test_loading_takes_at_most_a_fifth_of_a_second():
    times = []
    for side in ("right", "left", "right"):
        start = time.perf_counter()
        load_open_hand(side)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.2
