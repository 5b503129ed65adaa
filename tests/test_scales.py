"""Sizes of each scale."""

import dataclasses
import itertools

import pytest

from renderih_lib.claims import published
from renderih_lib.scales import DATASETS, NAMES, STAND_INS, Scale, scale_by_name


def test_an_unknown_scale_names_the_known_ones():
    with pytest.raises(ValueError, match="'huge'.*tiny, demo, gpu, paper"):
        scale_by_name("huge")


def test_an_unknown_dataset_names_the_known_ones():
    with pytest.raises(ValueError, match="gallery, renderih-train, renderih-test"):
        scale_by_name("tiny").images("validation")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dataset", DATASETS)
def test_shards_hold_all_images_and_none_is_empty(name, dataset):
    sizes = scale_by_name(name)
    assert (sizes.shards(dataset) - 1) * sizes.shard_images < sizes.images(dataset)
    assert sizes.shards(dataset) * sizes.shard_images >= sizes.images(dataset)


def test_no_size_shrinks_from_tiny_to_paper():
    counts = [field.name for field in dataclasses.fields(Scale) if field.type in (int, float)]
    for name in counts:
        values = [getattr(scale_by_name(scale), name) for scale in NAMES]
        assert values == sorted(values), name


def test_the_paper_scale_has_the_papers_sizes():
    sizes = scale_by_name("paper")
    assert (sizes.pairs, sizes.augmentations, sizes.textures) == (110_400, 30, 30)
    assert (sizes.gallery_width, sizes.gallery_height, sizes.image_size, sizes.batch) == (512, 334, 256, 64)
    assert sizes.images("renderih-train") + sizes.images("renderih-test") == 1_020_000


def test_the_paper_scale_has_three_hundred_places_to_render_in():
    sizes = scale_by_name("paper")
    assert 8 + sizes.rooms + sizes.skies == 300  # eight come with bpy
    assert sizes.panorama_width >= 2_048


def test_stand_ins_are_as_large_as_what_they_stand_in_for():
    sizes = scale_by_name("paper")
    assert sizes.images("studio-train") == published("Network", "training images of InterHand2.6M")
    compared = published("Network", "samples of each set in Tables 7 and 8")
    assert {sizes.images(name) for name in DATASETS if name.startswith(("random", "objects"))} == {compared}


def test_every_dataset_but_the_gallery_has_a_role_in_the_experiments():
    assert {"gallery", *STAND_INS.values()} == set(DATASETS)


def test_a_larger_scale_has_the_points_of_a_smaller_one():
    for small, large in itertools.pairwise(map(scale_by_name, NAMES)):
        assert set(small.real_shares) <= set(large.real_shares)
        assert set(small.synthetic_shares) <= set(large.synthetic_shares)


def test_demo_and_above_have_as_many_seeds_as_their_tables_promise():
    assert [scale_by_name(name).experiment_seeds for name in NAMES] == [1, 1, 3, 3]
