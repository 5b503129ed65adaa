"""The discriminator learns, generalises to poses it never saw, and gives one loss per pair."""

import pytest
import torch
from safetensors.torch import save

from renderih_lib.hand.anatomy import BEND, SPLAY, TWIST, angle_excess, angle_limits
from renderih_lib.hand.skeleton import ROOT_JOINTS
from renderih_lib.pose.augment import augment
from renderih_lib.pose.library import load_pose_library
from renderih_lib.pose.naturalness import (
    Discriminator,
    adversarial_loss,
    labelled_poses,
    load_discriminator,
    natural_probability,
    reliability,
    save_discriminator,
    separation,
    split_names,
    split_recordings,
    train_discriminator,
)


@pytest.fixture(scope="module")
def library():
    return load_pose_library()


@pytest.fixture(scope="module")
def trained(library):
    seen, unseen = split_names(library)
    return train_discriminator(
        library.natural_hands(0, 800, seen), 120, 0, held_out=library.natural_hands(1, 200, unseen)
    )


def test_tells_natural_from_augmented_poses_that_it_never_saw(trained):
    _, history = trained
    assert history[-1]["auc"] > 0.95
    assert history[-1]["held_out_loss"] < history[0]["held_out_loss"] / 1.5


def test_the_weights_with_the_lowest_held_out_loss_are_kept(library):
    seen, unseen = split_names(library)
    poses, held_out = library.natural_hands(0, 60, seen), library.natural_hands(1, 60, unseen)
    model, history = train_discriminator(
        poses, 200, 0, held_out=held_out
    )  # enough to learn 60 poses by heart
    losses = [row["held_out_loss"] for row in history]
    augmented, labels = labelled_poses(held_out, 1, 1)
    with torch.no_grad():
        loss = ((model(held_out) - 1).square().mean() + (model(augmented) - labels).square().mean()) / 2
    assert loss.item() == pytest.approx(min(losses), abs=1e-6) and min(losses) < losses[-1]


def test_names_kept_from_training_share_no_hand_with_it(library):
    seen, unseen = split_names(library)
    assert not set(seen) & set(unseen)
    assert set(unseen) == {*list(library.singles)[::5], *list(library.interactions)[::5]}
    hands = {
        name: pose.angles.reshape(-1, 15, 3)
        for name, pose in (library.singles | library.interactions).items()
    }
    kept = torch.cat([hands[name] for name in unseen])
    for name, shown in hands.items():
        shared = any((kept - hand).abs().amax((1, 2)).min() < 1e-3 for hand in shown)
        assert shared != (name in seen)


def test_recordings_are_kept_as_a_whole(library):
    poses = library.natural_singles(5, 60)
    marked = poses.clone()
    marked[:, 0, BEND] = torch.arange(60) / 100  # tells which row came from where
    names = [f"interhand26m/train/Capture{i // 4}/{i:05d}/right" for i in range(60)]
    seen, unseen = split_recordings(marked, names, 1000, 0)
    captures = [{round(100 * hand[0, BEND].item()) // 4 for hand in part} for part in (seen, unseen)]
    assert not captures[0] & captures[1] and len(captures[0] | captures[1]) == 15
    assert len(seen) + len(unseen) == 60 and len(captures[1]) == 3
    few, _ = split_recordings(marked, names, 7, 0)
    torch.testing.assert_close(few, seen[:7])


def test_recorded_hands_are_moved_inside_table_2():
    wild = torch.full((10, 15, 3), 2.0)
    seen, unseen = split_recordings(wild, [f"freihand/{i}" for i in range(10)], 100, 0)
    assert angle_excess(torch.cat([seen, unseen])).abs().max() < 1e-6 and (len(seen), len(unseen)) == (8, 2)


def test_a_network_taught_that_random_poses_are_natural_cannot_tell(library):
    poses = library.natural_singles(1, 200)
    model, _ = train_discriminator(augment(poses, 1, 3), 20, 0)
    assert 0.2 < separation(model, poses, augment(poses, 1, 4)) < 0.8


def test_separation_is_the_area_under_the_roc_curve(trained, library):
    from sklearn.metrics import roc_auc_score

    model, _ = trained
    natural, unnatural = library.natural_singles(6, 40), augment(library.natural_singles(7, 30), 1, 0, 0.2)
    with torch.no_grad():
        scores = torch.cat([model(natural), model(unnatural)])
    expected = roc_auc_score([1] * 40 + [0] * 30, scores)
    assert separation(model, natural, unnatural) == pytest.approx(expected)


def test_scores_fall_with_the_size_of_the_offset(trained, library):
    model, _ = trained
    poses = library.natural_singles(2, 200)
    scores = [model(augment(poses, 1, 0, level)).mean().item() for level in (0.0, 0.3, 0.6, 1.0)]
    assert scores == sorted(scores, reverse=True) and scores[0] - scores[-1] > 0.4


def test_labels_are_one_without_offset_and_fall_with_it(library):
    poses = library.natural_singles(3, 100)
    assert (natural_probability(poses, poses) == 1).all()
    labels = [natural_probability(augment(poses, 1, 0, level), poses).mean() for level in (0.1, 0.4, 1.0)]
    assert 1 > labels[0] > labels[1] > labels[2] >= 0


def test_labelled_poses_have_random_levels_and_depend_on_their_own_row_alone(library):
    poses = library.natural_singles(3, 50)
    augmented, labels = labelled_poses(poses, 4, 0)
    assert augmented.shape == (200, 15, 3)
    torch.testing.assert_close(labels, natural_probability(augmented, poses.repeat(4, 1, 1)))
    assert labels.min() < 0.2 and labels.max() > 0.8
    torch.testing.assert_close(labelled_poses(poses[:10], 1, 0)[0], augmented[:10])


def test_reliability_of_answers_that_are_right_on_average_lies_on_the_diagonal():
    generator = torch.Generator().manual_seed(0)
    answers = torch.rand(20_000, generator=generator)
    labels = (torch.rand(20_000, generator=generator) < answers).float()
    curve = reliability(answers, labels)
    assert len(curve) == 10 and curve["count"].sum() == 20_000
    assert (curve.answer - curve.label).abs().max() < 0.05
    assert (reliability(answers, 0 * answers).label == 0).all()


def test_the_trained_network_is_roughly_calibrated_on_poses_that_it_never_saw(trained, library):
    model, _ = trained
    poses, labels = labelled_poses(library.natural_hands(5, 400, split_names(library)[1]), 1, 5)
    with torch.no_grad():
        curve = reliability(model(poses), labels)
    gap = ((curve.answer - curve.label).abs() * curve["count"]).sum() / curve["count"].sum()
    assert gap < 0.15


def test_adversarial_loss_is_per_pair_and_its_gradient_moves_free_angles_only(trained, library):
    model, _ = trained
    angles = augment(library.natural_singles(4, 8), 1, 0).view(4, 2, 15, 3).requires_grad_()
    loss = adversarial_loss(model, angles)
    assert loss.shape == (4,)
    torch.testing.assert_close(loss[1:2], adversarial_loss(model, angles[1:2]))
    loss.sum().backward()
    locked = [j for j in range(15) if j not in ROOT_JOINTS]
    assert (angles.grad[..., TWIST] == 0).all() and (angles.grad[..., locked, SPLAY] == 0).all()
    better = (angles - 0.05 * angles.grad / angles.grad.abs().amax()).detach()
    assert adversarial_loss(model, better).sum() < loss.sum()


def test_hands_share_the_network(trained):
    model, _ = trained
    lowest, highest = angle_limits().unbind(-1)
    angles = (lowest + highest) / 2 * torch.rand(3, 2, 15, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(adversarial_loss(model, angles), adversarial_loss(model, angles.flip(1)))


def test_training_repeats_and_saving_keeps_every_weight(tmp_path, library):
    poses = library.natural_singles(0, 64)
    (first, _), (again, _), (other, _) = (train_discriminator(poses, 3, seed) for seed in (0, 0, 1))
    save_discriminator(tmp_path / "d.safetensors", first)
    loaded = load_discriminator(tmp_path / "d.safetensors")
    with torch.no_grad():
        torch.testing.assert_close(first(poses), again(poses), atol=0, rtol=0)
        torch.testing.assert_close(first(poses), loaded(poses), atol=0, rtol=0)
        assert (first(poses) - other(poses)).abs().max() > 0


def test_training_does_not_depend_on_global_randomness():
    torch.manual_seed(1)
    first, _ = train_discriminator(torch.zeros(4, 15, 3), 1, 0)
    torch.manual_seed(2)
    second, _ = train_discriminator(torch.zeros(4, 15, 3), 1, 0)
    torch.testing.assert_close(first.first.weight, second.first.weight, atol=0, rtol=0)


def test_outputs_are_probabilities():
    scores = Discriminator(width=16)(torch.randn(7, 2, 15, 3, generator=torch.Generator().manual_seed(0)))
    assert scores.shape == (7, 2) and ((scores > 0) & (scores < 1)).all()


def test_no_steps_is_an_error():
    with pytest.raises(ValueError, match="steps must be at least 1"):
        train_discriminator(torch.zeros(2, 15, 3), 0, 0)


def missing(path):
    path.unlink()


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-10])


def another_file(path):
    path.write_text("hello")


def other_weights(path):
    path.write_bytes(save({"first.weight": torch.zeros(16, 45)}))


def broken_weights(path):
    save_discriminator(path, Discriminator(width=16).requires_grad_(False).apply(_spoil))


def _spoil(layer):
    if isinstance(layer, torch.nn.Linear):
        layer.weight.fill_(float("nan"))


@pytest.mark.parametrize("fault", [missing, cut_short, another_file, other_weights, broken_weights])
def test_what_is_no_discriminator_is_named(tmp_path, fault):
    path = tmp_path / "d.safetensors"
    save_discriminator(path, Discriminator(width=16))
    load_discriminator(path)
    fault(path)
    with pytest.raises(ValueError, match=r"d\.safetensors holds (no|a) discriminator"):
        load_discriminator(path)
