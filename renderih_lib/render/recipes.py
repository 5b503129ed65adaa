"""Recipes: how the images of each domain are made, the paper's own and those of the stand-ins (DESIGN section 7)."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

import yaml

from renderih_lib.render.bodies.props import KINDS, TABLE
from renderih_lib.render.bodies.sleeves import BARE
from renderih_lib.render.splits import domain_and_split
from renderih_lib.scales import DATASETS, Scale

#: Kinds of place (`environments.kind_of`) that are no capture dome.
_PLACES = ("room", "sky", "shipped", "own")


@dataclass(frozen=True)
class Recipe:
    """How images of one dataset are made. Pairs of numbers are ranges; what they leave open is drawn per image."""

    width: int
    height: int
    samples: int
    image_format: str  # "png" or "jpg"
    levels: int  # of Catmull-Clark subdivision
    texture_size: int  # pixels; larger skins are shrunk to it
    subsurface: bool
    bump: bool
    bounces: int
    importance_map: int  # pixels of the light's importance map, which is made anew for each image
    fast_denoiser: bool
    normals: bool = False  # also write the direction of the surface at each pixel

    # Cameras
    rig: str = "tracks"  # of `cameras.RIGS`
    views_per_track: int = 10  # the paper's sparse sampling
    radius: tuple[float, float] = (0.5, 0.9)  # factor of the rig's distances from the centre of the hands
    fill: tuple[float, float] = (0.65, 0.85)  # share of the picture that the hands span
    centred: bool = False  # crop about the hands instead of only looking at their centre
    roll: float = 0.0  # degrees, standard deviation
    jitter: tuple[float, float] = (
        0.0,
        0.0,
    )  # metres, standard deviations of the camera's place and its target
    turn: float = 0.0  # degrees per axis, standard deviation of a rotation of the whole pair
    lift: float = 0.0  # degrees by which the forearms of an upright person rise towards the elbows
    upright: bool = False  # turn the pair so that its person sits upright at +z and looks towards -z

    # People and places
    one_skin: bool = False
    sleeve_share: float = 0.5
    bare: tuple[float, float] = BARE  # metres between the wrist and a sleeve
    wardrobe: int = 0  # garments to choose from; 0 is no limit
    places: tuple[str, ...] = _PLACES  # kinds of environment
    pasted: bool = False  # another environment's picture behind the hands
    props: tuple[str, ...] = ()  # kinds (`props.KINDS`) of an object held or touched

    # Lens, sensor and file
    f_stop: tuple[float, float] = (0.0, 0.0)  # 0 is a pinhole
    psf_px: tuple[float, float] = (0.3, 0.6)  # standard deviation of the lens's blur
    vignette: tuple[float, float] = (0.0, 0.18)  # darkening of the corners
    noise_iso: tuple[float, float] = (0.0006, 0.0025)
    white_balance: float = 0.08  # largest deviation of the red and the blue gain from 1
    jpeg_quality: tuple[int, int] = (82, 95)  # (0, 0) writes no JPEG
    view_transforms: tuple[float, float, float] = (0.65, 0.15, 0.20)  # shares of `VIEW_TRANSFORMS`


#: "AgX" is with medium high contrast, which flatters skin; "Standard" clips as cheap cameras do.
VIEW_TRANSFORMS = ("AgX", "AgX none", "Standard")


def recipe_for(dataset: str, sizes: Scale) -> Recipe:
    """The recipe of one of `DATASETS` at one scale.

    Raises:
        ValueError: if there is no such dataset.
    """
    if dataset not in DATASETS:
        raise ValueError(f"dataset must be one of {DATASETS}, got {dataset!r}")
    return gallery(sizes) if dataset == "gallery" else DOMAINS[domain_and_split(dataset)[0]](sizes)


def changed(recipe: Recipe, settings: Iterable[str]) -> Recipe:
    """The recipe with some fields set by texts like "rig=first person", "normals=true" or "fill=[0.5, 0.7]".

    Raises:
        ValueError: if a text is no setting, there is no such field, or the value is not of the field's type.
    """
    fields = asdict(recipe)
    for setting in settings:
        name, sign, text = setting.partition("=")
        if not sign or name not in fields:
            raise ValueError(f"{setting!r} is no setting: write NAME=VALUE with one of {', '.join(fields)}")
        value, old = yaml.safe_load(text), fields[name]
        value = tuple(value) if isinstance(value, list) else value
        value = float(value) if isinstance(old, float) and type(value) is int else value
        numbers = (
            isinstance(old, tuple) and old and not isinstance(old[0], str)
        )  # of which there must be as many
        if type(value) is not type(old) or (numbers and len(value) != len(old)):
            raise ValueError(f"{name} is {old!r} in this recipe; {text!r} is not of that form")
        fields[name] = value
    return Recipe(**fields)


def gallery(sizes: Scale) -> Recipe:
    """The paper's pictures at the paper's size: every detail of the skin, everything else as in `renderih`."""
    return Recipe(
        width=sizes.gallery_width,
        height=sizes.gallery_height,
        samples=sizes.gallery_samples,
        image_format="png",
        jpeg_quality=(0, 0),
        levels=2,
        texture_size=sizes.texture_size,
        subsurface=True,
        bump=True,
        bounces=6,
        importance_map=256,
        fast_denoiser=False,
        roll=4.0,
        f_stop=(2.8, 16.0),
    )


def renderih(sizes: Scale) -> Recipe:
    """The paper's recipe (section 3.2) as cheap square crops to learn from: four tracks, every place, bokeh."""
    return Recipe(
        width=sizes.crop,
        height=sizes.crop,
        samples=sizes.crop_samples,
        image_format="jpg",
        levels=0 if sizes.crop < 160 else 1,
        texture_size=min(sizes.texture_size, 256 if sizes.crop < 160 else 512),
        subsurface=False,
        bump=False,
        bounces=3,
        importance_map=64,
        fast_denoiser=True,
        fill=(0.72, 0.9),
        centred=True,
        roll=8.0,
        turn=18.0,
        f_stop=(2.8, 16.0),
    )


def studio(sizes: Scale) -> Recipe:
    """Stands in for InterHand2.6M: natural poses in a dark dome of lights and cameras; short sleeves or none."""
    return replace(
        renderih(sizes),
        rig="dome",
        radius=(1.0, 1.0),
        roll=0.0,
        upright=True,
        turn=12.0,
        sleeve_share=0.3,
        bare=(0.09, 0.13),
        wardrobe=1,
        places=("dome",),
        f_stop=(0.0, 0.0),
        psf_px=(0.4, 0.8),
        noise_iso=(0.0015, 0.004),
        white_balance=0.03,
        jpeg_quality=(75, 92),
        view_transforms=(0.0, 0.0, 1.0),
    )


def tabletop(sizes: Scale) -> Recipe:
    """Stands in for Tzionas et al.: test only, one fixed camera that looks down at hands above a table, plain rooms."""
    return replace(
        renderih(sizes),
        rig="fixed",
        radius=(1.0, 1.0),
        roll=0.0,
        upright=True,
        lift=25.0,  # else forearms would end in the table
        turn=10.0,
        places=("room",),
        props=(TABLE,),
        f_stop=(0.0, 0.0),
        noise_iso=(0.001, 0.004),
        white_balance=0.05,
        view_transforms=(0.0, 0.0, 1.0),
    )


def random_hands(sizes: Scale) -> Recipe:
    """Stands in for Ego3DHands: poses that penetrate, one skin, first-person views, a picture pasted behind."""
    return replace(
        renderih(sizes),
        rig="first person",
        radius=(0.35, 0.6),
        upright=True,
        turn=10.0,
        one_skin=True,
        wardrobe=1,
        pasted=True,
        f_stop=(0.0, 0.0),
        psf_px=(0.0, 0.0),
        vignette=(0.0, 0.0),
        noise_iso=(0.0, 0.0),
        white_balance=0.0,
        view_transforms=(0.0, 0.0, 1.0),
    )


def objects(sizes: Scale) -> Recipe:
    """Stands in for H2O-3D: the paper's recipe with an object that the hands hold or touch, and that hides them."""
    return replace(renderih(sizes), places=("room", "shipped", "own"), props=KINDS)


#: The recipe of each domain, by the first word of its datasets.
DOMAINS = {
    "renderih": renderih,
    "studio": studio,
    "tabletop": tabletop,
    "random": random_hands,
    "objects": objects,
}
