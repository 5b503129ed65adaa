"""Recorded poses: files in the layouts of the three datasets give back the angles and meshes they were made from."""

import json

import numpy as np
import pytest
import torch
import yaml
from scipy.spatial.transform import Rotation

from renderih_lib.hand.anatomy import BEND, SPLAY, TWIST, angle_limits, angles_to_rotations, rest_frames
from renderih_lib.hand.mano import load_mano, mano_pose_space
from renderih_lib.hand.skeleton import FINGER_JOINT_NAMES
from renderih_lib.pose.distinct import pair_keypoints, pose_distances
from renderih_lib.pose.library import load_pose_library
from renderih_lib.pose.recorded import (
    draw_recorded_pairs,
    outside_table_2,
    read_dexycb,
    read_freihand,
    read_interhand,
    recorded_poses,
)

LIBRARY = load_pose_library()
INTERHAND = "annotations/{0}/InterHand2.6M_{0}_MANO_NeuralAnnot.json"


def random_angles(seed: int, count: int) -> torch.Tensor:
    """Hands (count, 15, 3) float64 of Table 2 and up to 20 degrees beyond, twisted as fits of real hands are."""
    low, high = angle_limits(torch.float64).unbind(-1)
    draws = torch.rand(count, 15, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return low - 0.35 + draws * (high - low + 0.7)


def fingers_of(angles: torch.Tensor, side: str, mano_folder) -> np.ndarray:
    """The 45 numbers a dataset stores for each hand: axis-angles less the mean pose."""
    path = mano_folder / f"MANO_{side.upper()}.pkl"
    rotations = angles_to_rotations(angles, rest_frames(load_mano(path, side).double()))
    axis_angle = Rotation.from_matrix(rotations.numpy().reshape(-1, 3, 3)).as_rotvec()
    return axis_angle.reshape(-1, 45) - mano_pose_space(path, side)[0]


def write(path, text) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def interhand(tmp_path, mano_folder):
    """A folder in InterHand2.6M's layout with two pairs, a right and a left hand and an empty frame; its content."""
    rng = np.random.default_rng(0)
    angles = {side: random_angles(i, 3) for i, side in enumerate(("right", "left"))}
    fingers = {side: fingers_of(angles[side], side, mano_folder) for side in angles}

    def parameters(side, row):
        pose = [*rng.normal(size=3), *fingers[side][row]]
        return {"pose": pose, "shape": [*rng.normal(size=10)], "trans": [*rng.normal(size=3)]}

    content = {
        "0": {
            "1207": {"right": parameters("right", 0), "left": parameters("left", 0)},
            "1225": {"right": None, "left": parameters("left", 1)},
            "1243": {"right": None, "left": None},
        },
        "13": {
            "1207": {"right": parameters("right", 1), "left": None},
            "20": {"left": parameters("left", 2), "right": parameters("right", 2)},
        },
    }
    write(tmp_path / INTERHAND.format("train"), json.dumps(content))
    return tmp_path, content, angles


def write_freihand(folder, mano_folder) -> torch.Tensor:
    angles = random_angles(5, 4)
    fingers = fingers_of(angles, "right", mano_folder)
    rng = np.random.default_rng(1)
    entries = [[[*rng.normal(size=3), *row, *rng.normal(size=13)]] for row in fingers]
    write(folder / "training_mano.json", json.dumps(entries))
    return angles


def write_dexycb(folder, mano_folder) -> dict[str, torch.Tensor]:
    """A right and a left sequence of three frames; the first camera sees the hand in frame 1 only, frame 2 has none."""
    angles = {}
    for seed, side in enumerate(("right", "left")):
        sequence = folder / "20200709-subject-01" / f"20200709_14150{seed}"
        write(
            sequence / "meta.yml", yaml.safe_dump({"mano_sides": [side], "num_frames": 3, "ycb_ids": [1, 2]})
        )
        mean_free = fingers_of(angles.setdefault(side, random_angles(seed, 2)), side, mano_folder)
        components = mano_pose_space(mano_folder / f"MANO_{side.upper()}.pkl", side)[1]
        coefficients = np.linalg.solve(components.T, mean_free.T).T
        rng = np.random.default_rng(seed)
        for camera, seen in (("836212060125", [1]), ("839512060362", [0, 1])):
            (sequence / camera).mkdir()
            for frame in range(3):
                pose = np.zeros((1, 51), np.float32)
                if frame in seen:
                    pose[0] = [*rng.normal(size=3), *coefficients[frame], *rng.normal(size=3)]
                labels = {"pose_m": pose, "seg": np.zeros((4, 4), np.uint8), "joint_3d": np.zeros((1, 21, 3))}
                np.savez(sequence / camera / f"labels_{frame:06d}.npz", **labels)
    return angles


def test_interhand_gives_back_the_angles_of_pairs_and_of_every_hand(interhand, mano_folder):
    folder, _, angles = interhand
    found = read_interhand(folder, mano_folder)
    assert found.pair_names == ["interhand26m/train/Capture0/1207", "interhand26m/train/Capture13/20"]
    expected = torch.stack([angles["right"][[0, 2]], angles["left"][[0, 2]]], 1)
    assert (found.pairs.angles - expected).abs().max() < 1e-5
    assert (found.singles - torch.cat([angles["right"], angles["left"]])).abs().max() < 1e-5
    assert found.single_names[1] == "interhand26m/train/Capture13/1207/right"
    assert found.single_names[4] == "interhand26m/train/Capture0/1225/left"


def test_interhand_pairs_have_the_vertices_that_mano_gives_their_parameters(interhand, mano_folder):
    folder, content, _ = interhand
    found = read_interhand(folder, mano_folder)
    meshes = found.hands(found.pairs)
    for i, (capture, frame) in enumerate((("0", "1207"), ("13", "20"))):
        for s, side in enumerate(("right", "left")):
            path = mano_folder / f"MANO_{side.upper()}.pkl"
            hand = {k: np.array(v) for k, v in content[capture][frame][side].items()}
            pose = hand["pose"] + np.concatenate([np.zeros(3), mano_pose_space(path, side)[0]])
            rotations = torch.from_numpy(Rotation.from_rotvec(pose.reshape(16, 3)).as_matrix())[None]
            expected = load_mano(path, side).double()(
                rotations, torch.from_numpy(hand["shape"])[None], torch.from_numpy(hand["trans"])[None]
            )
            assert (meshes.vertices[i, s] - expected.vertices[0]).abs().max() < 2e-6
            assert (meshes.keypoints[i, s] - expected.keypoints[0]).abs().max() < 2e-6


def test_interhand_without_pairs_gives_singles_alone(interhand, mano_folder):
    folder, content, _ = interhand
    for frames in content.values():
        for sides in frames.values():
            sides["left"] = None
    write(folder / INTERHAND.format("val"), json.dumps(content))
    found = read_interhand(folder, mano_folder, "val")
    assert len(found.pairs) == 0 and found.pairs.angles.shape == (0, 2, 15, 3) and len(found.singles) == 3


def test_freihand_gives_back_the_angles(tmp_path, mano_folder):
    angles = write_freihand(tmp_path, mano_folder)
    found = read_freihand(tmp_path, mano_folder)
    assert (found.singles - angles).abs().max() < 1e-5
    assert found.single_names == [f"freihand/{i:08d}" for i in range(4)]
    assert len(found.pairs) == 0 and found.pair_names == []


def test_dexycb_gives_back_the_angles_of_each_frame_once(tmp_path, mano_folder):
    angles = write_dexycb(tmp_path, mano_folder)
    found = read_dexycb(tmp_path, mano_folder)
    order = [1, 0]  # the first camera comes first, and it sees the hand in frame 1 only
    expected = torch.cat([angles["right"][order], angles["left"][order]])
    assert (found.singles - expected).abs().max() < 1e-5
    assert found.single_names[0] == "dexycb/20200709-subject-01/20200709_141500/000001"
    assert len(found.single_names) == len(set(found.single_names)) == 4


def test_all_datasets_below_the_data_root_are_joined(interhand, tmp_path, mano_folder, monkeypatch):
    for variable in ("MANO", "INTERHAND", "FREIHAND", "DEXYCB"):
        monkeypatch.delenv(f"RENDERIH_{variable}", raising=False)
    root = tmp_path / "data"
    assert recorded_poses() is None and recorded_poses(root) is None
    write_freihand(root / "freihand", mano_folder)
    with pytest.raises(ValueError, match="freihand need MANO: put MANO_RIGHT.pkl .* RENDERIH_MANO"):
        recorded_poses(root)
    (root / "mano").symlink_to(mano_folder)
    assert len(recorded_poses(root).singles) == 4
    write_dexycb(root / "dexycb", mano_folder)
    monkeypatch.setenv("RENDERIH_INTERHAND", str(interhand[0]))
    found = recorded_poses(root)
    assert len(found.pairs) == len(found.pair_names) == 2
    assert len(found.singles) == len(found.single_names) == 6 + 4 + 4
    assert [name.split("/")[0] for name in found.single_names[5::4]] == ["interhand26m", "freihand", "dexycb"]
    monkeypatch.setenv("RENDERIH_MANO", str(tmp_path))
    with pytest.raises(ValueError, match="MANO_RIGHT.pkl is missing: put"):
        recorded_poses(root)


def damaged(content, change):
    hand = content["13"]["20"]["left"]
    {
        "short": lambda: hand["pose"].pop(),
        "nan": lambda: hand["trans"].__setitem__(1, float("nan")),
        "text": lambda: hand["shape"].__setitem__(1, "x"),
        "absent": lambda: hand.pop("shape"),
        "side": lambda: content["13"]["20"].__setitem__("both", hand),
        "list": lambda: content.__setitem__("13", [1]),
    }[change]()
    return json.dumps(content)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("short", "NeuralAnnot.json: Capture13/20/left/pose: expected 48 finite numbers, got 47"),
        ("nan", "Capture13/20/left/trans: expected 3 finite numbers"),
        ("text", "Capture13/20/left/shape: expected 10 finite numbers"),
        ("absent", "Capture13/20/left/shape: expected 10 finite numbers, got .* None"),
        ("side", "Capture13/20: expected right and left, got 'both'"),
        ("list", "Capture13: expected named entries, got list"),
    ],
)
def test_a_wrong_entry_of_interhand_is_named(interhand, mano_folder, change, message):
    folder, content, _ = interhand
    write(folder / INTERHAND.format("train"), damaged(content, change))
    with pytest.raises(ValueError, match=message):
        read_interhand(folder, mano_folder)


def test_missing_and_truncated_files_are_named(interhand, tmp_path, mano_folder):
    path = tmp_path / INTERHAND.format("train")
    with pytest.raises(FileNotFoundError, match="test_MANO_NeuralAnnot.json: No such file.*download"):
        read_interhand(tmp_path, mano_folder, "test")
    write(path, path.read_text()[:-40])
    with pytest.raises(ValueError, match="NeuralAnnot.json: not readable as JSON"):
        read_interhand(tmp_path, mano_folder)
    with pytest.raises(FileNotFoundError, match="training_mano.json: No such file"):
        read_freihand(tmp_path, mano_folder)
    write(tmp_path / "training_mano.json", "[[[1, 2, 3]]]")
    with pytest.raises(ValueError, match="entry 0: expected 61 finite numbers, got 3"):
        read_freihand(tmp_path, mano_folder)
    write(tmp_path / "training_mano.json", '{"0": 1}')
    with pytest.raises(ValueError, match="the file: expected a list, got dict"):
        read_freihand(tmp_path, mano_folder)
    with pytest.raises(FileNotFoundError, match="nothing matches, expected <date>-subject-<nn>/<sequence>"):
        read_dexycb(tmp_path, mano_folder)


def test_wrong_files_of_dexycb_are_named(tmp_path, mano_folder):
    write_dexycb(tmp_path, mano_folder)
    sequence = tmp_path / "20200709-subject-01" / "20200709_141500"
    labels = sequence / "836212060125" / "labels_000001.npz"
    content = labels.read_bytes()
    for change, message in (
        (lambda: labels.write_bytes(content[: len(content) // 2]), "labels_000001.npz: not readable as npz"),
        (lambda: np.savez(labels, seg=np.zeros(3)), "labels_000001.npz: pose_m: expected 51 finite numbers"),
        (lambda: np.savez(labels, pose_m=np.full((1, 51), np.inf)), "pose_m: expected 51 finite numbers"),
        (lambda: np.savez(labels, pose_m=np.array([object()])), "labels_000001.npz: not readable as npz"),
        (lambda: write(sequence / "meta.yml", "mano_sides: [both]"), "meta.yml: mano_sides: expected"),
        (lambda: write(sequence / "meta.yml", "mano_sides: ["), "meta.yml: not readable as YAML"),
    ):
        change()
        with pytest.raises(ValueError, match=message):
            read_dexycb(tmp_path, mano_folder)


def test_the_share_outside_table_2_is_counted_per_axis():
    angles = LIBRARY.natural_singles(0, 4)
    assert set(outside_table_2(angles).values()) == {0.0}
    joint = FINGER_JOINT_NAMES.index("index_middle")
    angles[0, joint, TWIST] = 0.1
    angles[0, joint, SPLAY] = -0.1
    angles[1, joint, BEND] = 2.5
    angles[2, joint, BEND] = angle_limits()[joint, BEND, 1] + 0.01  # within a degree
    assert outside_table_2(angles) == {"twist": 0.25, "splay": 0.25, "bend": 0.25, "any": 0.5}


def test_recorded_pairs_are_drawn_distinct_and_placed_on_other_hands(mano_folder, tmp_path):
    natural = LIBRARY.natural_pairs(0, 120)
    fingers = [
        fingers_of(natural.angles[:, s].double(), side, mano_folder)
        for s, side in enumerate(("right", "left"))
    ]
    roots = Rotation.from_matrix(natural.wrist.reshape(-1, 3, 3)).as_rotvec().reshape(-1, 2, 3)
    content = {
        "0": {
            str(i): {
                side: {
                    "pose": [*roots[i, s].tolist(), *fingers[s][i].tolist()],
                    "shape": natural.shape[i, s].tolist(),
                    "trans": (natural.translation[i, s] + 3).tolist(),
                }
                for s, side in enumerate(("right", "left"))
            }
            for i in range(120)
        }
    }
    write(tmp_path / INTERHAND.format("train"), json.dumps(content))
    recorded = read_interhand(tmp_path, mano_folder)
    pose, names = draw_recorded_pairs(recorded, LIBRARY.hands, 0, 20)
    keypoints = pair_keypoints(pose, LIBRARY.hands)
    assert pose_distances(keypoints, keypoints).fill_diagonal_(torch.inf).min() >= 10
    rows = [int(name.split("/")[-1]) for name in names]
    assert rows != sorted(rows)
    assert (keypoints - pair_keypoints(natural[rows], LIBRARY.hands)).abs().max() < 0.5
    assert LIBRARY.hands(pose).joints[:, 0, 0].abs().max() < 1e-6
    shorter, first = draw_recorded_pairs(recorded, LIBRARY.hands, 0, 7)
    assert first == names[:7] and torch.equal(shorter.angles, pose.angles[:7])
    assert draw_recorded_pairs(recorded, LIBRARY.hands, 1, 20)[1] != names
    with pytest.raises(ValueError, match="120 recorded pairs hold only .* 120 were asked for"):
        draw_recorded_pairs(recorded, LIBRARY.hands, 0, 120, apart_mm=20)
