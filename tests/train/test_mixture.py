from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from renderih_lib.train.mixture import (
    Mixture,
    Subset,
    batch_indices,
    images_per_epoch,
    prefetch,
    subset,
    subset_indices,
)


class Numbers:
    """A dataset of nothing but a length, which remembers what it was told to read ahead."""

    def __init__(self, count: int):
        self.count, self.ahead = count, []

    def __len__(self) -> int:
        return self.count

    def prefetch(self, indices) -> None:
        self.ahead.append(indices.tolist())


counts = st.lists(st.integers(1, 40), min_size=1, max_size=4)
small = settings(max_examples=40, deadline=None)


@small
@given(count=st.integers(3, 50), batch=st.integers(1, 12), seed=st.integers(0, 5))
def test_an_epoch_shows_each_image_at_most_once(count, batch, seed):
    data = Numbers(count)
    steps = count // min(batch, count)
    seen = np.concatenate([batch_indices(data, batch, seed, step) for step in range(steps)])
    assert len(set(seen.tolist())) == len(seen) == steps * min(batch, count)


@small
@given(sizes=counts, batch=st.integers(1, 8), seed=st.integers(0, 3), step=st.integers(0, 30))
def test_a_steps_images_follow_from_seed_and_step_alone(sizes, batch, seed, step):
    wanted = batch_indices(Mixture([Numbers(n) for n in sizes]), batch, seed, step)
    other = Mixture([Numbers(n) for n in sizes])
    batch_indices(other, batch, seed, step + 100)  # another order of asking
    assert batch_indices(other, batch, seed, step).tolist() == wanted.tolist()


def test_another_seed_is_another_order():
    orders = {tuple(batch_indices(Numbers(50), 50, seed, 0)) for seed in range(3)}
    assert len(orders) == 3 and {tuple(sorted(order)) for order in orders} == {tuple(range(50))}


@small
@given(sizes=counts)
def test_a_mixture_without_weights_shows_every_image_once_an_epoch(sizes):
    mixture = Mixture([Numbers(n) for n in sizes])
    seen = batch_indices(mixture, len(mixture), 0, 3)
    assert sorted(seen.tolist()) == list(range(sum(sizes)))


@small
@given(
    sizes=st.lists(st.integers(5, 40), min_size=2, max_size=3),
    shares=st.lists(st.floats(1, 3), min_size=3, max_size=3),
    epochs=st.integers(1, 6),
)
def test_weights_are_shares_of_the_images_and_each_part_is_seen_evenly(sizes, shares, epochs):
    mixture = Mixture([Numbers(n) for n in sizes], shares[: len(sizes)])
    seen = Counter()
    for epoch in range(epochs):
        seen.update(batch_indices(mixture, len(mixture), 1, epoch).tolist())
    part, _ = mixture.located(np.array(sorted(seen)))
    start = 0
    for count, weight in zip(sizes, mixture.weights, strict=True):
        times = [seen[i] for i in range(start, start + count)]
        assert max(times) - min(times) <= 1, "each image of a part as often as the others, give or take one"
        assert abs(sum(times) / epochs - weight * len(mixture)) < 1
        start += count
    assert sum(seen.values()) == epochs * len(mixture) and part.max() < len(sizes)


def test_a_small_part_with_a_large_weight_is_repeated():
    mixture = Mixture([Numbers(4), Numbers(40)], weights=[1, 1])
    assert images_per_epoch(mixture.counts, mixture.weights).tolist() == [22, 22]
    seen = Counter(batch_indices(mixture, 44, 0, 0).tolist())
    assert {seen[i] for i in range(4)} == {5, 6} and max(seen[i] for i in range(4, 44)) == 1


def test_a_mixture_gives_the_samples_in_the_order_asked(noise_batch):
    first, second = noise_batch(3, seed=1), noise_batch(4, seed=2)
    mixture = Mixture([first, Subset(second, [3, 1])])
    got = mixture[np.array([4, 0, 3, 2])]
    expected = [second.images[1], first.images[0], second.images[3], first.images[2]]
    assert torch.equal(got.images, torch.stack(expected)) and len(mixture) == 5


def test_what_comes_next_is_told_to_the_parts():
    first, second = Numbers(3), Numbers(9)
    prefetch(Mixture([first, Subset(second, [8, 7, 6])]), np.array([5, 1, 3]))
    assert (first.ahead, second.ahead) == ([[1]], [[6, 8]])


def test_data_that_cannot_read_ahead_need_not(noise_batch):
    prefetch(noise_batch(2), np.array([1]))


@small
@given(total=st.integers(1, 60), seed=st.integers(0, 4), data=st.data())
def test_smaller_subsets_lie_inside_larger_ones(total, seed, data):
    small, large = sorted(data.draw(st.tuples(st.integers(1, total), st.integers(1, total))))
    few, many = (subset_indices(total, count, seed) for count in (small, large))
    assert set(few) <= set(many) <= set(range(total)) and len(set(few)) == small
    assert few.tolist() == sorted(few)


def test_a_subset_is_the_images_of_its_indices(noise_batch):
    data = noise_batch(5)
    chosen = subset_indices(5, 3, seed=1)
    assert torch.equal(subset(data, 3, seed=1)[np.arange(3)].images, data.images[chosen])


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Mixture([]), "parts that are not empty"),
        (lambda: Mixture([Numbers(3), Numbers(0)]), "parts that are not empty"),
        (lambda: Mixture([Numbers(3)], [1, 2]), "1 positive numbers"),
        (lambda: Mixture([Numbers(3), Numbers(3)], [1, 0]), "2 positive numbers"),
        (lambda: Mixture([Numbers(3), Numbers(3)], [1, float("nan")]), "2 positive numbers"),
        (lambda: Mixture([Numbers(3), Numbers(3)], [1, 1e-3]), "raise its weight"),
        (lambda: subset_indices(5, 6, 0), "1 to 5 images, got 6"),
        (lambda: subset_indices(5, 0, 0), "1 to 5 images, got 0"),
    ],
)
def test_mixtures_that_cannot_be_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
