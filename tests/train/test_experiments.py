import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderih_lib.scales import NAMES, scale_by_name
from renderih_lib.train.experiments import (
    EQUAL,
    EXPERIMENTS,
    FIGURE_12,
    FIGURE_13,
    MOST_EQUAL,
    OTHERS,
    REAL,
    REAL_SHARES,
    SYNTHETIC,
    SYNTHETIC_SHARES,
    TESTS,
    compared_roles,
    experiment_by_name,
    image_counts,
    planned,
    roles_of,
    steps_of,
)


def names(scale):
    return {run.name for run in planned(scale_by_name(scale))}


def test_figures_name_experiments():
    assert set(FIGURE_12.values()) <= set(EXPERIMENTS)
    assert {name for line in FIGURE_13.values() for name in line.values()} <= set(EXPERIMENTS)
    assert all(list(line) == list(REAL_SHARES) for line in FIGURE_13.values())


def test_a_point_of_figure_12_adds_its_share_of_synthetic_images_to_all_real_ones():
    for share, name in FIGURE_12.items():
        assert EXPERIMENTS[name].mix == {REAL: 1.0} | ({SYNTHETIC: share} if share else {})


def test_a_point_of_figure_13_has_its_share_of_real_images():
    for line, points in FIGURE_13.items():
        for share, name in points.items():
            run = EXPERIMENTS[name]
            assert run.mix[REAL] == share and (SYNTHETIC in run.mix) == (line == "mixed")


def test_runs_that_are_compared_take_the_same_hands():
    """Also those that learn from real images alone, beside others that do not."""
    shown = [
        *FIGURE_12.values(),
        "synthetic",
        "real-no-lateral",
        "real-no-local",
        "real-no-smooth",
        "pretraining",
    ]
    shown += [name for line in FIGURE_13.values() for name in line.values()]
    for name in shown:
        assert compared_roles(EXPERIMENTS[name]) == sorted([REAL, SYNTHETIC])
    for other in OTHERS:
        for kind in ("only", "with"):
            assert compared_roles(EXPERIMENTS[f"{kind}-{other}"]) == sorted([REAL, *OTHERS.values()])


def test_the_papers_seven_shares():
    assert REAL_SHARES == (0.01, 0.05, 0.1, 0.3, 0.5, 0.7, 1.0)


@pytest.mark.parametrize("scale", NAMES)
def test_all_ways_of_training_have_the_same_number_of_steps(scale):
    sizes = scale_by_name(scale)
    for run in planned(sizes):
        before = steps_of(EXPERIMENTS[run.after], sizes) if run.after else 0
        if run.name != "pretraining":
            assert steps_of(run, sizes) + before == sizes.experiment_steps


@pytest.mark.parametrize("scale", NAMES)
def test_what_others_start_from_comes_first(scale):
    order = [run.name for run in planned(scale_by_name(scale))]
    assert all(
        order.index(run.after) < order.index(run.name) for run in planned(scale_by_name(scale)) if run.after
    )


def test_every_scale_has_the_ends_of_all_curves_and_large_ones_have_all():
    assert names("gpu") == names("paper") == set(EXPERIMENTS)
    ends = {
        "real",
        "real-no-lateral",
        "real-no-local",
        "real-no-smooth",
        "mixed",
        "finetuned",
        "pretraining",
        "synthetic",
    }
    ends |= {f"{kind}-{other}" for kind in ("only", "with") for other in OTHERS}
    assert names("tiny") == ends < names("demo") < names("gpu")


@pytest.mark.parametrize("scale", NAMES)
def test_a_scale_asks_for_points_that_there_are(scale):
    sizes = scale_by_name(scale)
    assert set(sizes.real_shares) <= set(REAL_SHARES) and set(sizes.synthetic_shares) <= set(SYNTHETIC_SHARES)


counts = st.fixed_dictionaries({role: st.integers(1, 100_000) for role in (REAL, *OTHERS.values())})


@given(counts)
def test_other_sets_are_compared_at_equal_size(available):
    chosen = [image_counts(EXPERIMENTS[f"only-{other}"], available) for other in OTHERS]
    sizes = {count for one in chosen for count in one.values()}
    assert sizes == {min(MOST_EQUAL, *(available[role] for role in OTHERS.values()))}


@given(counts, st.sampled_from(sorted(EXPERIMENTS)))
def test_a_run_takes_at_least_one_image_of_each_set_and_never_more_than_there_are(available, name):
    run = EXPERIMENTS[name]
    found = image_counts(run, available)
    assert set(found) == set(run.mix) and all(1 <= found[role] <= available[role] for role in found)
    for role, share in run.mix.items():
        assert share == EQUAL or abs(found[role] - share * available[role]) < 1


def test_a_run_reads_what_it_learns_from_its_tests_and_what_it_counts():
    assert roles_of(EXPERIMENTS["real"]) == sorted([REAL, *TESTS])
    assert set(roles_of(EXPERIMENTS["with-h2o3d"])) == {REAL, *OTHERS.values(), *TESTS}


def test_an_unknown_experiment_names_the_known_ones():
    with pytest.raises(ValueError, match="'unreal'.*real, mixed"):
        experiment_by_name("unreal")
