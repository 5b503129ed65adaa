import dataclasses
import json

import pytest
import torch

from renderih_lib.train.checkpoint import Progress, load_checkpoint, run_key, save_checkpoint
from renderih_lib.train.learner import Learner
from renderih_lib.train.mixture import Mixture

IMAGES = range(5)  # a checkpoint asks a dataset for its length alone


@pytest.fixture(scope="module")
def data(noise_batch):
    return noise_batch(4)


@pytest.fixture
def saved(make, short, tmp_path):
    """A folder with the checkpoint of a learner whose training has three steps behind it."""
    rows = tuple({"step": step, "loss": 1 / step} for step in (1, 2, 3))
    save_checkpoint(tmp_path, Learner(make(), short), IMAGES, Progress(3, 1.5, rows))
    return tmp_path


def test_what_was_saved_comes_back(make, short, saved):
    learner = Learner(make(seed=1), short)
    progress = load_checkpoint(saved, learner, IMAGES)
    assert (progress.step, progress.seconds, progress.curve[-1]) == (3, 1.5, {"step": 3, "loss": 1 / 3})
    for name, value in make().state_dict().items():
        assert torch.equal(value, learner.model.state_dict()[name])


def test_an_empty_folder_is_a_beginning(make, short, tmp_path):
    assert load_checkpoint(tmp_path, Learner(make(), short), IMAGES) == Progress()


def test_rows_later_than_the_checkpoint_are_forgotten(make, short, saved):
    """The curve is written first; a crash between the two files leaves it longer."""
    with open(saved / "curve.jsonl", "a") as file:
        file.write(json.dumps({"step": 4, "loss": 0.1}) + "\n")
    assert [row["step"] for row in load_checkpoint(saved, Learner(make(), short), IMAGES).curve] == [1, 2, 3]


def test_other_settings_or_images_do_not_continue_a_run(make, short, saved):
    faster = Learner(make(), dataclasses.replace(short, learning_rate=1.0))
    with pytest.raises(ValueError, match="another learning_rate"):
        load_checkpoint(saved, faster, IMAGES)
    for other in (range(6), Mixture([range(2), range(3)]), Mixture([range(5), range(5)], [2, 1])):
        with pytest.raises(ValueError, match="another mixture of images"):
            load_checkpoint(saved, Learner(make(), short), other)


def test_how_often_to_save_may_change(make, short, saved):
    often = Learner(make(), dataclasses.replace(short, save_every=1, log_every=3))
    assert load_checkpoint(saved, often, IMAGES).step == 3


def test_another_network_does_not_continue_a_run(make, short, saved):
    with pytest.raises(ValueError, match="holds another network"):
        load_checkpoint(saved, Learner(make(lateral=False), short), IMAGES)


@pytest.mark.parametrize(
    "damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"x" * 99]
)
def test_a_damaged_checkpoint_says_what_to_do(make, short, saved, damage):
    path = saved / "checkpoint.pt"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match="checkpoint.pt cannot be read; delete it and train again"):
        load_checkpoint(saved, Learner(make(), short), IMAGES)


def test_a_run_is_named_by_its_network_images_and_settings(make, data, short):
    key = run_key(make(), data, short)
    brighter = data.replace(images=data.images.clone())
    brighter.images[2, 0, 0, 0] ^= 1
    others = [
        run_key(make(), brighter, short),
        run_key(make(), data, dataclasses.replace(short, seed=1)),
        run_key(make(lateral=False), data, short),
    ]
    assert key == run_key(make(), data, short) and len({key, *others}) == 4
