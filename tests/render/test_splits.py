import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderih_lib.render.skin.baking import TONES
from renderih_lib.render.splits import (
    SPLITS,
    domain_and_split,
    split_environments,
    split_raw,
    split_skins,
)
from renderih_lib.scales import DATASETS

seeds = st.integers(0, 2**32 - 1)


def tones_of(count):
    return {f"skin-{k:02d}": list(TONES)[k % len(TONES)] for k in range(count)}


def kinds_of(rooms, skies, domes, shipped=8):
    counts = {"room": rooms, "sky": skies, "dome": domes, "shipped": shipped}
    return {f"{kind}-{k:04d}": kind for kind, count in counts.items() for k in range(count)}


def test_every_dataset_belongs_to_a_domain_and_a_split():
    pairs = [domain_and_split(dataset) for dataset in DATASETS]
    assert pairs[0] == ("renderih", "train")
    assert {split for _, split in pairs} == set(SPLITS)
    assert {domain for domain, _ in pairs} == {"renderih", "studio", "tabletop", "random", "objects"}


@given(st.integers(2, 5000), seeds)
def test_raw_poses_are_divided_without_rest(count, seed):
    train, test = (split_raw(count, split, seed) for split in SPLITS)
    assert sorted([*train, *test]) == list(range(count))
    assert 1 <= len(test) < count
    assert abs(len(test) - 0.12 * count) <= 1


@given(st.integers(2, 60), seeds)
def test_skins_are_divided_without_rest_and_both_sides_keep_all_tones(count, seed):
    tones = tones_of(count)
    train, test = (split_skins(tones, split, seed) for split in SPLITS)
    assert sorted([*train, *test]) == sorted(tones) and train and test
    if count >= 2 * len(TONES):
        assert {tones[name] for name in train} == {tones[name] for name in test} == set(TONES)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 8), seeds)
def test_places_are_divided_without_rest_and_kinds_with_two_are_on_both_sides(rooms, skies, domes, seed):
    kinds = kinds_of(rooms, skies, domes)
    train, test = (split_environments(kinds, split, seed) for split in SPLITS)
    assert sorted([*train, *test]) == sorted(kinds) and train and test
    common = {kinds[name] for name in train} & {kinds[name] for name in test}
    assert common >= {kind for kind in kinds.values() if list(kinds.values()).count(kind) > 1}


@given(seeds)
def test_tiny_can_be_divided(seed):
    for divided, things in (
        (split_skins, {"a": "", "b": ""}),
        (split_skins, {"a": "white", "b": "black"}),
        (split_environments, kinds_of(1, 1, 1)),
        (split_environments, {"a": "own", "b": "room"}),
    ):
        train, test = (divided(things, split, seed) for split in SPLITS)
        assert train and test and not set(train) & set(test)
    assert len(split_raw(3, "test", seed)) == 1


@settings(max_examples=20)
@given(seeds)
def test_more_of_one_kind_leave_the_others_where_they_were(seed):
    few, many = (split_environments(kinds_of(rooms, 10, 4), "test", seed) for rooms in (12, 40))
    assert [n for n in few if not n.startswith("room")] == [n for n in many if not n.startswith("room")]


def test_the_order_of_names_does_not_matter_and_the_seed_does():
    tones, kinds = tones_of(30), kinds_of(12, 10, 2)
    for divided, things in ((split_skins, tones), (split_environments, kinds)):
        backwards = dict(reversed(things.items()))
        assert divided(things, "test", 5) == divided(backwards, "test", 5)
        assert len({tuple(divided(things, "test", seed)) for seed in range(5)}) > 1
    raw = [tuple(split_raw(100, "test", seed)) for seed in range(5)]
    assert all(a != b for a, b in itertools.combinations(raw, 2))
    np.testing.assert_array_equal(split_raw(100, "test", 0), split_raw(100, "test", 0))


@pytest.mark.parametrize(
    ("divided", "things", "named"),
    [(split_raw, 1, "poses"), (split_skins, {"a": ""}, "skins"), (split_environments, {}, "environments")],
)
def test_what_cannot_be_divided_is_named(divided, things, named):
    with pytest.raises(ValueError, match=rf"^{named} .*train and test need at least one each"):
        divided(things, "train", 0)
