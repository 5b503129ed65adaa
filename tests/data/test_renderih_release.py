"""RenderIH's release, in trees that our exporter writes in its layout."""

import pickle
import shutil

import numpy as np
import pytest
from PIL import Image

from renderih_lib.data.export import export
from renderih_lib.data.export_renderih import FIRST_ID
from renderih_lib.data.export_shots import read_shots
from renderih_lib.data.rendered import RenderedDataset
from renderih_lib.data.renderih_release import RenderIHRelease
from renderih_lib.hand.mano import load_mano_pair
from tests.data.overlays import draw_labels


@pytest.fixture(scope="module")
def shards(labelled_shards):
    return labelled_shards("renderih-train")


@pytest.fixture(scope="module")
def release(shards, mano_folder, tmp_path_factory):
    return export("renderih", [shards], tmp_path_factory.mktemp("release") / "out", mano_folder)


@pytest.fixture
def broken(release, tmp_path):
    """A copy to damage."""
    return shutil.copytree(release, tmp_path / "release")


def test_our_images_come_back_through_the_layout(release, shards, hands):
    """Labels exactly; pictures as far as crops of 48 pixels that became 256 can be compared: by their keypoints."""
    reader, ours = RenderIHRelease(release, hands), RenderedDataset(shards, hands)
    assert len(reader) == len(ours) == 4
    for i, sample in enumerate(reader):
        assert sample.sample_id == f"renderih/train/{FIRST_ID + read_shots(shards).ids[i]}"
        np.testing.assert_allclose(sample.keypoints, ours[i].keypoints, atol=1e-6)
        np.testing.assert_allclose(sample.vertices, ours[i].vertices, atol=1e-5)
        assert sample.image.shape == (256, 256, 3) and sample.valid.all() and sample.meshed.all()
        scale = sample.K[0, 0] / ours[i].K[0, 0]
        shift = sample.K[:2, 2] - scale * ours[i].K[:2, 2]
        np.testing.assert_allclose(sample.pixels, scale * ours[i].pixels + shift, atol=0.02)
        spread = np.ptp(sample.pixels.reshape(-1, 2), axis=0).max()
        assert spread == pytest.approx(0.8 * 256, abs=0.1)


def test_pixels_of_the_crop_are_those_of_the_picture(release, shards, hands):
    """The picture at a crop's pixel, moved by K, has the crop's colour where nothing is resampled away."""
    sample, ours = RenderIHRelease(release, hands)[0], RenderedDataset(shards, hands)[0]
    scale = sample.K[0, 0] / ours.K[0, 0]
    to_ours = ours.K @ np.linalg.inv(sample.K)
    centres = np.array([[x + 0.5, y + 0.5, 1] for x in range(256) for y in range(256)])
    places = centres @ to_ours.T
    offset = scale * np.abs(places[:, :2] % 1 - 0.5).max(1)  # crop's pixels from the centre of ours
    height, width = ours.image.shape[:2]
    columns, rows = np.floor(places[:, :2]).astype(int).T
    inside = (offset < 1) & (columns > 0) & (rows > 0) & (columns < width - 1) & (rows < height - 1)
    assert inside.sum() > 20
    crop = sample.image[centres[inside, 1].astype(int), centres[inside, 0].astype(int)].astype(float)
    whole = ours.image[rows[inside], columns[inside]].astype(float)
    assert np.corrcoef(crop.ravel(), whole.ravel())[0, 1] > 0.95


def test_labels_can_be_looked_at(release, hands, tmp_path):
    draw_labels(RenderIHRelease(release, hands), "renderih", tmp_path)


def test_a_mesh_of_other_hands_is_left_out(release, mano_folder, hands):
    """The fixture's MANO has the open hand's shape, but MANO's choice of finger tips."""
    mano = RenderIHRelease(release, load_mano_pair(mano_folder))[0]
    np.testing.assert_array_equal(mano.keypoints, RenderIHRelease(release, hands)[0].keypoints)
    assert mano.vertices is None


def test_views_of_one_pair_share_a_pose(release, hands):
    poses = [sample.pose_id for sample in RenderIHRelease(release, hands)]
    assert poses[0] == poses[1] != poses[2] == poses[3]


def test_without_mano_parameters_each_image_is_a_pose(shards, hands, tmp_path):
    reader = RenderIHRelease(export("renderih", [shards], tmp_path / "out"), hands)
    assert len({sample.pose_id for sample in reader}) == len(reader)


def number_of(tree) -> str:
    return sorted(path.stem for path in (tree / "train/color_img").iterdir())[0]


def fault(tree, hands, *words, kind=ValueError):
    with pytest.raises(kind) as caught:
        RenderIHRelease(tree, hands)[0]
    message = str(caught.value)
    assert "\n" not in message and "docs/data/renderih.md" in message, message
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    "name", ["train/color_img/{}.jpg", "train/color_annot/{}.pkl", "train/ori_handdict/{}.npy"]
)
def test_a_truncated_or_missing_file_is_named(broken, hands, name):
    name = name.format(number_of(broken))
    path = broken / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    fault(broken, hands, name)
    if not name.endswith("jpg"):
        path.unlink()
        fault(broken, hands, name, kind=FileNotFoundError)


def test_programs_in_pickles_do_not_run(broken, hands, tmp_path):
    class Bomb:
        def __reduce__(self):
            return eval, (f"open({str(tmp_path / 'victim')!r}, 'w')",)

    number = number_of(broken)
    (broken / f"train/color_annot/{number}.pkl").write_bytes(pickle.dumps({"mano_params": Bomb()}))
    fault(broken, hands, f"{number}.pkl", "refused")
    np.save(
        broken / f"train/ori_handdict/{number}.npy", np.array({"right": Bomb()}, object), allow_pickle=True
    )
    fault(broken, hands, f"{number}.npy", "refused")
    assert not (tmp_path / "victim").exists()


def test_wrong_numbers_are_named_with_their_entry(broken, hands):
    path = broken / f"train/ori_handdict/{number_of(broken)}.npy"
    both = np.load(path, allow_pickle=True).item()
    both["left"]["joints3d"][3, 1] = np.nan
    np.save(path, np.array(both, object), allow_pickle=True)
    fault(broken, hands, "left/joints3d", "finite")
    del both["left"]
    np.save(path, np.array(both, object), allow_pickle=True)
    fault(broken, hands, "left: expected named entries")


def test_an_empty_folder_and_other_names_are_named(tmp_path, hands):
    fault(tmp_path, hands, "train/color_img/*.jpg", kind=FileNotFoundError)
    (tmp_path / "train/color_img").mkdir(parents=True)
    Image.new("RGB", (256, 256)).save(tmp_path / "train/color_img/first.jpg")
    fault(tmp_path, hands, "<number>.jpg")
