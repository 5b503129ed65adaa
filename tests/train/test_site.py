import dataclasses

import pytest

from renderih_lib.data.samples import SampleBatch
from renderih_lib.scales import STAND_INS, scale_by_name
from renderih_lib.train.experiments import EXPERIMENTS, TESTS
from renderih_lib.train.site import Site, contents


@pytest.fixture
def site(write_noise_shard, tmp_path):
    for number, role in enumerate(("interhand26m-train", TESTS[0])):
        folder = tmp_path / "datasets" / STAND_INS[role]
        folder.mkdir(parents=True)
        write_noise_shard(folder, 2, number)
    return Site(scale_by_name("tiny"), tmp_path / "datasets", tmp_path / "experiments")


def test_sets_are_loaded_once_a_quarter_larger_than_the_input(site):
    hands = site.hands(EXPERIMENTS["real"])
    assert hands is site.hands(EXPERIMENTS["mixed"])
    images = site.images("interhand26m-train", hands)
    assert isinstance(images, SampleBatch) and images.size == 5 * site.sizes.image_size // 4
    assert site.images("interhand26m-train", hands) is images


def test_other_images_are_told_from_these(site):
    hands = site.hands(EXPERIMENTS["real"])
    one, other = (contents(site.source(role, hands)) for role in ("interhand26m-train", TESTS[0]))
    assert one[1:2] == other[1:2] == ["2"] and one[2] != other[2]
    again = dataclasses.replace(site, out=site.out / "elsewhere")
    assert contents(again.source("interhand26m-train", hands)) == one


def test_a_missing_set_is_a_wrong_input_not_an_output_that_cannot_be_written(site):
    with pytest.raises(ValueError, match="tabletop-test"):
        site.source("tzionas-test", site.hands(EXPERIMENTS["real"]))
