"""InterHand2.6M: a small tree in the published layout, written here from hands that are known."""

import json
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.spatial.transform import Rotation

from renderih_lib.data import interhand26m_tables
from renderih_lib.data.crops import cropped
from renderih_lib.data.export import export
from renderih_lib.data.interhand26m import InterHand26M
from renderih_lib.hand.anatomy import joint_rotations
from renderih_lib.hand.mano import load_mano_pair
from renderih_lib.hand.skeleton import KEYPOINT_NAMES
from renderih_lib.pose.library import load_pose_library
from renderih_lib.render.cameras import framing, look_at
from tests.data.overlays import draw_labels
from tests.data.trees import on_hand, picture

WIDTH, HEIGHT = 192, 128
FINGERS = ("thumb", "index", "middle", "ring", "pinky")
#: Our name of each of the dataset's 21 joints: tips first, the wrist last.
ORDER = [f"{finger}_{level}" for finger in FINGERS for level in ("tip", "end", "middle", "root")] + ["wrist"]
#: Annotation id -> moment and camera of its picture, not in the order of the images.
SHOTS = {70: (0, 1), 11: (0, 0), 35: (1, 0), 36: (2, 0), 50: (3, 1), 51: (4, 0), 90: (5, 1)}
HUMAN = (11, 35, 51)
DARK_ID = 70


class Truth(NamedTuple):
    """World frame, millimetres, hand axis (right, left)."""

    joints: np.ndarray  # (M, 2, 21, 3), ours in order
    vertices: np.ndarray  # (M, 2, 778, 3)
    cameras: dict  # (capture, camera) -> R, position, K


@pytest.fixture(scope="module")
def mano(mano_folder):
    return load_mano_pair(mano_folder)


@pytest.fixture(scope="module")
def written(mano, tmp_path_factory):
    """The tree and its truth."""
    root = tmp_path_factory.mktemp("interhand")
    return root, write_tree(root, mano)


@pytest.fixture
def tree(written, tmp_path):
    """A copy of the annotations to damage, beside the same pictures."""
    root, truth = written
    folder = tmp_path / "annotations" / "train"
    folder.mkdir(parents=True)
    for path in (root / "annotations/train").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (tmp_path / "images").symlink_to(root / "images")
    return tmp_path


def write_tree(root: Path, mano) -> Truth:
    """Split "train": six moments in two captures, two cameras each.

    Moments: 0 plain; 1 the right wrist and a left tip are not valid; 2 a right hand alone; 3 without a MANO fit of the
    left hand; 4 of an uncertain hand type; 5 as 0, in the other capture.
    """
    rng = np.random.default_rng(0)
    poses = load_pose_library().natural_pairs(3, 6)
    turns = [joint_rotations(poses.angles[:, s], mano.frames[s], poses.wrist[:, s]) for s in range(2)]
    with torch.no_grad():
        meshes = [
            hand(turns[s], poses.shape[:, s], poses.translation[:, s]) for s, hand in enumerate(mano.hands)
        ]
    vertices = 1000 * np.stack([mesh.vertices.numpy() for mesh in meshes], 1)
    joints = 1000 * np.stack([mesh.keypoints.numpy() for mesh in meshes], 1)
    joints += rng.normal(0, 2, joints.shape)  # people do not label MANO's joints
    fits = [_fits(turns[s], poses, s, hand) for s, hand in enumerate(mano.hands)]
    capture = ["0", "0", "0", "0", "0", "3"]
    cameras = {}
    for name in sorted(set(capture)):
        for camera in ("400262", "410001"):
            middle = vertices[0 if name == "0" else 5].reshape(-1, 3).mean(0) / 1000
            eye = middle + 0.8 * _unit(rng.normal(size=3))
            R, t = look_at(eye, middle, rng.uniform(0, 3))
            K = framing(
                (vertices[0 if name == "0" else 5].reshape(-1, 3) / 1000) @ R.T + t, WIDTH, HEIGHT, 0.5, False
            )
            cameras[name, camera] = (R, 1000 * eye, K)
    truth = Truth(joints, vertices, cameras)
    _write_json(root, mano, truth, capture, fits)
    return truth


def _fits(turns: torch.Tensor, poses, side: int, hand) -> list[dict]:
    axis_angles = Rotation.from_matrix(turns.numpy().reshape(-1, 3, 3)).as_rotvec().reshape(-1, 48)
    axis_angles[:, 3:] -= hand.mean_pose.numpy()
    return [
        {"pose": a.tolist(), "shape": s.tolist(), "trans": t.tolist()}
        for a, s, t in zip(axis_angles, poses.shape[:, side], poses.translation[:, side], strict=True)
    ]


def _write_json(root: Path, mano, truth: Truth, captures: list[str], fits) -> None:
    images, annotations, joint_3d, mano_fits = [], [], {}, {}
    for number, (moment, which) in SHOTS.items():
        capture, camera = captures[moment], ("400262", "410001")[which]
        R, position, K = truth.cameras[capture, camera]
        frame = 100 + 18 * moment
        name = f"Capture{capture}/ROM0{moment}/cam{camera}/image{frame}.jpg"
        seen = (truth.vertices[moment] - position) @ R.T / 1000
        image = picture(mano, seen, K, (WIDTH, HEIGHT))
        path = root / "images/train" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image // 25 if number == DARK_ID else image).save(path, quality=95)
        image = {"id": 1000 - number, "file_name": name, "width": WIDTH, "height": HEIGHT}
        images.append(image | {"capture": int(capture), "camera": camera, "frame_idx": frame})
        kind = "right" if moment == 2 else "interacting"
        valid = np.ones((2, 21), int)
        valid[1] *= moment != 2
        if moment == 1:
            valid[0, 20] = valid[1, ORDER.index("index_tip")] = 0
        annotation = {"id": number, "image_id": 1000 - number, "hand_type": kind, "bbox": [0, 0, 9, 9]}
        annotation |= {"joint_valid": valid.ravel().tolist(), "hand_type_valid": int(moment != 4)}
        annotations.append(annotation)
        tips_first = truth.joints[moment][:, [KEYPOINT_NAMES.index(joint) for joint in ORDER]]
        joint_3d.setdefault(capture, {})[str(frame)] = {
            "world_coord": tips_first.reshape(42, 3).tolist(),
            "joint_valid": valid.reshape(42, 1).tolist(),
            "hand_type": kind,
        }
        left = None if moment in (2, 3) else fits[1][moment]
        mano_fits.setdefault(capture, {})[str(frame)] = {"right": fits[0][moment], "left": left}
    camera = {}
    for (capture, name), (R, position, K) in truth.cameras.items():
        own = camera.setdefault(capture, {key: {} for key in ("campos", "camrot", "focal", "princpt")})
        own["campos"][name], own["camrot"][name] = position.tolist(), R.tolist()
        own["focal"][name], own["princpt"][name] = K[[0, 1], [0, 1]].tolist(), K[:2, 2].tolist()
    contents = {
        "data": {"images": images[::-1], "annotations": annotations},
        "camera": camera,
        "joint_3d": joint_3d,
        "MANO_NeuralAnnot": mano_fits,
    }
    folder = root / "annotations/train"
    folder.mkdir(parents=True)
    for kind, content in contents.items():
        (folder / f"InterHand2.6M_train_{kind}.json").write_text(json.dumps(content))
    (root / "annotations/aid_human_annot_train.txt").write_text("\n".join(map(str, HUMAN)) + "\n")


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def shown(reader) -> list[int]:
    """Annotation ids of a reader's images, found by their names."""
    moments = {f"ROM0{moment}/cam{(400262, 410001)[which]}": k for k, (moment, which) in SHOTS.items()}
    return [moments["/".join(reader[i].sample_id.split("/")[3:5])] for i in range(len(reader))]


def in_camera(truth: Truth, number: int, points: np.ndarray) -> np.ndarray:
    """World millimetres to metres in the camera of an annotation, one point at a time."""
    moment, which = SHOTS[number]
    R, position, _ = truth.cameras["3" if moment == 5 else "0", ("400262", "410001")[which]]
    return np.array([R @ (point - position) / 1000 for point in points.reshape(-1, 3)]).reshape(points.shape)


def test_every_image_has_its_labels_in_its_camera(written, mano):
    """Joints by their names, meshes, K, and what is not valid; in the order of the annotations."""
    root, truth = written
    reader = InterHand26M(root, "train", mano, interacting="any")
    assert shown(reader) == list(SHOTS)
    for number, sample in zip(SHOTS, reader, strict=True):
        moment, which = SHOTS[number]
        known = np.ones((2, 21), bool)
        known[1] &= moment != 2
        if moment == 1:
            known[0], known[1, KEYPOINT_NAMES.index("index_tip")] = False, False
        np.testing.assert_array_equal(sample.known, known)
        np.testing.assert_array_equal(sample.valid, known.any(1))
        expected = in_camera(truth, number, truth.joints[moment]) * known[..., None]
        np.testing.assert_allclose(sample.keypoints, expected, atol=1e-6)
        fitted = np.array([True, moment not in (2, 3)])
        expected = in_camera(truth, number, truth.vertices[moment]) * fitted[:, None, None]
        np.testing.assert_allclose(sample.vertices, expected, atol=2e-6)
        np.testing.assert_array_equal(sample.meshed, fitted & sample.valid)
        K = truth.cameras["3" if moment == 5 else "0", ("400262", "410001")[which]][2]
        np.testing.assert_allclose(sample.K, K, rtol=1e-6)
        assert sample.image.shape == (HEIGHT, WIDTH, 3) and sample.source == "interhand26m-train"


def test_the_mesh_covers_the_hands_of_the_picture(written, mano):
    """Vertices lie on pixels in the colour of a hand, but not when the camera is moved aside."""
    for sample in InterHand26M(written[0], "train", mano):
        pixels = sample.vertices.reshape(-1, 3) @ sample.K.T
        pixels = pixels[:, :2] / pixels[:, 2:]
        assert on_hand(sample.image, pixels).any(1).mean() > 0.88
        assert on_hand(sample.image, pixels + [12, 0]).any(1).mean() < 0.75


def test_labels_can_be_looked_at(written, mano, tmp_path):
    draw_labels(InterHand26M(written[0], "train", mano, interacting="any"), "interhand26m", tmp_path)


@pytest.mark.parametrize(
    "interacting, left_out",
    [("any", []), ("valid", [36, 51]), ("fitted", [36, 51, 50]), ("released", [36, 51, 50, DARK_ID])],
)
def test_each_choice_of_images_leaves_out_more(written, hands, interacting, left_out):
    reader = InterHand26M(written[0], "train", hands, interacting=interacting)
    assert shown(reader) == [number for number in SHOTS if number not in left_out]


@pytest.mark.parametrize("annotation", ["H", "M", "H+M", "all"])
def test_peoples_and_machine_labels_part_the_images(written, hands, annotation):
    reader = InterHand26M(written[0], "train", hands, annotation, "any")
    kinds = {"H": HUMAN, "M": set(SHOTS) - set(HUMAN)}
    assert set(shown(reader)) == set(kinds.get(annotation, SHOTS))


def test_other_hands_than_mano_give_joints_only(written, hands, mano):
    open_, fitted = (InterHand26M(written[0], "train", pair) for pair in (hands, mano))
    assert len(open_) == len(fitted) == 3
    for one, other in zip(open_, fitted, strict=True):
        assert one.vertices is None and other.vertices is not None
        np.testing.assert_array_equal(one.keypoints, other.keypoints)


def test_keypoints_of_the_mesh_are_regressed_from_it(written, mano):
    reader = InterHand26M(written[0], "train", mano, interacting="valid", keypoints="mesh")
    for sample in reader:
        for side, hand in enumerate(mano.hands):
            regressed = hand.keypoints_from_vertices(torch.from_numpy(sample.vertices[side]))
            np.testing.assert_allclose(sample.keypoints[side], regressed, atol=3e-6)
        np.testing.assert_array_equal(sample.valid, sample.meshed)


def test_keypoints_of_the_mesh_need_mano(written, hands):
    with pytest.raises(ValueError, match="docs/data/mano.md"):
        InterHand26M(written[0], "train", hands, keypoints="mesh")


def test_images_of_one_moment_share_a_pose(written, hands):
    reader = InterHand26M(written[0], "train", hands, interacting="any")
    poses = dict(zip(SHOTS, (sample.pose_id for sample in reader), strict=True))
    assert poses[70] == poses[11] and len(set(poses.values())) == len(SHOTS) - 1


def test_many_samples_are_those_one_by_one(written, mano):
    reader = InterHand26M(written[0], "train", mano, interacting="any")
    for i, sample in zip((4, 0, 2), reader.samples([4, 0, 2]), strict=True):
        np.testing.assert_allclose(sample.vertices, reader[i].vertices, atol=1e-6)
        np.testing.assert_array_equal(sample.image, reader[i].image)


def test_crops_hold_both_hands(written, mano):
    for sample in InterHand26M(written[0], "train", mano):
        crop = cropped(sample)
        pixels = crop.pixels[crop.known]
        assert 0 < pixels.min() and pixels.max() < len(crop.image)


def test_the_exported_layout_is_read_back(labelled_shards, hands, tmp_path):
    """Our own exporter and this reader know the layout alike."""
    from renderih_lib.data.rendered import RenderedDataset

    folder = labelled_shards("studio-test")
    reader = InterHand26M(export("interhand", [folder], tmp_path / "out"), "test", hands, interacting="valid")
    ours = RenderedDataset(folder, hands)
    assert len(reader) == len(ours)
    for i, sample in enumerate(reader):
        np.testing.assert_allclose(sample.keypoints, ours[i].keypoints, atol=2e-6)
        np.testing.assert_allclose(sample.pixels, ours[i].pixels, atol=0.02)
        np.testing.assert_array_equal(sample.image, ours[i].image)


def test_an_image_without_a_wrist_that_is_annotated_is_left_out(tree, hands, mano):
    """It could neither be cropped nor compared."""

    def unmark(data):
        for annotation in data["annotations"]:
            if annotation["id"] in (11, 90):
                valid = np.reshape(annotation["joint_valid"], (2, 21))
                valid[: 1 + (annotation["id"] == 11), ORDER.index("wrist")] = 0
                annotation["joint_valid"] = valid.ravel().tolist()

    change(tree, "data", unmark)
    assert shown(InterHand26M(tree, "train", hands, interacting="fitted")) == [70, 35, 90]
    assert shown(InterHand26M(tree, "train", mano, interacting="fitted", keypoints="mesh")) == [
        70,
        11,
        35,
        90,
    ]
    change(tree, "data", lambda data: [a.update(joint_valid=[0] * 42) for a in data["annotations"]])
    with pytest.raises(ValueError, match="no hand in InterHand2.6M's train split has annotated keypoints"):
        InterHand26M(tree, "train", hands)


# The cache


def test_tables_are_kept_only_when_asked_for_and_read_only_once(tree, mano, tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    first = InterHand26M(tree, "train", mano, cache=cache)
    assert len(list(cache.iterdir())) == 1
    monkeypatch.setattr(interhand26m_tables, "_read", lambda *_: pytest.fail("read again"))
    again = InterHand26M(tree, "train", mano, cache=cache)
    for name, value in vars(first.tables).items():
        np.testing.assert_array_equal(value, getattr(again.tables, name))
    with pytest.raises(pytest.fail.Exception):  # other choices, other tables
        InterHand26M(tree, "train", mano, interacting="any", cache=cache)


def test_a_changed_file_is_read_again(tree, mano, tmp_path):
    assert len(InterHand26M(tree, "train", mano, cache=tmp_path / "cache")) == 3
    path = tree / "annotations/train/InterHand2.6M_train_data.json"
    data = json.loads(path.read_text())
    data["annotations"] = [a for a in data["annotations"] if a["id"] != 11]
    path.write_text(json.dumps(data))
    os.utime(path, (1, 1))
    assert len(InterHand26M(tree, "train", mano, cache=tmp_path / "cache")) == 2


def test_a_damaged_cache_is_replaced(tree, mano, tmp_path):
    first = InterHand26M(tree, "train", mano, cache=tmp_path / "cache")
    (path,) = (tmp_path / "cache").iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:300])
    again = InterHand26M(tree, "train", mano, cache=tmp_path / "cache")
    assert len(again) == len(first) and path.stat().st_size == len(whole)


# Faults


def one_error(action, *words, kind=ValueError):
    """The action raises one error of one line with these words, which points to the page."""
    with pytest.raises(kind) as caught:
        action()
    message = str(caught.value)
    assert "\n" not in message and "docs/data/interhand26m.md" in message, message
    assert all(word in message for word in words), message


def change(tree: Path, kind: str, edit) -> None:
    path = tree / f"annotations/train/InterHand2.6M_train_{kind}.json"
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


FAULTS = {
    "camera": (lambda c: c["0"]["camrot"].pop("400262"), "0/camrot/400262"),
    "joint_3d": (lambda c: c["0"].pop("118"), "0/118"),
    "MANO_NeuralAnnot": (lambda c: c["3"]["190"]["left"]["pose"].pop(), "3/190/left/pose"),
    "data": (lambda c: c["annotations"][2].pop("joint_valid"), "annotations 2"),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_broken_entry_is_named(tree, hands, kind):
    edit, entry = FAULTS[kind]
    change(tree, kind, edit)
    file = f"annotations/train/InterHand2.6M_train_{kind}.json"
    one_error(lambda: InterHand26M(tree, "train", hands), file, entry)


@pytest.mark.parametrize("kind", FAULTS)
def test_a_truncated_file_is_named(tree, hands, kind):
    path = tree / f"annotations/train/InterHand2.6M_train_{kind}.json"
    path.write_bytes(path.read_bytes()[:-30])
    one_error(lambda: InterHand26M(tree, "train", hands), path.name, "JSON")


@pytest.mark.parametrize("kind", FAULTS)
def test_a_missing_file_is_named(tree, hands, kind):
    path = tree / f"annotations/train/InterHand2.6M_train_{kind}.json"
    path.unlink()
    one_error(lambda: InterHand26M(tree, "train", hands), path.name, kind=FileNotFoundError)


def test_without_the_list_of_peoples_labels_there_is_no_choice_between_them(tree, hands):
    name = "annotations/aid_human_annot_train.txt"
    one_error(lambda: InterHand26M(tree, "train", hands, "H"), name, kind=FileNotFoundError)


def test_annotations_of_an_unknown_image_are_named(tree, hands):
    change(tree, "data", lambda c: c["images"].pop())
    one_error(lambda: InterHand26M(tree, "train", hands, interacting="any"), "name image 930")


def with_picture(tree: Path, content: bytes) -> Path:
    """A tree of its own pictures, of which that of annotation 11 has this content."""
    source = (tree / "images").resolve()
    (tree / "images").unlink()
    for path in source.rglob("*.jpg"):
        target = tree / "images" / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    target = tree / "images/train/Capture0/ROM00/cam400262/image100.jpg"
    target.write_bytes(content or target.read_bytes()[:500])
    return target


@pytest.mark.parametrize("content", [b"", b"no picture", b"\xff\xd8\xff\xe0"])
@pytest.mark.parametrize("interacting", ["valid", "released"])
def test_a_broken_picture_is_named(tree, hands, content, interacting):
    with_picture(tree, content)
    name = "images/train/Capture0/ROM00/cam400262/image100.jpg"
    one_error(lambda: list(InterHand26M(tree, "train", hands, interacting=interacting)), name)


def test_a_picture_of_another_size_does_not_fit_its_camera(tree, hands):
    path = with_picture(tree, b"")
    Image.new("RGB", (48, 32), "white").save(path)
    reader = InterHand26M(tree, "train", hands)
    one_error(lambda: list(reader), "48 x 32 pixels, its camera is for 192 x 128")


@pytest.mark.parametrize(
    "choice", [{"split": "training"}, {"annotation": "h"}, {"interacting": "both"}, {"keypoints": "joints"}]
)
def test_unknown_choices_are_refused(written, hands, choice):
    with pytest.raises(ValueError, match=f"{next(iter(choice))} must be one of"):
        InterHand26M(**({"root": written[0], "split": "train", "hands": hands} | choice))
