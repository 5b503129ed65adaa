from dataclasses import replace

import numpy as np
import pytest
import torch

from renderih_lib.hand.pair import open_hand_pair
from renderih_lib.render.cameras import inside
from renderih_lib.render.frames import plan_rows, row_camera, row_pose
from renderih_lib.render.mesh import FOREARM, ArmPair, load_arm
from renderih_lib.render.plan import (
    HASHED,
    centred_pairs,
    main,
    plan_hash,
    plan_info,
    recipe_for,
    split_poses,
    write_plan,
)
from renderih_lib.scales import scale_by_name
from tests.conftest import random_pose
from tests.render.conftest import TINY


def test_the_same_arguments_give_the_same_plan(tiny_plan):
    first, again, other = tiny_plan(), tiny_plan(), tiny_plan(seed=1)
    assert first.equals(again, check_metadata=True)
    assert plan_info(first)["hash"] != plan_info(other)["hash"]


def test_an_image_does_not_depend_on_how_many_follow_it(tiny_plan):
    few, many = tiny_plan(draws=2), tiny_plan(draws=5)
    assert many.slice(0, len(few)).equals(few)


def test_seed_zero_is_a_seed_like_any_other(tiny_plan):
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002 - the plan must not look at it
    first = tiny_plan(seed=0)
    np.random.seed(2)  # noqa: NPY002
    assert first.equals(tiny_plan(seed=0))


def test_train_and_test_share_no_pose():
    ids = np.arange(40)
    train, test = (set(split_poses(ids, name, 7).tolist()) for name in ("train", "test"))
    assert not train & test and train | test == set(range(40))
    assert len(test) == 5
    assert set(split_poses(ids, "gallery", 7).tolist()) == set(range(40))
    assert [len(split_poses(ids[:2], name, 7)) for name in ("train", "test")] == [1, 1]
    with pytest.raises(ValueError, match="train and test need at least one each"):
        split_poses(ids[:1], "train", 7)


def test_datasets_of_one_plan_seed_are_pose_disjoint(tiny_plan):
    train, test = tiny_plan("train", draws=8), tiny_plan("test", draws=8)
    assert not set(train["pose_id"].to_pylist()) & set(test["pose_id"].to_pylist())


def test_poses_taken_again_are_turned(tiny_plan, poses):
    rows = plan_rows(tiny_plan("test", draws=3, poses=poses[:4]))  # two of the four poses, so the first again
    first, again = rows[0], rows[4]
    assert first["pose_id"] == again["pose_id"]
    assert not np.allclose(first["wrist"], again["wrist"], atol=0.01)
    assert first["angles"] == again["angles"]


def test_pairs_move_as_one_to_the_centre():
    poses = random_pose(np.random.default_rng(0), 3, 10)
    arms, turn = ArmPair(0).hands, torch.linalg.qr(torch.randn(3, 3, 3, generator=torch.manual_seed(0))).Q
    turn = turn * torch.linalg.det(turn)[:, None, None]
    moved = arms(centred_pairs(poses, arms, turn.numpy())).vertices
    before = arms(poses).vertices
    hand = np.unique(load_arm().mesh.triangles[load_arm().parts != FOREARM])
    flat, original = moved.flatten(1, 2), before.flatten(1, 2)
    middle = original.reshape(3, 2, -1, 3)[:, :, hand].flatten(1, 2)
    middle = (middle.amin(1) + middle.amax(1)) / 2
    expected = (original - middle[:, None]) @ turn.transpose(1, 2)
    torch.testing.assert_close(flat, expected, atol=1e-5, rtol=0)


def test_the_label_hands_follow_the_same_pose(tiny_plan):
    rows = plan_rows(tiny_plan())[:1]
    arms, hands = ArmPair(0).hands, open_hand_pair()
    pose = row_pose(rows)
    torch.testing.assert_close(arms(pose).keypoints, hands(pose).keypoints, atol=1e-6, rtol=0)


@pytest.mark.parametrize("dataset", ["gallery", "train"])
def test_hands_are_inside_and_cut_ends_outside_the_picture(tiny_plan, dataset):
    recipe = recipe_for(dataset, scale_by_name("tiny"))
    rows = plan_rows(tiny_plan(dataset, draws=4, recipe=recipe))
    arm, arms = load_arm(), ArmPair(0)
    hand = np.unique(arm.mesh.triangles[arm.parts != FOREARM])
    good = 0
    for row in rows:
        cage, camera = arms.cage_vertices(row_pose([row]))[0], row_camera(row)
        assert inside(cage[:, hand], camera).all()
        if row["view_fault"] == 0:
            good += 1
            assert not inside(cage[:, arm.cut], camera).any()
    assert good >= len(rows) // 2


def test_views_of_a_pose_differ(tiny_plan):
    rows = plan_rows(tiny_plan(draws=2, views=8))
    for draw in range(2):
        views = [(row["track"], row["view"]) for row in rows if row["draw"] == draw]
        assert len(set(views)) == 8


def test_the_hash_sees_every_column_and_setting(tiny_plan):
    plan = tiny_plan()
    info = plan_info(plan)
    for name in ("cycles_seed", "skin", "K", "angles"):
        column = plan[name].combine_chunks()
        changed = plan.set_column(
            plan.schema.get_field_index(name), name, column.take(list(range(len(plan)))[::-1])
        )
        assert plan_hash(changed, info) != info["hash"]
    for name in HASHED:
        assert plan_hash(plan, info | {name: "else"}) != info["hash"]
    assert plan_hash(plan, info | {"skins_folder": "elsewhere"}) == info["hash"]


def test_recipes_follow_the_scale():
    gallery, train = (recipe_for(name, scale_by_name("paper")) for name in ("gallery", "train"))
    assert (
        (gallery.width, gallery.height) == (512, 334) and gallery.subsurface and gallery.importance_map == 0
    )
    assert train.width == train.height == 256 and train.importance_map == 64
    assert recipe_for("test", scale_by_name("paper")) == train


def test_what_cannot_be_planned_is_refused(tiny_plan, poses):
    with pytest.raises(ValueError, match="dataset must be one of"):
        tiny_plan("holiday")
    with pytest.raises(ValueError, match="skins is empty"):
        tiny_plan(skins={})
    with pytest.raises(ValueError, match="poses is empty"):
        tiny_plan(poses=poses[:0])


def test_views_that_cannot_be_good_are_taken_least_bad_and_say_so(tiny_plan):
    wide = replace(TINY, fill=(0.05, 0.05), centred=False)  # so wide that every cut end shows
    faults = [row["view_fault"] for row in plan_rows(tiny_plan(recipe=wide))]
    assert min(faults) > 0


def test_the_command_writes_a_plan(tmp_path, poses, skins, capsys):
    from renderih_lib.pose.store import write_poses

    write_poses(tmp_path / "poses.parquet", poses)
    out = tmp_path / "plans" / "plan.parquet"
    arguments = ["--poses", str(tmp_path / "poses.parquet"), "--skins", str(skins), "--out", str(out)]
    main([*arguments, "--dataset", "test", "--scale", "tiny", "--seed", "0"])
    import pyarrow.parquet as pq

    plan = pq.read_table(out)
    sizes = scale_by_name("tiny")
    assert len(plan) == sizes.images("test")
    assert plan_info(plan)["hash"] in capsys.readouterr().out
    assert (out.parent / plan_info(plan)["skins_folder"]).resolve() == skins.resolve()
    assert max(plan["shard"].to_pylist()) + 1 == sizes.shards("test")


def test_a_plan_on_disk_keeps_its_description(tmp_path, tiny_plan):
    import pyarrow.parquet as pq

    plan = tiny_plan()
    write_plan(tmp_path / "plan.parquet", plan)
    again = pq.read_table(tmp_path / "plan.parquet")
    assert again.equals(plan) and plan_info(again) == plan_info(plan)
    assert plan_hash(again, plan_info(again)) == plan_info(plan)["hash"]
