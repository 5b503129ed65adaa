"""MANO files: what is read equals smplx, and nothing else is read."""

import contextlib
import io
import itertools
import os
import pickle

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from renderih_lib.hand.mano import (
    MANO_TIPS,
    as_released,
    is_mano,
    load_mano,
    load_mano_pair,
    mano_arrays,
    mano_pose_space,
    mano_rotations,
    restricted_load,
)
from renderih_lib.hand.model import mirrored_rotations


def random_pose(seed: int, batch: int = 4):
    rng = np.random.default_rng(seed)
    axis_angle = 0.7 * rng.normal(size=(batch, 48))
    return axis_angle, rng.normal(size=(batch, 10)), rng.normal(size=(batch, 3))


def rotations(axis_angle: np.ndarray) -> torch.Tensor:
    turned = Rotation.from_rotvec(axis_angle.reshape(-1, 3)).as_matrix()
    return torch.from_numpy(turned).reshape(-1, 16, 3, 3)


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("flat_hand_mean", [True, False])
@pytest.mark.parametrize("pose_dirs_size", [0.0, 2e-4])
def test_posed_meshes_equal_smplx_on_the_same_file(
    side, flat_hand_mean, pose_dirs_size, mano_contents, write_mano, chumpy
):
    smplx = pytest.importorskip("smplx")
    contents = mano_contents(side, pose_dirs_size)
    path = write_mano(contents | {"shapedirs": chumpy(contents["shapedirs"])}, side)
    pose, shape, translation = random_pose(1)
    with contextlib.redirect_stdout(io.StringIO()):
        theirs = smplx.MANO(
            str(path),
            is_rhand=side == "right",
            use_pca=False,
            flat_hand_mean=flat_hand_mean,
            batch_size=len(pose),
        )
        expected = theirs(
            betas=torch.from_numpy(shape).float(),
            global_orient=torch.from_numpy(pose[:, :3]).float(),
            hand_pose=torch.from_numpy(pose[:, 3:]).float(),
            transl=torch.from_numpy(translation).float(),
        )
    if not flat_hand_mean:
        pose[:, 3:] += mano_pose_space(path, side)[0]
    ours = load_mano(path, side, left_shapedirs="as_released").double()(
        rotations(pose), torch.from_numpy(shape), torch.from_numpy(translation)
    )
    assert (ours.vertices - expected.vertices).abs().max() < 1e-5
    assert (ours.joints - expected.joints).abs().max() < 1e-5


@pytest.mark.parametrize("python", [2, 3])
def test_files_of_python_2_and_3_give_back_the_hand_they_hold(
    python, hand, mano_contents, write_mano, chumpy
):
    contents = mano_contents()
    path = write_mano(contents | {"shapedirs": chumpy(contents["shapedirs"])}, python=python)
    model = load_mano(path, "right").double()
    for name in ("template", "faces", "shape_dirs", "rest_joints", "joint_dirs", "skin_weights"):
        assert torch.allclose(getattr(model, name), getattr(hand, name), atol=1e-6), name
    assert model.tip_vertices.tolist() == list(MANO_TIPS)


def test_left_shape_basis_is_repaired_into_the_mirror_of_the_right(left_hand, mano_contents, write_mano):
    path = write_mano(mano_contents("left"), "left")
    fixed = load_mano(path, "left").double()
    released = load_mano(path, "left", left_shapedirs="as_released").double()
    assert torch.allclose(fixed.shape_dirs, left_hand.shape_dirs, atol=1e-8)
    assert torch.allclose(fixed.joint_dirs, left_hand.joint_dirs, atol=1e-6)
    assert torch.equal(released.shape_dirs[:, 0], -fixed.shape_dirs[:, 0])
    assert torch.equal(released.shape_dirs[:, 1:], fixed.shape_dirs[:, 1:])


def test_a_left_file_that_was_repaired_before_is_left_alone(left_hand, mano_contents, write_mano):
    contents = mano_contents("left")
    contents["shapedirs"][:, 0] *= -1
    model = load_mano(write_mano(contents, "left"), "left").double()
    assert torch.allclose(model.shape_dirs, left_hand.shape_dirs, atol=1e-8)


def test_right_shape_basis_is_never_touched(mano_contents, write_mano):
    contents = mano_contents()
    contents["shapedirs"] = contents["shapedirs"] * [[-1], [1], [1]]
    model = load_mano(write_mano(contents), "right")
    assert np.allclose(model.shape_dirs, contents["shapedirs"], atol=1e-8)


def test_cache_gives_the_same_arrays_and_follows_the_source(mano_contents, write_mano, tmp_path):
    path = write_mano(mano_contents())
    first = mano_arrays(path, "right")
    cache = tmp_path / "MANO_RIGHT.checked.npz"
    assert cache.exists() and not list(tmp_path.glob("*.tmp"))
    again = mano_arrays(path, "right")
    assert all(np.array_equal(first[key], again[key]) for key in first)
    changed = mano_contents()
    changed["v_template"] = changed["v_template"] * 1.01
    write_mano(changed)
    assert np.array_equal(mano_arrays(path, "right")["v_template"], changed["v_template"])


def test_cache_is_what_the_second_call_reads(mano_contents, write_mano, monkeypatch):
    path = write_mano(mano_contents())
    mano_arrays(path, "right")
    monkeypatch.setattr(
        "renderih_lib.hand.mano._read_pickle", lambda *_: pytest.fail("the pickle was read again")
    )
    mano_arrays(path, "right")


def test_damaged_cache_is_replaced(mano_contents, write_mano, tmp_path):
    path = write_mano(mano_contents())
    first = mano_arrays(path, "right", tmp_path / "cache")
    cache = tmp_path / "cache" / "MANO_RIGHT.checked.npz"
    cache.write_bytes(cache.read_bytes()[:1000])
    again = mano_arrays(path, "right", tmp_path / "cache")
    assert np.array_equal(first["posedirs"], again["posedirs"])
    assert cache.stat().st_size > 1000


def test_cache_folder_that_cannot_be_made_is_no_error(mano_contents, write_mano, tmp_path):
    path = write_mano(mano_contents())
    (tmp_path / "occupied").write_text("a file, not a folder")
    assert load_mano(path, "right", cache_dir=tmp_path / "occupied").vertex_count == 778


def assert_one_clear_error(path, *words, side="right"):
    with pytest.raises(ValueError) as caught:
        load_mano(path, side)
    message = str(caught.value)
    assert "\n" not in message and path.name in message
    assert all(word in message for word in words), message
    assert (
        caught.value.__suppress_context__ or caught.value.__context__ is None
    )  # one error, no chain of causes


class Bomb:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("place", ["whole file", "one array", "inside chumpy"])
@pytest.mark.parametrize("function, name", [(os.system, "system"), (eval, "eval"), (getattr, "getattr")])
def test_malicious_pickle_is_refused_before_it_runs(
    place, function, name, mano_contents, write_mano, chumpy, tmp_path
):
    victim = tmp_path / "victim"
    code = {os.system: (f"touch {victim}",), eval: (f"open({str(victim)!r}, 'w')",), getattr: ("", "join")}
    bomb, contents = Bomb(function, *code[function]), mano_contents()
    if place == "whole file":
        contents = bomb
    elif place == "one array":
        contents["v_template"] = bomb
    else:
        contents["shapedirs"] = chumpy(contents["shapedirs"])
        contents["shapedirs"].a = bomb
    path = write_mano(contents)
    assert_one_clear_error(path, "refused", name, "mano.is.tue.mpg.de")
    assert not victim.exists()
    assert not list(tmp_path.glob("*.npz"))


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.99])
def test_truncated_file_is_one_clear_error(share, mano_contents, write_mano):
    path = write_mano(mano_contents())
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    assert_one_clear_error(path, "not a readable pickle", "mano.is.tue.mpg.de")


def test_file_of_another_kind_is_one_clear_error(tmp_path):
    path = tmp_path / "MANO_RIGHT.pkl"
    path.write_bytes(b"<html>please log in</html>")
    assert_one_clear_error(path, "not a readable pickle")


@pytest.mark.parametrize(
    "key",
    ["v_template", "f", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table", "hands_mean"],
)
def test_missing_key_is_named(key, mano_contents, write_mano):
    contents = mano_contents()
    del contents[key]
    assert_one_clear_error(write_mano(contents), f"{key} missing", "mano.is.tue.mpg.de")


def spoiled(array, index, value):
    array = np.array(array)
    array[index] = value
    return array


WRONG = {
    "shape": ("v_template", lambda a: a[:-1], "shape (778, 3)"),
    "kind": ("v_template", lambda a: a.astype(str), "must be real"),
    "objects": ("weights", lambda a: a.astype(object), "must be real"),
    "real faces": ("f", lambda a: a.astype(float), "must be integer"),
    "not finite": ("posedirs", lambda a: spoiled(a, (3, 1, 7), np.nan), "not finite"),
    "millimetres": ("v_template", lambda a: 1000 * a, "metres"),
    "huge shape": ("shapedirs", lambda a: 1000 * a, "0.1 m"),
    "foreign vertex": ("f", lambda a: spoiled(a, (5, 0), 778), "does not exist"),
    "negative weight": ("weights", lambda a: spoiled(spoiled(a, (0, 0), -0.5), (0, 1), 1.5), "negative"),
    "weight sum": ("weights", lambda a: 0.9 * a, "sum to 1"),
    "regressor sum": ("J_regressor", lambda a: 0.9 * a.toarray(), "sum to 1"),
    "tree": ("kintree_table", lambda a: spoiled(a, (0, 4), 3), "tree"),
    "text": ("hands_mean", lambda a: "flat", "unexpected str"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_array_is_named_with_what_is_wrong(case, mano_contents, write_mano):
    key, spoil, words = WRONG[case]
    contents = mano_contents()
    contents[key] = spoil(contents[key])
    assert_one_clear_error(write_mano(contents), key, words, "mano.is.tue.mpg.de")


def test_sparse_matrix_with_indices_out_of_range_is_refused(mano_contents, write_mano):
    contents = mano_contents()
    contents["J_regressor"].indices[-1] = 10**6
    assert_one_clear_error(write_mano(contents), "J_regressor")


def test_selection_with_indices_out_of_range_is_refused(mano_contents, write_mano, chumpy):
    contents = mano_contents()
    contents["shapedirs"] = chumpy(contents["shapedirs"])
    contents["shapedirs"].idxs[0] = 10**9
    assert_one_clear_error(write_mano(contents), "shapedirs")


def test_hand_of_the_other_side_is_named(mano_contents, write_mano):
    path = write_mano(mano_contents("left"), "right")
    assert_one_clear_error(path, "left hand", "side='left'")


def test_pickle_of_another_type_is_named(write_mano):
    assert_one_clear_error(write_mano([1, 2]), "list", "dictionary")


def test_unknown_arguments_and_missing_file(mano_contents, write_mano, tmp_path):
    path = write_mano(mano_contents())
    with pytest.raises(ValueError, match="side must be"):
        load_mano(path, "both")
    with pytest.raises(ValueError, match="left_shapedirs must be"):
        load_mano(path, "right", left_shapedirs="maybe")
    with pytest.raises(FileNotFoundError, match="no such file; download MANO"):
        load_mano(tmp_path / "MANO_LEFT.pkl", "left")


def test_pose_space_is_the_files_own(mano_contents, write_mano):
    contents = mano_contents()
    mean, components = mano_pose_space(write_mano(contents), "right")
    assert np.array_equal(mean, contents["hands_mean"])
    assert np.array_equal(components, contents["hands_components"])


@pytest.fixture
def both_hands(mano_contents, write_mano):
    """A folder with both files, and what it holds."""
    contents = {side: mano_contents(side) for side in ("right", "left")}
    for side, content in contents.items():
        path = write_mano(content, side)
    return path.parent, contents


def test_a_folder_of_both_files_is_a_pair(both_hands):
    hands = load_mano_pair(both_hands[0])
    assert [hand.side for hand in hands.hands] == ["right", "left"] and all(map(is_mano, hands.hands))
    left = load_mano(both_hands[0] / "MANO_LEFT.pkl", "left")
    assert torch.equal(hands.left.shape_dirs, left.shape_dirs)
    with pytest.raises(FileNotFoundError, match="MANO_RIGHT.pkl: no such file"):
        load_mano_pair(both_hands[0] / "elsewhere")


def test_rotations_of_stored_poses_add_the_mean_pose_unless_it_is_there(both_hands):
    hand, contents = load_mano_pair(both_hands[0]).left.double(), both_hands[1]["left"]
    pose = random_pose(3)[0]
    for flat, coefficients in itertools.product((True, False), repeat=2):
        fingers = pose[:, 3:] @ contents["hands_components"] if coefficients else pose[:, 3:]
        full = np.concatenate([pose[:, :3], fingers + (0 if flat else contents["hands_mean"])], 1)
        found = mano_rotations(hand, pose, flat=flat, coefficients=coefficients)
        assert torch.allclose(found, rotations(full), atol=1e-6)


def test_only_mano_has_poses_of_mano(hand):
    assert not is_mano(hand)
    with pytest.raises(ValueError, match="hand must be MANO, got"):
        mano_rotations(hand, np.zeros((1, 48)))


def test_a_mirrored_mano_has_the_mirrored_pose_space(both_hands):
    hand = load_mano_pair(both_hands[0]).right.double()
    pose = random_pose(2)[0]
    pose[:, :3] = 0
    expected = mirrored_rotations(mano_rotations(hand, pose, coefficients=True))
    assert torch.allclose(mano_rotations(hand.mirrored(), pose, coefficients=True), expected, atol=1e-6)


def test_the_released_left_hand_comes_back_from_the_repaired_one(both_hands):
    released = load_mano_pair(both_hands[0], "as_released").left
    for hand in (load_mano_pair(both_hands[0]).left, released):
        again = as_released(hand)
        assert torch.allclose(again.shape_dirs, released.shape_dirs)
        assert torch.allclose(again.joint_dirs, released.joint_dirs, atol=1e-7)


def test_plain_values_and_arrays_of_other_datasets_are_read():
    content = {"camMat": np.eye(3, dtype=np.float32), "objName": "cup", "scale": np.float64(2), "none": None}
    for protocol in (2, 4):
        found = restricted_load(pickle.dumps(content, protocol))
        assert np.array_equal(found["camMat"], np.eye(3)) and found["scale"] == 2
        assert found["objName"] == "cup" and found["none"] is None
