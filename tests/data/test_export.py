"""Exporters: what other code reads back are our images, points and hands."""

import json
import os
import pickle
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.spatial.transform import Rotation

from renderih_lib.data import export as module
from renderih_lib.data.export import FORMATS, export, main
from renderih_lib.data.export_coco import run_lengths
from renderih_lib.data.export_interhand import TIP_FIRST, skeleton_lines, tip_first
from renderih_lib.data.export_renderih import FIRST_ID, SIZE
from renderih_lib.data.export_shots import box, read_shots
from renderih_lib.hand.skeleton import KEYPOINT_NAMES
from renderih_lib.pose.recorded import read_interhand


@pytest.fixture(scope="module")
def train(labelled_shards):
    return labelled_shards("renderih-train")


@pytest.fixture(scope="module")
def test(labelled_shards):
    return labelled_shards("renderih-test")


@pytest.fixture(scope="module")
def trees(train, test, mano_folder, tmp_path_factory):
    """Format -> exported tree of both datasets, with MANO parameters."""
    out = tmp_path_factory.mktemp("trees")
    return {name: export(name, [train, test], out / name, mano_folder) for name in module.TREES}


def interhand_json(tree, name, split="train"):
    return json.loads((tree / f"annotations/{split}/InterHand2.6M_{split}_{name}.json").read_text())


def coco_json(tree, split="train"):
    return tree / f"annotations/hand_keypoints_{split}.json"


def our_pixels(folder):
    """Stored keypoints by image number: (2, 21, 2) pixels."""
    shots = read_shots(folder)
    stored = np.stack(shots.rows["keypoints_2d"]).reshape(-1, 2, 21, 2)
    return dict(zip(shots.ids.tolist(), stored, strict=True))


# InterHand2.6M


@pytest.mark.parametrize("split", ["train", "test"])
def test_interhand_joints_seen_through_its_cameras_are_our_keypoints(trees, train, test, split):
    data, camera, joints = (
        interhand_json(trees["interhand"], name, split) for name in ("data", "camera", "joint_3d")
    )
    pixels = our_pixels({"train": train, "test": test}[split])
    assert len(data["images"]) == len(pixels) == 4
    for image in data["images"]:
        capture, name = str(image["capture"]), image["camera"]
        own = {key: np.array(camera[capture][key][name]) for key in ("campos", "camrot", "focal", "princpt")}
        world = np.array(joints[capture][str(image["frame_idx"])]["world_coord"])
        x, y, z = own["camrot"] @ (world - own["campos"]).T
        seen = np.stack([x / z, y / z], 1) * own["focal"] + own["princpt"]
        for side in range(2):
            ordered = pixels[image["id"]][side][list(TIP_FIRST)]
            np.testing.assert_allclose(seen[21 * side : 21 * side + 21], ordered, atol=0.01)


def test_interhand_order_is_tips_first_with_the_wrist_last():
    order = [KEYPOINT_NAMES[i] for i in TIP_FIRST]
    assert order[0] == "thumb_tip" and order[4] == "index_tip" and order[20] == "wrist"
    assert order[11] == "middle_root" and sorted(order) == sorted(KEYPOINT_NAMES)
    points = np.arange(2 * 21 * 3).reshape(2, 21, 3)
    np.testing.assert_array_equal(tip_first(points)[[20, 41]], points[:, 0])


def test_the_interhand_skeleton_is_a_tree_from_two_wrists():
    rows = [line.split() for line in skeleton_lines()[1:]]
    parents = {int(joint): int(parent) for _, joint, parent in rows}
    assert sorted(parents) == list(range(42)) and [j for j, p in parents.items() if p == -1] == [20, 41]
    assert dict((name, int(joint)) for name, joint, _ in rows)["l_index4"] == 25
    assert all(parent // 21 == joint // 21 for joint, parent in parents.items() if parent >= 0)


def test_interhand_pictures_are_the_bytes_of_the_shard(trees, train):
    shots = read_shots(train)
    for i, image in enumerate(interhand_json(trees["interhand"], "data")["images"]):
        path = trees["interhand"] / "images/train" / image["file_name"]
        assert path.read_bytes() == shots.image(i)
        assert Image.open(path).size == (image["width"], image["height"])


def test_interhand_boxes_hold_both_hands(trees, train):
    shots = read_shots(train)
    for i, annotation in enumerate(interhand_json(trees["interhand"], "data")["annotations"]):
        x, y, width, height = map(int, annotation["bbox"])
        union = shots.masks(i).any(0)
        assert union[y : y + height, x : x + width].sum() == union.sum()
        assert annotation["hand_type"] == "interacting" and len(annotation["joint_valid"]) == 42


def test_our_reader_gets_the_same_poses_from_the_mano_file(trees, train, mano_folder, hands):
    """These MANO files hold the open hand, so angles and the right wrist must come back."""
    found = read_interhand(trees["interhand"], mano_folder)
    assert len(found.pairs) == 2 and found.pair_names[0].startswith("interhand26m/train/Capture0/")
    ours = read_shots(train).pose([0, 2]).to(torch.float32)
    np.testing.assert_allclose(found.pairs.angles, ours.angles, atol=2e-4)
    np.testing.assert_allclose(found.pairs.wrist, ours.wrist, atol=1e-5)
    wrist = [hands(ours).joints[:, 0, 0], found.hands(found.pairs).joints[:, 0, 0]]
    np.testing.assert_allclose(*wrist, atol=1e-5)


def test_without_mano_every_fit_is_null(train, tmp_path):
    export("interhand", [train], tmp_path / "out")
    fits = interhand_json(tmp_path / "out", "MANO_NeuralAnnot")["0"]
    assert fits == {"0": {"right": None, "left": None}, "1": {"right": None, "left": None}}


def test_images_of_one_frame_must_show_one_pose(train, tmp_path, monkeypatch):
    shots = read_shots(train)
    shots.frames.setflags(write=True)
    shots.frames[:] = 0
    monkeypatch.setattr(module, "read_shots", lambda folder: shots)
    with pytest.raises(ValueError, match="share frame 0 but not the pose"):
        export("interhand", [train], tmp_path / "out")


# COCO


def test_pycocotools_reads_points_masks_and_boxes(trees, train, capsys):
    coco_module = pytest.importorskip("pycocotools.coco")
    coco, shots, pixels = coco_module.COCO(coco_json(trees["coco"])), read_shots(train), our_pixels(train)
    assert len(coco.getImgIds()) == 4 and len(coco.getAnnIds()) == 8
    for i, number in enumerate(shots.ids.tolist()):
        parts = shots.pixels_of(i, "parts")
        for side in range(2):
            (annotation,) = coco.loadAnns(coco.getAnnIds(imgIds=number, catIds=side + 1))
            mask = (parts > 16 * side) & (parts <= 16 * side + 16)
            np.testing.assert_array_equal(coco.annToMask(annotation), mask)
            assert annotation["area"] == mask.sum() and annotation["bbox"] == box(mask)
            points = np.array(annotation["keypoints"]).reshape(21, 3)
            labelled = points[:, 2] > 0
            np.testing.assert_allclose(points[labelled, :2], pixels[number][side][labelled], atol=0.01)
            np.testing.assert_array_equal(points[labelled, 2] == 2, shots.visible[i, side][labelled])
            assert annotation["num_keypoints"] == labelled.sum() == 21


def test_coco_points_in_space_project_to_its_points_in_the_picture(trees):
    content = json.loads(coco_json(trees["coco"], "test").read_text())
    cameras = {image["id"]: np.array(image["camera"]["K"]) for image in content["images"]}
    for annotation in content["annotations"]:
        image = np.array(annotation["keypoints_3d"]) @ cameras[annotation["image_id"]].T
        flat = np.array(annotation["keypoints"]).reshape(21, 3)
        np.testing.assert_allclose(image[:, :2] / image[:, 2:], flat[:, :2], atol=0.01)
    assert [category["name"] for category in content["categories"]] == ["right_hand", "left_hand"]


def test_coco_scores_its_own_points_perfectly(trees, capsys):
    """OKS of the labels against themselves is 1: ids, areas and flags are as the evaluator expects them."""
    pytest.importorskip("pycocotools")
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth = COCO(coco_json(trees["coco"]))
    keys = ("image_id", "category_id", "keypoints")
    found = truth.loadRes([{k: a[k] for k in keys} | {"score": 1.0} for a in truth.anns.values()])
    judge = COCOeval(truth, found, "keypoints")
    judge.params.kpt_oks_sigmas = np.full(21, 0.05)
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    assert judge.stats[0] == pytest.approx(1)


def test_points_outside_the_picture_are_not_labelled(train, tmp_path, monkeypatch):
    shots = read_shots(train)
    shots.K[:, 0, 2] -= 40  # the picture now misses what was left of column 40
    monkeypatch.setattr(module, "read_shots", lambda folder: shots)
    export("coco", [train], tmp_path / "out")
    for annotation in json.loads(coco_json(tmp_path / "out").read_text())["annotations"]:
        x, y, flag = np.array(annotation["keypoints"]).reshape(21, 3).T
        assert (x >= 0).all() and (x[flag == 0] == 0).all() and (y[flag == 0] == 0).all()
        assert annotation["num_keypoints"] == (flag > 0).sum() < 21


@pytest.mark.parametrize("filled", [0.0, 0.3, 1.0])
def test_run_lengths_are_what_pycocotools_counts(filled):
    mask_module = pytest.importorskip("pycocotools.mask")
    mask = np.random.default_rng(0).random((13, 7)) < filled
    ours = run_lengths(mask)
    rle = mask_module.frPyObjects(ours, *mask.shape)
    np.testing.assert_array_equal(mask_module.decode(rle), mask)
    assert mask_module.encode(np.asfortranarray(mask.astype(np.uint8))) == rle


# RenderIH


def renderih_files(tree, number, split="train"):
    folder = tree / split
    annotation = pickle.loads((folder / f"color_annot/{number}.pkl").read_bytes())
    hands = np.load(folder / f"ori_handdict/{number}.npy", allow_pickle=True).item()
    return Image.open(folder / f"color_img/{number}.jpg"), annotation, hands


def test_renderih_points_project_into_the_crop(trees, train):
    shots = read_shots(train)
    for i, number in enumerate(shots.ids.tolist()):
        image, annotation, hands = renderih_files(trees["renderih"], FIRST_ID + number)
        assert image.size == (SIZE, SIZE)
        K = annotation["camera"]["camera"]
        both = np.concatenate([hands[side]["joints2d"] for side in ("right", "left")])
        assert np.ptp(both, 0).max() == pytest.approx(0.8 * SIZE, abs=0.01)
        np.testing.assert_allclose((both.min(0) + both.max(0)) / 2, SIZE / 2, atol=0.01)
        for side, name in enumerate(("right", "left")):
            for kind in ("joints", "verts"):
                seen = hands[name][f"{kind}3d"] @ K.T
                np.testing.assert_allclose(seen[:, :2] / seen[:, 2:], hands[name][f"{kind}2d"], atol=0.01)
            # the crop is a scaled and shifted picture, so its camera gives back our pixels
            back = np.linalg.solve(
                K @ np.linalg.inv(shots.K[i]), np.c_[hands[name]["joints2d"], np.ones(21)].T
            )
            np.testing.assert_allclose(back[:2].T, our_pixels(train)[number][side], atol=0.01)


def test_renderih_crops_show_what_the_picture_shows(train, tmp_path, monkeypatch):
    """A picture painted with its own coordinates must give them back through the crop's camera."""
    shots = read_shots(train)
    height, width = shots.pixels_of(0, "image").shape[:2]
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    painted = np.stack([2 * x, 2 * y, 0 * x + 128], -1).astype(np.uint8)
    monkeypatch.setattr(type(shots), "pixels_of", lambda self, i, name: painted)
    tree = export("renderih", [train], tmp_path / "out")
    for i, number in enumerate(shots.ids.tolist()):
        image, annotation, hands = renderih_files(tree, FIRST_ID + number)
        K, pixels = annotation["camera"]["camera"], np.asarray(image).astype(float)
        points = np.round(hands["right"]["joints2d"][5:9]).astype(int)
        back = np.linalg.solve(K @ np.linalg.inv(shots.K[i]), np.c_[points + 0.5, np.ones(4)].T)[:2].T
        np.testing.assert_allclose(pixels[points[:, 1], points[:, 0], :2] / 2, back, atol=1.5)


def test_renderih_vertices_carry_their_joints(trees, train, hands):
    """Tips are vertices, so both must agree, hand by hand."""
    for number in read_shots(train).ids.tolist():
        _, _, both = renderih_files(trees["renderih"], FIRST_ID + number)
        for name, hand in zip(("right", "left"), hands.hands, strict=True):
            tips = both[name]["verts3d"][hand.tip_vertices.numpy()]
            np.testing.assert_allclose(tips, both[name]["joints3d"][4::4], atol=1e-5)


def test_renderih_mano_parameters_agree_with_each_other(trees, train, mano_folder):
    from renderih_lib.hand.mano import mano_pose_space

    for number in read_shots(train).ids.tolist():
        _, annotation, hands = renderih_files(trees["renderih"], FIRST_ID + number)
        for side, parameters in annotation["mano_params"].items():
            _, components = mano_pose_space(mano_folder / f"MANO_{side.upper()}.pkl", side)
            np.testing.assert_allclose(
                parameters["pose"] @ components, parameters["oripose"][None, 3:], atol=1e-9
            )
            root = Rotation.from_rotvec(parameters["oripose"][:3]).as_matrix()
            np.testing.assert_allclose(annotation["camera"]["R"] @ root, hands[side]["R"], atol=1e-6)
            assert parameters["trans"].shape == (1, 3) and parameters["shape"].shape == (1, 10)


def test_renderih_without_mano_says_that_nothing_is_known(train, tmp_path):
    tree = export("renderih", [train], tmp_path / "out")
    _, annotation, hands = renderih_files(tree, FIRST_ID)
    assert (
        annotation["mano_params"] is None and hands["left"]["pose"] is None and hands["left"]["shape"] is None
    )


# Croissant


def test_mlcroissant_accepts_the_description_and_reads_our_records(train, caplog):
    croissant = pytest.importorskip("mlcroissant")
    path = export("croissant", [train], train.parent)
    description = croissant.Dataset(jsonld=path)
    assert not description.metadata.issues.errors and "not standard" not in caplog.text
    records = list(description.records("renderih-train"))
    shots = read_shots(train)
    assert len(records) == len(shots) == 4
    for record, K in zip(sorted(records, key=lambda r: r["renderih-train/key"]), shots.K, strict=True):
        np.testing.assert_allclose(record["renderih-train/K"], K.ravel())


def test_the_description_names_every_file_with_its_hash(train):
    import hashlib

    content = json.loads(export("croissant", [train], train.parent).read_text())
    files = [entry for entry in content["distribution"] if entry["@type"] == "cr:FileObject"]
    assert len(files) == 4
    for entry in files:
        data = (train.parent / entry["contentUrl"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == entry["sha256"]
        assert entry["contentSize"] == f"{len(data)} B"
    for name in ("@context", "@type", "name", "description", "conformsTo", "license", "url", "recordSet"):
        assert content[name]


def test_shards_outside_the_described_folder_are_refused(train, tmp_path):
    with pytest.raises(ValueError, match="is not inside"):
        export("croissant", [train], tmp_path)


# All of them


@pytest.mark.parametrize("format", module.TREES)
def test_the_same_shards_give_the_same_bytes(format, trees, train, test, mano_folder, tmp_path):
    again = export(format, [train, test], tmp_path / "again", mano_folder)
    files = sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert files == sorted(p.relative_to(trees[format]) for p in trees[format].rglob("*") if p.is_file())
    assert all((again / name).read_bytes() == (trees[format] / name).read_bytes() for name in files)


@pytest.mark.parametrize("format", module.TREES)
def test_an_export_that_fails_leaves_nothing(format, train, tmp_path, monkeypatch):
    def full(self, i, name=None):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.read_shots(train).__class__, "pixels_of", full)
    with pytest.raises(OSError, match="No space left"):
        export(format, [train], tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format", module.TREES)
def test_an_existing_export_is_never_overwritten(format, train, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("keep")
    with pytest.raises(ValueError, match="is there already"):
        export(format, [train], tmp_path / "out")
    assert (tmp_path / "out" / "mine.txt").read_text() == "keep"


def test_a_damaged_mask_is_named(train, tmp_path):
    folder = shutil.copytree(train, tmp_path / "damaged")
    tar = folder / "shard-00001.tar"
    tar.write_bytes(bytes(tar.stat().st_size))
    with pytest.raises(ValueError, match="00000002 in .*shard-00001.tar cannot be decoded"):
        export("coco", [folder], tmp_path / "out")


@pytest.mark.parametrize("format", FORMATS)
def test_a_folder_without_shards_says_what_to_run(format, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    out = tmp_path if format == "croissant" else tmp_path / "out"
    assert main(["--format", format, "--shards", str(tmp_path / "empty"), "--out", str(out)]) == 1
    assert "run the render worker first" in capsys.readouterr().err


def test_unknown_formats_are_named(train, tmp_path):
    with pytest.raises(ValueError, match="format is 'voc'; choose one of interhand"):
        export("voc", [train], tmp_path / "out")


def test_two_datasets_of_one_split_are_refused(train, tmp_path):
    with pytest.raises(ValueError, match="two of the folders are of split 'train'"):
        export("coco", [train, train], tmp_path / "out")


def test_a_missing_mano_file_is_named(train, tmp_path, capsys):
    arguments = ["--format", "interhand", "--shards", str(train), "--out", str(tmp_path / "out")]
    assert main([*arguments, "--mano", str(tmp_path)]) == 1
    assert "MANO_RIGHT.pkl" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_persons_have_the_same_number_in_every_dataset(train, test, labelled_shards):
    first, second = read_shots(train), read_shots(labelled_shards("objects-train"))
    assert first.persons == second.persons and len(set(first.persons)) == 2
    assert not set(first.persons) & set(read_shots(test).persons)


def test_the_command_exports(train, tmp_path):
    command = [sys.executable, "-m", "renderih_lib.data.export", "--format", "coco"]
    answer = subprocess.run(
        [*command, "--shards", str(train), "--out", str(tmp_path / "out")],
        capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    assert len(list((tmp_path / "out/images/train").iterdir())) == 4
