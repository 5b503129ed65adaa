# %% [markdown]
# # 08 · Textures, light and cameras
#
# **Question** What makes a rendered hand look like somebody's hand? ·
# **Paper** section 3.2, Figures 5, 6 and 7 · **Needs** the skins and the
# places of the run, which `make reproduce` makes first · **Takes** about 7 minutes at demo on one core
#
# You will see skin made from nothing but the shape of the hand: light palms, red knuckles, creases, veins, nails.
# Then the paper's seven tone groups on the same pair of hands (Figure 5), close-ups, thirty places to stand in and the
# same hands in them (Figure 6), and the four circular camera tracks (Figure 7). Every photograph is path traced by
# Cycles.

# %% tags=["parameters"]
scale: str = "demo"  # tiny, demo, gpu or paper (renderih_lib/scales.py)
seed: int = 0  # root of all randomness
out_dir: str = "runs"  # where results go
data_root: str = ""  # folder of the gated datasets, if you have them

# %%
import json
import time
from dataclasses import asdict
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from PIL import Image
from scipy.spatial import cKDTree

# %%
from renderih_lib import repro, viz
from renderih_lib.hand.anatomy import angles_from_degrees
from renderih_lib.hand.pair import PairPose, open_hand_pair
from renderih_lib.hand.skeleton import KEYPOINT_NAMES
from renderih_lib.render.bodies.mesh import ArmPair
from renderih_lib.render.bodies.sleeves import Sleeve
from renderih_lib.render.cameras import (
    TRACK_TILTS,
    framing,
    look_at,
    project,
    rig_named,
    to_camera,
    track_directions,
)
from renderih_lib.render.cycles import CyclesProcess
from renderih_lib.render.environments import catalogue, dynamic_range, kind_of, thumbnail, view
from renderih_lib.render.frames import frame
from renderih_lib.render.recipes import recipe_for

# %%
from renderih_lib.render.skin import baking, fields, files, hair
from renderih_lib.render.skin.texels import skin_texels

# %%
run = repro.start("08_textures_light_cameras", scale=scale, seed=seed, out_dir=out_dir, data_root=data_root)
size = run.sizes.texture_size

# %% [markdown]
# ## Skin is a function of the place on the hand
#
# A texture is a picture wrapped round a mesh, and the wrapping needs cuts. A pattern painted in the picture breaks at
# every cut. So nothing is painted here. Each texel asks where it lies on the resting hand, and its colour is a
# function of the answer. Both sides of a cut are the same place, so they get the same colour.

# %%
texels = skin_texels(size)
facts = {
    "texels on skin": f"{len(texels.index):,} of {size} × {size}",
    "length of the hand, mm": round(float(-texels.points[:, 0].min()), 1),
    "mm between texels": round(
        float(np.median(cKDTree(texels.points[::7]).query(texels.points[::7], 2)[0][:, 1]) / 7**0.5), 2
    ),
}
pd.Series(facts).to_frame("value")


# %% [markdown]
# Two small helpers. `flat` lays a field of the texels out as two views of the hand, its back on the left and its palm on
# the right. `shown` turns light into the numbers a screen wants.

# %%
pitch = max(0.5, 250 / size)  # millimetres per pixel
x, z = np.meshgrid(np.arange(-190, 75, pitch), np.arange(-82, 83, pitch), indexing="ij")
nearest = []
for side, mirror in ((texels.facing > 0, -1), (texels.facing < 0, 1)):
    tree = cKDTree(texels.points[side][:, [0, 2]] * [1, mirror])
    away, found = tree.query(np.stack([x.ravel(), z.ravel()], 1), distance_upper_bound=max(1.2, 900 / size))
    nearest.append(np.append(np.flatnonzero(side), -1)[found].reshape(x.shape))
nearest = np.concatenate(nearest, 1)  # texel seen by each pixel, -1 beside the hand


# %%
def flat(values):
    """Back and palm side by side, NaN beside the hand."""
    image = values[nearest].astype(float)
    image[nearest < 0] = np.nan
    return image


# %%
def shown(linear):
    """sRGB values in [0, 1] of linear light; white where there is none."""
    low, high = 12.92 * linear, 1.055 * np.maximum(linear, 1e-4) ** (1 / 2.4) - 0.055
    return np.nan_to_num(np.clip(np.where(linear < 0.0031308, low, high), 0, 1), nan=1.0)


# %% [markdown]
# ### From scratch: where the palm ends
#
# Let $n$ be the normal of the skin and $b$ the direction of the back of that finger, blended between joints as the
# skin is. The palm is where they disagree, with a soft and slightly ragged border:
#
# $$ p = 1 - S\big(n \cdot b + 0.12\,\eta_6;\ -0.35,\ 0.35\big), \qquad S(x; l, h) = t^2(3 - 2t),\
# t = \mathrm{clip}\Big(\tfrac{x-l}{h-l}, 0, 1\Big) $$
#
# $\eta_6$ is a smooth random function of the place, with bumps 6 mm wide. Towards the elbow the palm fades over 55 mm.


# %%
def palm_from_scratch(rng):
    def step(x, low, high):
        t = np.clip((x - low) / (high - low), 0, 1)
        return t * t * (3 - 2 * t)

    edge = texels.facing + 0.12 * fields.noise(texels.points, 6.0, rng)
    towards_elbow = texels.points[:, 0] + 4 * fields.noise(texels.points, 14.0, rng)
    return (1 - step(edge, -0.35, 0.35)) * (1 - 0.9 * step(towards_elbow, -8, 47))


palm = palm_from_scratch(run.rng("palm"))
np.testing.assert_allclose(palm, fields.palm_amount(texels, run.rng("palm")), atol=1e-6)

# %% [markdown]
# The colour is a mix of two colours in CIELAB, a space in which equal steps look equal. $L^*$ is lightness, $a^*$ runs
# from green to red, $b^*$ from blue to yellow. Only then is it turned into the linear reflectance that a renderer needs.

# %%
tone = baking.TONES["dark_brown"]
mixed = np.array(tone.back) + palm[:, None] * (np.array(tone.palm) - tone.back)
pictures = [
    np.repeat(np.nan_to_num(flat(palm), nan=1.0)[..., None], 3, 2),
    shown(flat(baking.lab_to_linear(mixed))),
]

# %%
run.show(
    viz.sheet(pictures, columns=2, titles=["palm amount p", "two colours, mixed by p"], width=4.5),
    "palm",
    caption="Left: the palm amount p over the back and the palm of the hand, from black (0) to white (1). "
    "Right: dark brown skin from two colours alone. A good mannequin.",
    alt="Two views of a hand in grey and in brown, the palm side lighter than the back.",
)

# %% [markdown]
# ## One field at a time
#
# What separates a mannequin from a person is some twenty such fields. Each is a simple function of place: distance
# along the finger from a joint, distance from a curve, a band of noise. Here they are, for one person.

# %%
parts = baking.skin_fields(texels, run.rng("person"))
names = [name for name in parts if name not in ("palm", "lunula", "nail_edge", "nail_rim")]
drawn = {name: parts[name] for name in names} | {"hair": hair.hair(texels, 0.8, run.rng("hair"))}
figure, axes = plt.subplots(4, 5, figsize=(13, 8.3))
for axis, (name, values) in zip(axes.flat, drawn.items(), strict=True):
    axis.imshow(flat(values), cmap="gray", vmin=min(0, 2 * values.min()), vmax=max(0.3, values.max()))
    axis.set_title(name.replace("_", " "), fontsize=10)
for axis in axes.flat:
    axis.axis("off")
run.show(
    figure,
    "fields",
    caption="The fields of one person, back and palm; bright is strong. Blotches are noise of 18, 5 and 1.8 mm; "
    "creases and wrinkles hang on the finger joints; veins and palm lines are curves, jittered per person; furrows "
    "are borders of random cells; hairs are strokes that follow a direction, and none grow on the palm.",
    alt="Twenty grey pictures of a hand, each showing one skin feature.",
)

# %% [markdown]
# Each field adds a little colour and height where it is strong. Strengths differ between light and dark skin: a knuckle
# reddens light skin and darkens dark skin, and veins hardly show through melanin.

# %%
columns = ["L*", "a*", "b*", "L* dark", "a* dark", "b* dark", "height, mm"]
layers = pd.DataFrame(
    [[*layer.light, *layer.dark, layer.height] for layer in baking.LAYERS.values()],
    list(baking.LAYERS),
    columns,
)
layers.index.name = "field"
run.table(
    layers, "layers", caption="What one unit of each field adds to the colour (CIELAB) and to the height."
)

# %% [markdown]
# Adding them up in the order of the table. A tone's darkness $d = \mathrm{clip}((60 - L^*)/30, 0, 1)$ mixes the strengths
# for light and dark skin.

# %%
lab, steps, darkness = mixed.copy(), [mixed.copy()], (60 - tone.back[0]) / 30
for name, layer in baking.LAYERS.items():
    offset = (1 - darkness) * np.array(layer.light) + darkness * np.array(layer.dark)
    lab = lab + parts[name][:, None] * offset
    if name in ("speckle", "wrinkles", "wrist_creases", "spots"):
        steps.append(lab)
steps.append(baking.with_nails(lab, parts, darkness))
run.show(
    viz.sheet(
        [shown(flat(baking.lab_to_linear(step))) for step in steps],
        columns=3,
        titles=[
            "two colours",
            "+ blotches",
            "+ knuckles",
            "+ creases and lines",
            "+ tips, veins, spots",
            "+ fine lines, nails",
        ],
        width=4.2,
    ),
    "layers",
    caption="From two colours to skin. Height and roughness, which the light needs, come from the same fields.",
    alt="Six pictures of the same hand with more and more skin detail.",
)

# %% [markdown]
# ## Seven tone groups, many people
#
# The paper lists seven colour groups and has 30 textures; it gives no colours. Ours are chosen to fall into the classes
# of the *individual typology angle* used by dermatologists, $\mathrm{ITA} = \arctan\frac{L^* - 50}{b^*}$: above 55° very
# light, 41° light, 28° intermediate, 10° tan, -30° brown, below that dark. Each person is drawn around the group's
# colour, within its class. The people of this run were baked beforehand; we bake the first one again.

# %%
index = run.input("skins", "skins.json")
folder, people = index.parent, json.loads(index.read_text())

# %%
started = time.process_time()
again = baking.bake_skin(people[0]["seed"], people[0]["tone"], size)
seconds = time.process_time() - started
stored = files.read_skin(folder / people[0]["file"])
assert np.allclose(again.albedo, stored.albedo, atol=1e-3)  # files hold half floats
megabytes = np.mean([(folder / person["file"]).stat().st_size for person in people]) / 1e6
print(f"{len(people)} skins of {size} × {size} texels, {seconds:.1f} CPU-seconds and {megabytes:.1f} MB each")

# %%
rows = []
for person in people:
    back, palm_color = baking.person_tone(person["tone"], np.random.default_rng(person["seed"]))
    ita = np.degrees(np.arctan2(back[0] - 50, back[2]))
    assert baking.typology(back) == baking.typology(np.array(baking.TONES[person["tone"]].back))
    rows.append([person["label"], *back, *palm_color, ita, baking.typology(back)])
columns = ["group", "L*", "a*", "b*", "palm L*", "palm a*", "palm b*", "ITA, degrees", "class"]
run.table(pd.DataFrame(rows, columns=columns).round(1), "people", caption="The people of this run.")

# %% [markdown]
# The maps of one person. The hand and the forearm are two islands of the atlas, each bled over its edge so that
# filtering never meets the black between. Cycles bends its shading normals by the height, which knows no cuts; the
# normal map holds the same relief for other renderers (`python -m renderih_lib.render.skin.files export`). The *folds*
# are added to the height where a joint is bent: creases of the palm side deepen between pads of flesh, and wrinkles
# of the back are pulled flat.

# %%
maps = files.read_skin(folder / people[-1]["file"])
figure, axes = plt.subplots(1, 5, figsize=(16, 3.6))
there = maps.roughness > 0
pictures = {
    "base colour": (shown(maps.albedo), (0, 1)),
    "roughness": (maps.roughness, (0.2, 0.7)),
    "normal": (maps.normal / 2 + 0.5, (0, 1)),
    "height, mm": (np.where(there, maps.height_mm, np.nan), (-0.4, 0.4)),
    "folds, mm": (np.where(there, maps.folds_mm, np.nan), (-0.4, 0.4)),
}
for axis, (title, (picture, limits)) in zip(axes, pictures.items(), strict=True):
    image = axis.imshow(picture, origin="lower", cmap="gray", vmin=limits[0], vmax=limits[1])
    axis.set_title(title, fontsize=10)
    axis.axis("off")
    if picture.ndim == 2:
        figure.colorbar(image, ax=axis, fraction=0.045)
run.show(
    figure,
    "maps",
    caption=f"The maps of one person ({people[-1]['label']}). Nails are smooth and glossy, creases of the fingers are 0.3 mm deep, "
    "the palm is rougher than the back. Folds count only where a joint bends.",
    alt="Five square texture maps with a hand and a forearm unwrapped.",
)

# %% [markdown]
# ## The same hands, different textures (Figure 5)
#
# One pose for all: the right hand shows its back, the left hand its palm. Both wear the same skin: the left hand is a
# mirror image of the mesh and shares its atlas.

# %%
relaxed = {finger: [0, 6, 14, 6] for finger in ("index", "middle", "ring", "pinky")} | {"thumb": [0, 5, 5, 8]}
angles = angles_from_degrees(relaxed).expand(1, 2, 15, 3).clone()
upright = torch.tensor([[[0.0, 0, -1], [-1, 0, 0], [0, 1, 0]], [[0.0, 0, -1], [1, 0, 0], [0, -1, 0]]])[None]
apart = torch.tensor([[[-0.062, -0.06, 0.0], [0.062, -0.06, 0.0]]])
pose = PairPose(angles, upright, apart, torch.zeros(1, 2, 10))
hands = open_hand_pair()(pose).vertices[0].reshape(-1, 3).numpy()

# %% [markdown]
# A row like those of a rendering plan: pose, camera, skin and light of one image (notebook 09 makes thousands). `photo`
# hands it to Cycles, which runs in a child process of its own, and reads the picture back.

# %%
pixels = min(run.sizes.gallery_height, 334)
R, t = look_at(np.array([0.0, 0.05, 0.75]), hands.mean(0))
K = framing(to_camera(hands, R, t), pixels, pixels, fill=0.92, centred=True)
row = {name: getattr(pose, name).numpy().ravel() for name in ("angles", "wrist", "translation", "shape")}
row |= {
    "image_id": 0,
    "K": K.ravel(),
    "R": R.ravel(),
    "t": t,
    "width": pixels,
    "height": pixels,
    "radius": 0.75,
}
row |= {"samples": run.sizes.gallery_samples, "cycles_seed": seed, "f_stop": 11.0, "exposure_jitter": 0.0}
row |= {"tone_hue": 0.0, "tone_saturation": 1.0, "tone_value": 1.0, "tone_contrast": 0.0}
row |= {"sleeve": 0.0, "sleeve_seed": 0, "prop": "", "prop_size": [0, 0, 0], "prop_seed": 0, "background": ""}
row |= {"white_balance": [1.0, 1.0, 1.0], "psf_px": 0.3, "vignette": 0.0, "noise_iso": 0.0, "noise_seed": 0}
row |= {"view_transform": "AgX", "background_yaw": 0.0}
environments = catalogue(run.input("environments", f"{run.sizes.panoramas[0]}.exr").parent)
recipe = recipe_for("gallery", run.sizes)
arms, sleeve = ArmPair(recipe.levels), Sleeve()
sources = SimpleNamespace(skin=lambda name: folder / f"{name}.npz", environment=environments.get)
cycles = CyclesProcess(arms, asdict(recipe), threads=torch.get_num_threads(), sleeve=sleeve)


# %%
def photo(skin_file, environment, yaw=0.0, folds=True, **changes):
    """A photograph (H, W, 3) of the two hands, and what Cycles says about it."""
    choice = {"skin": skin_file.removesuffix(".npz"), "environment": environment, "environment_yaw": yaw}
    geometry, file = cycles.scratch / "pose.npz", cycles.scratch / "photo.png"
    job = frame(row | choice | changes, arms, sleeve).job(arms, geometry, file, sources)
    if not folds:
        with np.load(geometry, allow_pickle=False) as arrays:
            flat_skin = {name: arrays[name] * (name != "flexion") for name in arrays.files}
        np.savez(geometry, **flat_skin)
    reply = cycles.ask("render", **job)
    return np.asarray(Image.open(file).convert("RGB")), reply


# %%
sitters = people[:14]
portraits = [photo(person["file"], "interior")[0] for person in run.progress(sitters, desc="tones")]

# %%
run.show(
    viz.sheet(portraits, columns=min(7, len(sitters)), titles=[p["label"] for p in sitters], width=2.2),
    "figure_5",
    caption="Same hands, different textures (paper Figure 5), one person per picture and the seven tone groups in every "
    "row: the back of the right hand and the palm of the left, under the same indoor light. Palms are light in every "
    "group, knuckles are red or dark, nails differ with the skin, and some people have hair.",
    alt="Photographs of two raised hands in skin tones from white to black.",
)

# %% [markdown]
# **How skin is shaded.** Light enters skin and comes out elsewhere. The material is Blender's Principled BSDF with a random
# walk below the surface. Jensen (2001) measured how much skin absorbs and scatters per millimetre; one over their sum
# is the mean free path, 1.30, 0.95 and 0.67 mm for red, green and blue. Red is absorbed least, so it travels farthest
# and shadows get a warm rim. Melanin shortens the paths on dark skin. The height bends the normals, nails are
# glossier than skin, and palms are duller than backs.
#
# ### Closer
#
# A mannequin gives itself away from near. `near` moves the camera to a hand's breadth from one keypoint.


# %%
keypoints = open_hand_pair()(pose).keypoints[0].numpy()


def near(hand, keypoint, towards, width):
    """Changes of the row that fill the picture with `width` metres round a keypoint, seen from a direction."""
    target, distance = keypoints[hand, KEYPOINT_NAMES.index(keypoint)], 0.4
    R, t = look_at(target + distance * np.array(towards) / np.linalg.norm(towards), target)
    K = np.array(
        [[pixels * distance / width, 0, pixels / 2], [0, pixels * distance / width, pixels / 2], [0, 0, 1]]
    )
    return {"K": K.ravel(), "R": R.ravel(), "t": t, "radius": distance, "f_stop": 0.0}


def hair_of(person):
    """Amount of a person's hair; drawn right after the tone."""
    rng = np.random.default_rng(person["seed"])
    baking.person_tone(person["tone"], rng)
    return baking.person_hair(person["tone"], rng)[1]


hairy = max(people, key=hair_of)

# %%
dark = people[min(5, len(people) - 1)]
close = {
    "fingers": (people[0], near(0, "middle_middle", (0.1, 0.3, 1), 0.08)),
    "a nail": (people[0], near(0, "ring_tip", (0.1, 0.5, 1), 0.035)),
    f"palm, {dark['label']}": (dark, near(1, "middle_root", (0, -0.3, 1), 0.11)),
    f"hair, {hairy['label']}": (hairy, near(0, "wrist", (-0.4, 0.3, 1), 0.12)),
}
looks = [photo(person["file"], "courtyard", yaw=1.0, **camera)[0] for person, camera in close.values()]
run.show(
    viz.sheet(looks, columns=4, titles=list(close), width=3.4),
    "close",
    caption="Close-ups: wrinkles over the middle joints, a nail with its fold, lines and net of a palm, and hair on wrist and "
    "forearm.",
    alt="Four close photographs of skin: fingers, a nail, a palm and a hairy wrist.",
)

# %% [markdown]
# **Folds.** A map that never changes looks like a glove as soon as fingers bend. `flexion` is 0 on the flat hand and grows
# with the bend of the nearest joint, up to 1 at the end of its range (Table 2). The renderer adds flexion times the
# folds to the height.

# %%
bent = {finger: [0, 25, 60, 30] for finger in ("index", "middle", "ring", "pinky")} | {
    "thumb": [0, 10, 25, 35]
}
angles = angles_from_degrees(bent).expand(1, 2, 15, 3).clone()
keypoints = open_hand_pair()(pose.replace(angles=angles)).keypoints[0].numpy()
curled = {"angles": angles.numpy().ravel()} | near(1, "middle_middle", (0.9, 0.2, 1), 0.07)
pairs = [photo(people[0]["file"], "courtyard", folds=folds, **curled)[0] for folds in (False, True)]
change = np.abs(pairs[1].astype(float) - pairs[0]).mean(-1)
run.show(
    viz.sheet(
        [*pairs, np.repeat(np.clip(1 - change[..., None] / 25, 0, 1), 3, 2)],
        columns=3,
        titles=["without folds", "with folds", "difference"],
        width=3.8,
    ),
    "folds",
    caption="Curled fingers without and with folds. On the palm side creases deepen at the bent joints, and nothing changes "
    "far from them; the difference is dark where a pixel changed by 25 of 255 or more.",
    alt="Two photographs of curled fingers and a picture of where they differ.",
)

# %% [markdown]
# ## Places to stand in (Figure 6)
#
# A *high dynamic range* panorama stores how much light comes from every direction, without clipping lamps or the sun.
# It lights the scene and is its background, so both always agree. The paper takes 300 of them from the web. Ours need
# no download: eight ship with Blender (CC0), and the others are places that a program furnishes from a seed, rooms by
# day and night and spots under open sky, path-traced once from where the hands will be. A folder of your own
# panoramas joins them with `--own-environments`.

# %%
places = [name for name in environments if kind_of(name) != "dome"]
step = max(1, len(places) // 30)


def small(panorama, width=512):
    """Averaged down to `width`, which keeps its light."""
    k = max(1, panorama.shape[1] // width)
    height, width = panorama.shape[0] // k, panorama.shape[1] // k
    return panorama[: height * k, : width * k].reshape(height, k, width, k, 3).mean((1, 3))


panoramas = {n: small(cycles.panorama(environments[n])) for n in run.progress(places[::step], desc="read")}


# %%
run.show(
    viz.sheet([thumbnail(p) for p in panoramas.values()], columns=5, titles=list(panoramas), width=2.2),
    "panoramas",
    caption="The places of this run, each exposed for itself: eight photographed ones that ship with Blender, and "
    "generated rooms and outdoor places. Left and right edges of each meet.",
    alt="A sheet of panoramas: rooms, streets, gardens and landscapes by day and night.",
)

# %% [markdown]
# A camera sees little of a place. What stands within arm's reach matters most: it is what the picture will show behind
# the hands.

# %%
turns = {name: 2.4 * k for k, name in enumerate(panoramas)}
crops = [
    thumbnail(view(p, turns[name], -0.25, np.radians(45), 240, 160), 240) for name, p in panoramas.items()
]

# %%
run.show(
    viz.sheet(crops, columns=6, width=2.2),
    "behind_the_hands",
    caption="A 45 degree view out of each place, a little downwards, as a camera would see it behind the hands.",
    alt="A sheet of photograph-like crops: tables, shelves, hedges, walls, streets.",
)

# %% [markdown]
# The light that reaches a piece of skin with normal $n$ is the irradiance
#
# $$ E(n) = \int L(\omega)\, \max(0, n \cdot \omega)\, d\omega \ \approx\
# \sum_{\text{pixels}} L\,\max(0, n \cdot \omega)\,\Delta\omega, \qquad \Delta\omega = \tfrac{\pi}{H}\tfrac{2\pi}{W}\cos\theta. $$


# %%
def directions(height, width):
    """Unit vectors of the pixels of a panorama, Blender's axes, and their solid angles."""
    theta = np.pi * (0.5 - (np.arange(height) + 0.5) / height)[:, None]
    phi = np.pi - 2 * np.pi * (np.arange(width) + 0.5)[None] / width
    x, y, z = np.cos(theta) * np.cos(phi), np.cos(theta) * np.sin(phi), np.sin(theta) + 0 * phi
    return np.stack([x, y, z], -1), np.pi / height * 2 * np.pi / width * np.cos(theta) + 0 * phi


# %%
def irradiance(panorama, normal):
    towards, solid_angle = directions(*panorama.shape[:2])
    return (panorama * (np.maximum(towards @ normal, 0) * solid_angle)[..., None]).sum((0, 1))


# %% [markdown]
# Two checks of the integral: the solid angles fill the sphere, and under an even sky of radiance 1 the irradiance is
# $\pi$ whatever the normal.

# %%
towards, solid_angle = directions(256, 512)
assert abs(solid_angle.sum() / (4 * np.pi) - 1) < 1e-4
np.testing.assert_allclose(irradiance(np.ones((256, 512, 3)), np.array([0.6, 0, 0.8])), np.pi, rtol=1e-3)


# %%
def light_facts(panorama):
    """Brightest light over the darkest 0.1 %, stops of 0.1 to 99.9 % of the sphere, share of the brightest 1 %."""
    light, weight = panorama @ [0.2126, 0.7152, 0.0722], directions(*panorama.shape[:2])[1]
    order = np.argsort(light.ravel())
    share = np.cumsum(weight.ravel()[order]) / weight.sum()
    low, bright, high = np.interp([0.001, 0.99, 0.999], share, light.ravel()[order])
    of_brightest = (light * weight)[light > bright].sum() / (light * weight).sum()
    return [dynamic_range(panorama), np.log2(high / max(low, 1e-6)), 100 * of_brightest]


# %%
columns = ["dynamic range", "stops", "% of light from the brightest 1 %"]
lights = pd.DataFrame({n: light_facts(p) for n, p in panoramas.items()}, index=columns).T
lights.insert(0, "kind", [kind_of(name) for name in lights.index])
by_kind = lights.groupby("kind").agg(["min", "median", "max"]).round(1)
run.table(by_kind, "lights", caption="Dynamic range of the places by kind (stops: 0.1 to 99.9 % of the sphere, at 512 "
          "pixels; an 8-bit photograph holds about 8).")  # fmt: skip

# %% [markdown]
# Now the same hands in each of them. Brightness of the places differs by a lot, so every image is *metered*: the
# exposure is chosen after rendering, so that the median light on the hands becomes $0.25\,(Y/0.3)^{0.55}$, with $Y$ the
# luminance of the skin's texture. The exponent keeps dark skin darker than light skin, yet readable.

# %%
model = people[min(2, len(people) - 1)]
chosen = list(panoramas)[:: max(1, len(panoramas) // min(15, run.sizes.gallery_images + 1))][:15]
lit = {name: photo(model["file"], name) for name in run.progress(chosen, desc="lights")}

# %%
titles = [f"{name} ({reply['exposure_ev']:+.1f} stops)" for name, (_, reply) in lit.items()]
run.show(
    viz.sheet([image for image, _ in lit.values()], columns=5, titles=titles, width=2.6),
    "figure_6",
    caption="Same hands under diverse light (paper Figure 6). In brackets: the exposure that metering chose.",
    alt="Photographs of the same two raised hands in different places.",
)

# %% [markdown]
# Does the rendered light follow the panorama? A matt hand turned to the camera would need an exposure of
# $-\log_2 E$ plus a constant. Skin is glossy and hands shade themselves, so the points scatter, yet they follow.

# %%
facing = np.array([0.0, -1.0, 0.0])  # the camera's side, in Blender's axes
expected = {n: -np.log2(irradiance(panoramas[n], facing) @ [0.2126, 0.7152, 0.0722]) for n in lit}
stops = {name: reply["exposure_ev"] for name, (_, reply) in lit.items()}
agreement = float(np.corrcoef([expected[n] for n in lit], [stops[n] for n in lit])[0, 1])
figure, axis = plt.subplots(figsize=(4.8, 3.4))
for marker, kind in zip("os^D", sorted({kind_of(name) for name in lit}), strict=False):
    names = [name for name in lit if kind_of(name) == kind]
    x, y = [expected[name] for name in names], [stops[name] for name in names]
    axis.plot(x, y, marker, color="#6B6257", mfc="none" if marker == "s" else None, label=kind)
axis.legend(fontsize=8)
axis.set(xlabel="-log2 of the irradiance towards the camera", ylabel="metered exposure, stops")
run.show(
    figure,
    "metering",
    caption=f"Exposure chosen by metering against the irradiance of the panorama; correlation {agreement:.2f}.",
    alt="Points with a marker for each kind of place, that rise from left to right.",
)

# %%
run.write_metrics(
    {"irradiance_correlation": agreement, "exposure_range_stops": float(np.ptp(list(stops.values())))}
)
cycles.stop()

# %% [markdown]
# > **View transform.** A renderer's light must be squeezed into 8 bits. *Standard* clips lamps and saturates, *Filmic* turns
# > skin yellow-olive. *AgX* with medium high contrast keeps tones believable: 65 % of the images use it, 15 % AgX
# > without contrast, and 20 % *Standard*, as cheap cameras would.
#
# ## Cameras on four tracks (Figure 7)
#
# The centre of the two hands is the centre of the world. Four circles surround it, and every camera looks at the
# centre. A point $X$ of the world is $x = RX + t$ for the camera, and $(u, v) = (f_x x_1/x_3 + c_x,\ f_y x_2/x_3 + c_y)$
# in the image. The paper gives no radii or tilts; ours are planes tilted by 0, 45, 90 and 135 degrees.


# %%
def look_at_from_scratch(eye):
    """Camera axes as rows: right, down, forward."""
    forward = -eye / np.linalg.norm(eye)
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    R = np.stack([right, np.cross(forward, right), forward])
    return R, -R @ eye


# %%
eye = 0.7 * track_directions(10)[1, 3]
for mine, library in zip(look_at_from_scratch(eye), look_at(eye, np.zeros(3)), strict=True):
    np.testing.assert_allclose(mine, library, atol=1e-12)

# %%
tracks = 0.7 * track_directions(10)
centre_pixel = np.array([[500.0, 0, 256], [0, 500, 167], [0, 0, 1]])
for eye in tracks.reshape(-1, 3):
    seen = project(to_camera(np.zeros((1, 3)), *look_at(eye, np.zeros(3))), centre_pixel)
    np.testing.assert_allclose(seen, [[256, 167]], atol=1e-9)

# %%
figure = plt.figure(figsize=(6, 5.4))
axis = figure.add_subplot(projection="3d")
around = 0.7 * track_directions(90)
shades = ("#222222", "#7B2D8B", "#009E73", "#BBBBBB")  # dark to light, none that of a hand
for circle, cameras, tilt, shade in zip(around, tracks, TRACK_TILTS, shades, strict=True):
    axis.plot(*np.concatenate([circle, circle[:1]])[:, [0, 2, 1]].T, color=shade, lw=1)
    axis.scatter(*cameras[:, [0, 2, 1]].T, color=shade, s=18, label=f"track tilted {tilt}°")
for vertices, color in zip((hands - hands.mean(0)).reshape(2, -1, 3), viz.HAND_COLORS, strict=True):
    axis.scatter(*vertices[::2, [0, 2, 1]].T, color=color, s=0.4)
ticks = [-0.5, 0, 0.5]
axis.set(xlabel="x, m", ylabel="z, m", zlabel="y (up), m", xticks=ticks, yticks=ticks, zticks=ticks)
axis.set_box_aspect((1, 1, 1))
axis.legend(fontsize=8, loc="upper left")
run.show(
    figure,
    "figure_7",
    caption="Four circular tracks of ten cameras round the two hands (paper Figure 7), radius 0.7 m. Dots are cameras, all "
    "looking at the centre; the right hand is vermillion, the left one blue.",
    alt="Four circles in three dimensions with ten dots each, around two hands.",
)

# %%
surfaces = viz.pair_surfaces(open_hand_pair()(pose), open_hand_pair())
views = [
    viz.picture(surfaces, view=viz.View(tuple(eye), (0, 1, 1e-3)), size=(150, 110), extent=0.26)
    for eye in tracks[:, ::2].reshape(-1, 3)
]

# %%
run.show(
    viz.sheet(views, columns=5, width=2.1),
    "views",
    caption="Every second view of each track; one row per track.",
    alt="Twenty pictures of two hands from all around.",
)

# %% [markdown]
# ## Other rigs
#
# Tracks may be dense, and other domains have cameras of their own: a capture studio's dome, one camera over a table,
# or the eyes of the person whose hands they are. `--set "rig=first person"` or `--set views_per_track=60` changes any
# plan, `--cameras` takes InterHand2.6M's own cameras from its JSON file, and `--set jitter=[0.02,0.01]` shakes them.

# %%
rigs = {
    "tracks, 60 views each": 0.7 * rig_named("tracks", 60).eyes,
    "dome": rig_named("dome", 10).eyes,
    "first person": 0.45 * rig_named("first person", 10).eyes,
}
figure = plt.figure(figsize=(11, 3.8))
for place, (name, eyes) in enumerate(rigs.items(), start=1):
    axis = figure.add_subplot(1, 3, place, projection="3d")
    axis.scatter(*eyes[:, [0, 2, 1]].T, s=5, color="#6B6257")
    for vertices, color in zip((hands - hands.mean(0)).reshape(2, -1, 3), viz.HAND_COLORS, strict=True):
        axis.scatter(*vertices[::2, [0, 2, 1]].T, color=color, s=0.4)
    reach = 1.1 * np.abs(eyes).max()
    axis.set(xlim=(-reach, reach), ylim=(-reach, reach), zlim=(-reach, reach), title=f"{name}: {len(eyes)}")
    axis.set(xlabel="x, m", ylabel="z, m", zlabel="y (up), m", box_aspect=(1, 1, 1))
run.show(
    figure,
    "rigs",
    caption="Three more rigs, a dot per camera: dense tracks, a capture dome with cameras at 1 to 1.5 m, and the places "
    "of a person's eyes, above and behind the wrists (the person sits at +z).",
    alt="Three plots in space with dots around two hands: full circles, a sphere open below, and a small patch.",
)

# %% [markdown]
# ## The paper and what we measured

# %%
claims = pd.DataFrame(
    [
        [
            "seven colour groups",
            len({person["tone"] for person in people}),
            "groups among the skins of this run",
        ],
        ["30 textures", len(people), "baked here; any number can be"],
        ["300 HDR panoramas", len(places), "8 ship with Blender, the rest are generated; 300 at scale paper"],
        ["four 360-degree tracks", len(tracks), "10 views each, as in the paper's sparse sampling"],
        ["brightness and contrast of tones vary", "yes", "drawn per image by the plan (notebook 09)"],
    ],
    columns=["paper", "here", "note"],
)
run.table(claims, "claims", caption="What the paper says and what we have.")

# %%
run.write_metrics(
    {
        "textures": len(people),
        "tones": len({person["tone"] for person in people}),
        "environments": len(places),
        "tracks": len(tracks),
        "bake_cpu_seconds": seconds,
        "skin_megabytes": float(megabytes),
        "stops": lights["stops"].to_dict(),
        "dynamic_range_min": lights["dynamic range"].min(),
        "render_cpu_seconds": float(np.mean([reply["cpu_seconds"] for _, reply in lit.values()])),
    }
)

# %% [markdown]
# > **Paper and released code.** The paper varies brightness and contrast of the tones in the shader; the released script sets
# > one texture on both hands, without tone changes, roughness 1, no bump, and Burley
# > subsurface scattering. It shows each panorama always from the same side: the same wall, the same light
# > direction. Here the panorama is turned at random for every image. The paper's circular tracks are not in the released
# > code, which takes the cameras of InterHand2.6M instead.
#
# ## Exercises
#
# **1. A person of your own.** Add a tone between *olive* and *dark brown* and bake it. In which typology class is it?
#
# <details><summary>One solution</summary>
#
# ```python
# baking.TONES["mine"] = baking.Tone("mine", back=(48, 12, 20), palm=(56, 14, 19))
# mine = baking.bake_skin(seed=1, tone="mine", size=512)
# print(baking.typology(np.array(baking.TONES["mine"].back)))  # brown: ITA is -5.7 degrees
# Image.fromarray((shown(mine.albedo)[::-1] * 255).astype("uint8"))
# ```
# </details>
#
# **2. See a seam.** Colour the texels by noise of their place in the atlas instead of their place on the hand. Where does it
# break?
#
# <details><summary>Solution</summary>
#
# ```python
# row, column = np.divmod(texels.index, size)
# in_atlas = np.stack([row, column, 0 * row], 1) * (200 / size)
# plt.imshow(flat(fields.noise(in_atlas.astype(np.float32), 8.0, run.rng("seam"))))
# ```
# Along both sides of every finger and in a ring round the wrist: there the two sides of a cut are far apart in the atlas.
# </details>
#
# **3. Against the light.** Turn the panorama *interior* by 180 degrees with `photo(file, "interior", yaw=np.pi)`. What
# changes at the finger tips of light skin, and why not in the metered brightness?
#
# <details><summary>Solution</summary>
#
# Light from behind shines through thin skin, red travels farthest, so the tips glow orange. Metering looks only at the
# hands, so it opens the exposure until they are as bright as before and the background washes out.
# </details>
#
# ## What we saw
#
# - Skin that depends on the place on the hand has no seams, takes seconds per person, and needs no downloads.
# - The scattering decides whether detail survives: diffusion lengths used as free paths make wax of creases and pores.
# - Palms, knuckles, creases and nails turn a mannequin into a person; tones need more than one colour each.
# - Places carry 7 to 25 stops of light, and the darkest need six stops more exposure than the brightest: metering is
#   not optional. What a place shows behind the hands is decided by what stands within arm's reach.
#
# **Limits.** The tones are chosen, not measured. Hairs are painted, so none sticks out against the light, and folds bend the
# light but not the outline. Fingers stay round where they press.
#
# Next: [09 · Cycles rendering](09_cycles_rendering.ipynb).
