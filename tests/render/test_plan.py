import itertools
import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from renderih_lib.hand.pair import open_hand_pair
from renderih_lib.pose.library import load_pose_library
from renderih_lib.pose.store import write_poses
from renderih_lib.render.bodies.mesh import FOREARM, ArmPair, load_arm
from renderih_lib.render.bodies.props import placed, prop_distance
from renderih_lib.render.cameras import inside, look_at, rig_named
from renderih_lib.render.choice import PER_IMAGE, PER_PAIR
from renderih_lib.render.environments import kind_of, shipped_environments
from renderih_lib.render.frames import plan_rows, row_camera, row_pose
from renderih_lib.render.plan import (
    HASHED,
    PlanHash,
    main,
    make_plan,
    plan_hash,
    plan_info,
    plan_tables,
    write_plan,
)
from renderih_lib.render.recipes import recipe_for
from renderih_lib.render.splits import domain_and_split
from renderih_lib.scales import DATASETS, scale_by_name
from tests.render.conftest import TINY
from tests.render.test_splits import tones_of

TINY_SCALE = scale_by_name("tiny")


@pytest.fixture(scope="module")
def natural():
    return load_pose_library().natural_pairs(11, 16)


@pytest.fixture(scope="module")
def rich(natural):
    """What every domain has enough of: augmented pairs, skins of all tones, places of all kinds."""
    pairs = natural[torch.arange(16).repeat(2)]
    ids = pd.DataFrame({"pose_id": np.arange(32), "raw_id": np.tile(np.arange(16), 2)})
    places = (*shipped_environments(), *scale_by_name("demo").panoramas)
    tones = tones_of(14)
    return {"poses": pairs, "ids": ids, "skins": dict.fromkeys(tones, "s"), "tones": tones} | {
        "environments": dict.fromkeys(places, "e")
    }


@pytest.fixture(scope="module")
def domain_plans(tiny_choice, rich):
    """A small plan of every dataset."""
    plans = {}
    for dataset in DATASETS:
        choice = tiny_choice(dataset, recipe_for(dataset, scale_by_name("demo")), **rich)
        views = min(2, len(choice.rig.eyes))
        plans[dataset] = make_plan(choice, draws=6, views=views, shard_images=4).to_pandas()
    return plans


def test_the_same_arguments_give_the_same_plan(tiny_plan):
    first, again, other = tiny_plan(), tiny_plan(), tiny_plan(seed=1)
    assert first.equals(again, check_metadata=True)
    assert plan_info(first)["hash"] != plan_info(other)["hash"]


def test_an_image_does_not_depend_on_how_many_follow_it(tiny_choice, natural):
    choice = tiny_choice(poses=natural)
    few, many = (make_plan(choice, draws=draws, views=10, shard_images=4) for draws in (1, 1000))
    assert (len(few), len(many)) == (10, 10_000)
    assert [name for name in few.column_names if not many[name][:10].equals(few[name])] == []


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 70))
def test_random_numbers_depend_on_their_image_alone(tiny_choice, seed, first, count, stride):
    choice = replace(tiny_choice(), seed=seed)
    numbers = choice.uniforms(PER_IMAGE, first, count, stride)
    assert numbers.shape == (count, stride) and numbers.min() >= 0 and numbers.max() < 1
    for k in range(count):
        np.testing.assert_array_equal(choice.uniforms(PER_IMAGE, first + k, 1, stride)[0], numbers[k])
    others = replace(choice, seed=seed + 1), replace(choice, dataset="studio-train")
    for other in (
        *(c.uniforms(PER_IMAGE, first, 1, stride) for c in others),
        choice.uniforms(PER_PAIR, first, 1, stride),
    ):
        assert not np.allclose(other[0], numbers[0])


def test_random_numbers_are_uniform_and_independent(tiny_choice):
    numbers = tiny_choice().uniforms(PER_IMAGE, 0, 20_000, 8)
    assert abs(numbers.mean(0) - 0.5).max() < 0.01 and abs(numbers.var(0) - 1 / 12).max() < 0.002
    both = np.concatenate([numbers[:-1], numbers[1:]], axis=1)  # an image beside the next
    assert abs(np.corrcoef(both.T) - np.eye(16)).max() < 0.04


def test_seed_zero_is_a_seed_like_any_other(tiny_plan):
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002 - the plan must not look at it
    first = tiny_plan(seed=0)
    np.random.seed(2)  # noqa: NPY002
    assert first.equals(tiny_plan(seed=0))


def test_no_two_datasets_of_different_splits_share_a_pose_a_person_or_a_place(domain_plans):
    shapes = {name: {shape.tobytes() for shape in plan["shape"]} for name, plan in domain_plans.items()}
    for one, other in itertools.combinations(DATASETS, 2):
        if domain_and_split(one)[1] == domain_and_split(other)[1]:
            continue
        for column in ("raw_id", "pose_id", "skin"):
            assert not set(domain_plans[one][column]) & set(domain_plans[other][column]), (one, other, column)
        places = [
            {*plan["environment"], *plan["background"]} - {""}
            for plan in (domain_plans[one], domain_plans[other])
        ]
        assert not places[0] & places[1], (one, other)
        assert not shapes[one] & shapes[other], (one, other)


def test_what_a_split_may_use_is_the_same_in_every_domain(tiny_choice, rich):
    choices = {name: tiny_choice(name, recipe_for(name, TINY_SCALE), **rich) for name in DATASETS}
    for split in ("train", "test"):
        same = [choice for name, choice in choices.items() if domain_and_split(name)[1] == split]
        assert len({frozenset(choice.raw_ids) for choice in same}) == 1
        skins = {frozenset(choice.skins) for choice in same if not choice.recipe.one_skin}
        assert len(skins) == 1
        tones = {rich["tones"][name] for name in next(iter(skins))}
        assert len(tones) == 7


def test_both_hands_are_one_person_s(domain_plans):
    for plan in domain_plans.values():
        shape = np.stack(plan["shape"]).reshape(len(plan), 2, -1)
        np.testing.assert_array_equal(shape[:, 0], shape[:, 1])
        assert plan.groupby("raw_id")["shape"].agg(lambda rows: len({r.tobytes() for r in rows})).eq(1).all()


def test_tiny_has_everything_that_its_datasets_need(tiny_choice, natural):
    ids = pd.DataFrame({"pose_id": np.arange(3)})
    places = (*shipped_environments(), *TINY_SCALE.panoramas)
    for seed in range(4):
        for dataset in DATASETS:
            choice = tiny_choice(dataset, recipe_for(dataset, TINY_SCALE), seed, poses=natural[:3], ids=ids,
                                 environments=dict.fromkeys(places, "e"), raw_count=TINY_SCALE.raw_poses)  # fmt: skip
            assert choice.skins and choice.environments and len(choice.pose_ids)


def test_places_are_of_the_recipe_s_kinds(domain_plans):
    for dataset, plan in domain_plans.items():
        recipe = recipe_for(dataset, scale_by_name("demo"))
        assert {kind_of(name) for name in plan["environment"]} <= set(recipe.places)
        assert (plan["background"] != "").all() == recipe.pasted
        assert not (plan["background"] == plan["environment"]).any()


def test_rows_are_what_the_recipe_says(tiny_choice, rich):
    choice = tiny_choice("renderih-train", recipe_for("renderih-train", scale_by_name("demo")), **rich)
    plan = make_plan(choice, draws=400, views=2, shard_images=100).to_pandas()
    recipe, count = choice.recipe, len(plan)
    sleeved = plan["sleeve"] > 0
    assert abs(sleeved.mean() - 0.5) < 3 * np.sqrt(0.25 / count)
    assert plan["sleeve"][sleeved].between(*recipe.bare).all()
    shares = plan["view_transform"].value_counts() / count
    for name, share in zip(("AgX", "AgX none", "Standard"), (0.65, 0.15, 0.20), strict=True):
        assert abs(shares[name] - share) < 0.06
    for column in ("psf_px", "vignette", "noise_iso", "f_stop", "jpeg_quality"):
        low, high = getattr(recipe, column)
        assert plan[column].between(low, high).all() and plan[column].nunique() > 10
    gains = np.stack(plan["white_balance"])
    assert (gains[:, 1] == 1).all() and 0.92 <= gains.min() < 0.93 and 1.07 < gains.max() <= 1.08
    assert set(plan["skin"]) == set(choice.skins) and set(plan["environment"]) == set(choice.environments)
    assert plan["track"].nunique() == 4 and plan["view"].nunique() == 10
    assert plan["cycles_seed"].nunique() == count and plan["noise_seed"].nunique() == count


def test_props_touch_the_hands_and_stay_while_the_view_changes(domain_plans):
    arms = ArmPair(0)
    for dataset in ("objects-train", "tabletop-test"):
        plan = domain_plans[dataset]
        assert (plan["prop"] != "").all()
        for row in plan.to_dict("records"):
            cage = arms.cage_vertices(row_pose([row]))[0].reshape(-1, 3)
            R, size = row["prop_R"].reshape(3, 3), row["prop_size"]
            nearest = prop_distance(row["prop"], (cage - row["prop_t"]) @ R, size).min()
            assert -0.002 < nearest < (0.002 if dataset == "objects-train" else 0.04)
            assert placed(row["prop"], size, R, row["prop_t"]).vertices.shape[1] == 3
    for _, views in domain_plans["objects-train"].groupby("draw"):
        assert all(np.stack(views[name]).std(0).max() == 0 for name in ("prop_R", "prop_t", "prop_size"))
    assert (domain_plans["renderih-train"]["prop"] == "").all()


def test_the_table_s_camera_never_moves(domain_plans):
    plan = domain_plans["tabletop-test"]
    for name in ("R", "t"):
        assert np.stack(plan[name]).std(0).max() < 1e-12
    assert np.stack(plan["K"]).std(0).max() > 0


def test_poses_taken_again_are_turned(tiny_plan, natural):
    rows = plan_rows(
        tiny_plan("renderih-test", draws=3, poses=natural[:4])
    )  # one of the four, again and again
    first, again = rows[0], rows[2]
    assert first["pose_id"] == again["pose_id"]
    assert not np.allclose(first["wrist"], again["wrist"], atol=0.01)
    assert first["angles"] == again["angles"]


def test_the_label_hands_follow_the_same_pose(tiny_plan):
    rows = plan_rows(tiny_plan())[:1]
    arms, hands = ArmPair(0).hands, open_hand_pair()
    pose = row_pose(rows)
    torch.testing.assert_close(arms(pose).keypoints, hands(pose).keypoints, atol=1e-6, rtol=0)


@pytest.mark.parametrize("dataset", DATASETS)
def test_hands_are_inside_and_cut_ends_outside_the_picture(domain_plans, dataset):
    arm, arms = load_arm(), ArmPair(0)
    hand = np.unique(arm.mesh.triangles[arm.parts != FOREARM])
    for row in domain_plans[dataset].to_dict("records"):
        cage, camera = arms.cage_vertices(row_pose([row]))[0], row_camera(row)
        assert inside(cage[:, hand], camera).all()
        assert row["view_fault"] == 0 and not inside(cage[:, arm.cut], camera).any()


def test_views_of_a_pose_differ(tiny_plan):
    rows = plan_rows(tiny_plan(draws=2, views=8))
    for draw in range(2):
        views = [(row["track"], row["view"]) for row in rows if row["draw"] == draw]
        assert len(set(views)) == 8


def test_dense_tracks_and_jitter_are_options(tiny_plan):
    still, shaken = (
        plan_rows(tiny_plan(recipe=replace(TINY, views_per_track=60, roll=0.0, jitter=jitter)))
        for jitter in ((0.0, 0.0), (0.02, 0.01))
    )
    assert max(row["view"] for row in still) >= 10
    for row in still:
        assert abs(np.linalg.norm(row["t"]) - row["radius"]) < 1e-9 and np.allclose(row["t"][:2], 0)
    moved = [np.linalg.norm(np.subtract(a["t"], b["t"])) for a, b in zip(still, shaken, strict=True)]
    assert 0.001 < np.mean(moved) < 0.1


def test_recorded_cameras_take_the_place_of_the_recipe_s(tiny_plan):
    tracks = rig_named("tracks", 3)
    rig = tracks._replace(R=look_at(1.2 * tracks.eyes, np.zeros(3))[0], eyes=1.2 * tracks.eyes)
    for row in plan_rows(tiny_plan(rig=rig)):
        np.testing.assert_allclose(np.reshape(row["R"], (3, 3)), rig.R[3 * row["track"] + row["view"]])
        assert abs(row["radius"] - 1.2) < 1e-9


def test_the_hash_sees_every_column_and_setting(tiny_plan):
    plan = tiny_plan(draws=4)
    info = plan_info(plan)
    order = list(range(len(plan)))[::-1]
    for name in plan.column_names:
        column = plan[name].combine_chunks()
        if len({str(value) for value in column.to_pylist()}) > 1:
            changed = plan.set_column(plan.schema.get_field_index(name), name, column.take(pa.array(order)))
            assert plan_hash(changed, info) != info["hash"], name
        assert plan_hash(plan.drop_columns([name]), info) != info["hash"], name
    for name in HASHED:
        assert plan_hash(plan, info | {name: "else"}) != info["hash"]
    assert plan_hash(plan, info | {"skins_folder": "elsewhere"}) == info["hash"]


def test_the_hash_changes_with_every_input(tiny_plan, poses, natural, skins):
    hashes = {plan_info(tiny_plan())["hash"]}
    changes = [
        {"seed": 1},
        {"poses": poses.replace(angles=poses.angles + 1e-4)},
        {"skins": {"dark": "other", "light": "other"}},
        {"environments": dict.fromkeys(shipped_environments(), "other")},
        {"recipe": replace(TINY, samples=2)},
        {"recipe": replace(TINY, fill=(0.7, 0.8))},
        {"dataset": "studio-train"},
        {"views": 3},
        {"draws": 3},
        {"shard_images": 3},
    ]
    for change in changes:
        hashes.add(plan_info(tiny_plan(**change))["hash"])
    assert len(hashes) == 1 + len(changes)


def test_texts_cannot_change_places_in_the_hash():
    def hashed(*texts):
        digest = PlanHash()
        digest.add(pa.table({"skin": list(texts)}))
        return digest.hexdigest(dict.fromkeys(HASHED))

    assert len({hashed("ab", "c"), hashed("a", "bc"), hashed("abc", ""), hashed("abc")}) == 4


def test_what_cannot_be_planned_is_refused(tiny_choice, poses):
    ids = pd.DataFrame({"pose_id": np.arange(5)})
    broken = poses.replace(wrist=poses.wrist.clone().index_fill_(0, torch.tensor([3]), torch.nan))
    cases = [
        ({"dataset": "holiday"}, "dataset must be one of"),
        ({"skins": {}}, "skins is empty"),
        ({"environments": {}}, "environments is empty"),
        ({"poses": poses[:0], "ids": ids[:0]}, "poses is empty"),
        ({"ids": ids.rename(columns={"pose_id": "number"})}, "no column 'pose_id'"),
        ({"ids": ids, "poses": broken}, "pose 3 has numbers that are not finite"),
        ({"ids": ids.assign(raw_id=0), "raw_count": 40, "dataset": "renderih-test"}, "no pair for 'test'"),
    ]
    for changes, message in cases:
        with pytest.raises(ValueError, match=message):
            tiny_choice(**changes)


def test_views_that_cannot_be_good_are_taken_least_bad_and_say_so(tiny_plan):
    wide = replace(TINY, fill=(0.05, 0.05), centred=False)  # so wide that every cut end shows
    faults = [row["view_fault"] for row in plan_rows(tiny_plan(recipe=wide))]
    assert min(faults) > 0


@pytest.fixture
def command(tmp_path, natural, skins):
    """Arguments of the command without dataset, and the path it writes."""
    write_poses(tmp_path / "poses.parquet", natural[:3], raw_id=np.arange(3))
    shutil.copytree(skins, tmp_path / "skins")
    out = tmp_path / "plans" / "plan.parquet"
    arguments = ["--poses", tmp_path / "poses.parquet", "--skins", tmp_path / "skins", "--out", out]
    return [*map(str, arguments), "--scale", "tiny", "--seed", "0"], out


@pytest.mark.parametrize("dataset", ["gallery", "renderih-test", "tabletop-test"])
def test_the_command_writes_a_plan(command, capsys, dataset):
    arguments, out = command
    assert main([*arguments, "--dataset", dataset]) == 0
    plan = pq.read_table(out)
    assert len(plan) == TINY_SCALE.images(dataset)
    assert plan_info(plan)["hash"] in capsys.readouterr().out
    assert (out.parent / plan_info(plan)["skins_folder"]).resolve() == (out.parent.parent / "skins").resolve()
    assert max(plan["shard"].to_pylist()) + 1 == TINY_SCALE.shards(dataset)


def test_the_command_takes_a_number_of_images_and_changes_of_the_recipe(command, capsys):
    arguments, out = command
    wishes = ["--images", "5", "--set", "rig=first person", "--set", "normals=true"]
    assert main([*arguments, "--dataset", "renderih-train", *wishes]) == 0
    plan = pq.read_table(out)
    assert len(plan) == 6  # three pairs of two views
    assert plan_info(plan)["recipe"]["rig"] == "first person" and plan_info(plan)["recipe"]["normals"]
    assert set(plan["track"].to_pylist()) == {0}
    for wrong in (["--images", "0"], ["--set", "rig=moon"], ["--set", "lens=3"]):
        assert main([*arguments, "--dataset", "renderih-train", *wrong]) == 1
        assert capsys.readouterr().err.startswith("error: ")


def test_the_command_ends_with_one_line_when_something_is_missing(command, tmp_path, capsys):
    arguments, out = command
    (tmp_path / "empty").mkdir()
    (tmp_path / "cameras.json").write_text("{}")
    for change in (
        ["--poses", str(tmp_path / "none.parquet")],
        ["--skins", str(tmp_path / "empty")],
        ["--environments", str(tmp_path / "empty")],
        ["--cameras", str(tmp_path / "cameras.json")],
        ["--seed", "-1"],
    ):
        assert main([*arguments, "--dataset", "renderih-train", *change]) == 1
        error = capsys.readouterr().err
        assert error.startswith("error: ") and error.count("\n") == 1
    assert not out.exists()


def test_tones_of_the_index_divide_the_skins(command, tmp_path):
    arguments, out = command
    tones = {name: tone for name, tone in tones_of(14).items()}
    for name in tones:
        (tmp_path / "skins" / f"{name}.npz").write_bytes(name.encode())
    for name in ("dark", "light"):
        (tmp_path / "skins" / f"{name}.npz").unlink()
    index = [{"file": f"{name}.npz", "tone": tone} for name, tone in tones.items()]
    (tmp_path / "skins" / "skins.json").write_text(json.dumps(index))
    assert main([*arguments, "--dataset", "renderih-test"]) == 0
    assert sorted(tones[name] for name in plan_info(pq.read_table(out))["skins"]) == sorted(
        set(tones.values())
    )


def test_a_plan_written_in_pieces_is_the_plan_in_memory(tmp_path, tiny_choice, natural):
    choice, sizes = tiny_choice(poses=natural), {"draws": 700, "views": 2, "shard_images": 100}
    plan = make_plan(choice, **sizes)
    info = write_plan(
        tmp_path / "plan.parquet", plan_tables(choice, **sizes), choice.info() | {"skins_folder": "x"}
    )
    again = pq.read_table(tmp_path / "plan.parquet")
    assert again.equals(plan.combine_chunks()) and plan_info(again) == info
    assert plan_hash(again, info) == info["hash"] == plan_info(plan)["hash"]
    shard = pq.read_table(tmp_path / "plan.parquet", filters=[("shard", "==", 3)])
    assert plan_info(shard) == info and set(shard["shard"].to_pylist()) == {3} and len(shard) == 100


def test_a_plan_that_fails_midway_leaves_the_old_one(tmp_path, tiny_choice):
    choice, path = tiny_choice(), tmp_path / "plan.parquet"
    sizes = {"draws": 2, "views": 2, "shard_images": 4}
    write_plan(path, plan_tables(choice, **sizes), choice.info())
    before = path.read_bytes()

    def interrupted():
        yield from plan_tables(choice, **sizes)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_plan(path, interrupted(), choice.info())
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


@pytest.mark.slow
def test_a_plan_of_many_images_is_quick_and_small():
    from renderih_lib.bench.plan import plan_speed

    speed = plan_speed(pairs=3_000)  # a 33rd of the million
    assert speed["plan_1m_mb"] < 2_000
    assert speed["plan_1m_s"] < 20
