from dataclasses import fields

import pytest

from renderih_lib.render.bodies.props import KINDS, TABLE
from renderih_lib.render.bodies.sleeves import BARE
from renderih_lib.render.cameras import RIGS
from renderih_lib.render.environments import PLACES
from renderih_lib.render.recipes import DOMAINS, VIEW_TRANSFORMS, changed, recipe_for
from renderih_lib.scales import DATASETS, NAMES, scale_by_name

PAPER = scale_by_name("paper")
TRAINING = [name for name in DATASETS if name != "gallery"]


@pytest.mark.parametrize("scale", NAMES)
@pytest.mark.parametrize("dataset", DATASETS)
def test_recipes_ask_for_what_exists(dataset, scale):
    recipe = recipe_for(dataset, scale_by_name(scale))
    assert recipe.rig in RIGS
    assert set(recipe.places) <= {*PLACES, "shipped", "own"} and recipe.places
    assert set(recipe.props) <= {*KINDS, TABLE}
    assert BARE[0] <= recipe.bare[0] <= recipe.bare[1] <= BARE[1]
    assert sum(recipe.view_transforms) == pytest.approx(1) and len(recipe.view_transforms) == len(
        VIEW_TRANSFORMS
    )
    for field in fields(recipe):
        value = getattr(recipe, field.name)
        if (
            isinstance(value, tuple)
            and len(value) == 2
            and isinstance(value[0], float | int)
            and field.name != "jitter"
        ):
            assert value[0] <= value[1], field.name
    assert (recipe.image_format == "jpg") == (recipe.jpeg_quality[0] > 0)


def test_the_gallery_has_the_paper_s_size_and_every_detail():
    gallery = recipe_for("gallery", PAPER)
    assert (gallery.width, gallery.height) == (512, 334)
    assert gallery.subsurface and gallery.bump and gallery.image_format == "png"


@pytest.mark.parametrize("dataset", TRAINING)
def test_pictures_to_learn_from_are_cheap_square_crops(dataset):
    small, large = (recipe_for(dataset, scale_by_name(scale)) for scale in ("demo", "paper"))
    assert (large.width, large.height, large.levels) == (256, 256, 1)
    assert (small.width, small.height, small.levels) == (112, 112, 0)
    assert not small.subsurface and not small.bump and small.importance_map and small.centred


@pytest.mark.parametrize("domain", ["renderih", "studio"])
def test_train_and_test_of_a_domain_follow_one_recipe(domain):
    assert recipe_for(f"{domain}-train", PAPER) == recipe_for(f"{domain}-test", PAPER)


def test_domains_differ_in_what_they_stand_for():
    renderih, studio, tabletop, random, objects = (make(PAPER) for make in DOMAINS.values())
    assert renderih.rig == "tracks" and renderih.f_stop[0] > 0 and "dome" not in renderih.places
    assert studio.rig == "dome" and studio.places == ("dome",) and studio.noise_iso[0] > renderih.noise_iso[0]
    assert tabletop.rig == "fixed" and tabletop.places == ("room",) and tabletop.props == (TABLE,)
    assert random.one_skin and random.pasted and not renderih.pasted
    assert set(objects.props) == set(KINDS) and not renderih.props


def test_an_unknown_dataset_is_refused():
    with pytest.raises(ValueError, match="dataset must be one of"):
        recipe_for("holiday", PAPER)


def test_a_setting_changes_one_field():
    recipe = recipe_for("renderih-train", PAPER)
    made = changed(recipe, ["rig=first person", "normals=true", "fill=[0.5, 0.7]", "roll=3", "places=[room]"])
    assert (made.rig, made.normals, made.fill, made.roll) == ("first person", True, (0.5, 0.7), 3.0)
    assert made.places == ("room",) and isinstance(made.roll, float)
    assert changed(recipe, []) == recipe


@pytest.mark.parametrize(
    "setting", ["rigs=tracks", "rig", "normals=1", "fill=0.5", "fill=[1, 2, 3]", "samples=four"]
)
def test_a_wrong_setting_is_named(setting):
    with pytest.raises(ValueError, match="no setting|is not of that form") as error:
        changed(recipe_for("renderih-train", PAPER), [setting])
    assert setting.split("=")[0] in str(error.value)
