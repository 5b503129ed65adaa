"""What every reader of a dataset does: labels in place, meshes only with MANO, faults as one clear error."""

import dataclasses
import pickle
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderih_lib.data.crops import cropped
from renderih_lib.data.reader import Reader, camera_matrix
from renderih_lib.data.samples import collate
from renderih_lib.hand.skeleton import SIDES
from tests.data.overlays import draw_labels
from tests.data.trees import LAYOUTS, share_on_hand


@pytest.fixture(scope="module", params=LAYOUTS)
def written(request, tmp_path_factory, mano_hands):
    """A layout, its root, and the scenes in it; not to be damaged."""
    root = tmp_path_factory.mktemp(request.param)
    return request.param, root, LAYOUTS[request.param].write(root, mano_hands)


@pytest.fixture(params=LAYOUTS)
def tree(request, tmp_path, mano_hands):
    """A layout and a root that may be damaged."""
    LAYOUTS[request.param].write(tmp_path, mano_hands)
    return request.param, tmp_path


def only_error(asset: str, root, hands, name: str, *words: str) -> str:
    """Reading the first sample raises one error, which names a file below the root and the dataset's page."""
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        LAYOUTS[asset].reader(root, hands)[0]
    message = str(caught.value)
    assert message.startswith(f"{asset}: {name}") and f"docs/data/{asset}.md" in message, message
    assert all(word in message for word in words) and "\n" not in message, message
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return message


def test_a_reader_is_indexed_through_its_samples():
    class Squares(Reader):
        def __len__(self):
            return 4

        def samples(self, indices):
            return [range(len(self))[i] ** 2 for i in indices]

    assert list(Squares()) == [0, 1, 4, 9] and Squares()[-1] == 9


def test_labels_of_the_first_sample_are_those_that_were_written(written, mano_hands):
    asset, root, scenes = written
    layout = LAYOUTS[asset]
    sample, scene = layout.reader(root, mano_hands)[0], scenes[0]
    sides = list(layout.sides)
    assert sample.known.all(1).tolist() == [side in sides for side in range(2)]
    np.testing.assert_allclose(sample.keypoints[sides], scene.keypoints[sides], atol=1e-5)
    np.testing.assert_allclose(sample.K, scene.K, rtol=1e-4)
    assert not sample.keypoints[~sample.valid].any()
    assert sample.source == asset and sample.sample_id.startswith(asset)
    if asset != "ego3dhands":
        np.testing.assert_allclose(sample.vertices[sides], scene.vertices[sides], atol=1e-4)
        assert sample.meshed.tolist() == sample.valid.tolist()


def test_keypoints_lie_on_their_hand_in_the_picture(written, mano_hands):
    asset, root, _ = written
    reader = LAYOUTS[asset].reader(root, mano_hands)
    shares = [share_on_hand(sample) for sample in reader.samples(range(len(reader))) if sample.valid.any()]
    assert min(shares) > 0.8


def test_a_shifted_camera_is_seen_in_the_picture(written, mano_hands):
    """The check above can fail."""
    asset, root, _ = written
    sample = LAYOUTS[asset].reader(root, mano_hands)[0]
    moved = sample.K + np.array([[0, 0, 40], [0, 0, 0], [0, 0, 0]], np.float32)
    assert share_on_hand(dataclasses.replace(sample, K=moved)) < 0.8


def test_other_hands_than_mano_get_no_mesh_of_mano(written, hands, mano_hands):
    asset, root, _ = written
    sample = LAYOUTS[asset].reader(root, hands)[0]
    assert sample.vertices is None
    np.testing.assert_array_equal(sample.keypoints, LAYOUTS[asset].reader(root, mano_hands)[0].keypoints)


def test_a_reader_is_a_sequence_that_can_be_sent_to_a_worker(written, mano_hands):
    asset, root, _ = written
    reader = pickle.loads(pickle.dumps(LAYOUTS[asset].reader(root, mano_hands)))
    first, last = reader.samples([0, len(reader) - 1])
    assert reader[-1].sample_id == last.sample_id != first.sample_id
    with pytest.raises(IndexError):
        reader[len(reader)]
    ids = [sample.sample_id for sample in reader]
    assert len(set(ids)) == len(ids) == len(reader)


def test_samples_make_a_batch_after_cropping(written, mano_hands):
    asset, root, _ = written
    reader = LAYOUTS[asset].reader(root, mano_hands)
    batch = collate([cropped(sample) for sample in reader if sample.valid.any()], 32)
    assert batch.mesh_valid.tolist() == (batch.valid & (asset != "ego3dhands")).tolist()
    hit = batch.pixels[batch.keypoint_valid]
    assert hit.min() > 0 and hit.max() < 32


def test_a_missing_folder_is_named(tmp_path, mano_hands):
    for asset, layout in LAYOUTS.items():
        with pytest.raises(FileNotFoundError, match=f"nowhere: no such folder; see docs/data/{asset}.md"):
            layout.reader(tmp_path / "nowhere", mano_hands)


def test_an_empty_folder_says_what_was_expected(tmp_path, mano_hands):
    for asset, layout in LAYOUTS.items():
        with pytest.raises(FileNotFoundError, match=f"^{asset}: .*see docs/data/{asset}.md"):
            layout.reader(tmp_path, mano_hands)


def test_a_truncated_image_is_named(tree, mano_hands):
    asset, root = tree
    path = root / LAYOUTS[asset].image
    path.write_bytes(path.read_bytes()[:-600])
    only_error(asset, root, mano_hands, LAYOUTS[asset].image, "not readable as an image", "unpack it again")


def test_a_missing_image_is_named(tree, mano_hands):
    asset, root = tree
    if asset == "tzionas":
        pytest.skip("its frames are those that have an image")
    (root / LAYOUTS[asset].image).unlink()
    only_error(asset, root, mano_hands, LAYOUTS[asset].image, "No such file", "download")


def test_truncated_labels_are_named(tree, mano_hands):
    asset, root = tree
    path = root / LAYOUTS[asset].labels
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    only_error(asset, root, mano_hands, LAYOUTS[asset].labels, "unpack it again")


def test_labels_of_another_kind_are_named(tree, mano_hands):
    asset, root = tree
    (root / LAYOUTS[asset].labels).write_bytes(b"<html>please log in</html>")
    only_error(asset, root, mano_hands, LAYOUTS[asset].labels)


def test_hands_behind_the_camera_in_another_unit_or_order_are_no_labels(written, mano_hands, monkeypatch):
    """Conventions that could not be tried on the real data are checked on each sample."""
    asset, root, _ = written
    reader = LAYOUTS[asset].reader(root, mano_hands)
    make = type(reader)._sample
    changes = {
        "behind the camera": lambda hand: hand._replace(keypoints=hand.keypoints * [1, -1, -1]),
        "from wrist to middle MCP": lambda hand: hand._replace(keypoints=1000 * hand.keypoints),
    }
    if asset != "ego3dhands":
        changes["from those of its mesh"] = lambda hand: hand._replace(vertices=hand.vertices + [0, 0.02, 0])
    for words, change in changes.items():

        def changed(self, name, labelled, change=change, **rest):
            return make(self, name, {side: change(hand) for side, hand in labelled.items()}, **rest)

        monkeypatch.setattr(type(reader), "_sample", changed)
        with pytest.raises(ValueError, match=f"{re.escape(asset)}: .*{words}.*; see docs/data/{asset}.md"):
            reader[0]


@settings(max_examples=20, deadline=None)
@given(st.floats(-2, 2), st.floats(-2, 2), st.floats(0.2, 3))
def test_a_camera_matrix_moves_the_centre_of_pixels_by_half(x, y, z):
    theirs = np.array([500 * x / z + 319.5, 510 * y / z + 239.5])  # pixel centres at integers
    ours = camera_matrix(500, 510, 319.5, 239.5) @ [x, y, z]
    np.testing.assert_allclose(ours[:2] / ours[2], theirs + 0.5)


def test_the_hands_of_a_sample_are_right_and_left(written, mano_hands):
    """Thumbs tell them apart: seen from the back with fingers up, a right thumb is on the left."""
    asset, root, _ = written
    for sample in LAYOUTS[asset].reader(root, mano_hands).samples([0]):
        for side in np.flatnonzero(sample.valid):
            wrist, index, pinky, thumb = sample.keypoints[side][[0, 5, 17, 2]].astype(float)
            volume = np.dot(np.cross(index - wrist, pinky - wrist), thumb - wrist)
            rest = mano_hands.hands[side].keypoints_from_vertices(mano_hands.hands[side].template).numpy()
            expected = np.dot(np.cross(rest[5] - rest[0], rest[17] - rest[0]), rest[2] - rest[0])
            assert np.sign(volume) == np.sign(expected), SIDES[side]


def test_labels_can_be_looked_at(written, mano_hands, tmp_path):
    asset, root, _ = written
    draw_labels(LAYOUTS[asset].reader(root, mano_hands), asset, tmp_path)
