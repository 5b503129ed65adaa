# %% [markdown]
# # 00 · Start here
#
# **Question** What is this, does it run on this machine, and in which order is it read? ·
# **Paper** all of it, from above · **Needs** nothing · **Takes** less than a minute
#
# *RenderIH* (ICCV 2023) makes pictures of two hands that touch, with exact labels, and trains a network on them.
# These notebooks walk the same way, from a single hand to a trained network, with everything computed before your
# eyes. Nothing needs a registration or a GPU: the hand, the poses, the textures and the light are made here or are in
# the public domain. Who owns MANO or InterHand2.6M can plug them in.

# %% tags=["parameters"]
scale: str = "demo"  # tiny, demo, gpu or paper (renderih_lib/scales.py)
seed: int = 0  # root of all randomness
out_dir: str = "runs"  # where results go
data_root: str = ""  # folder of the gated datasets, if you have them

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from renderih_lib import provenance, repro, viz

run = repro.start("00_start_here", scale=scale, seed=seed, out_dir=out_dir, data_root=data_root)

# %% [markdown]
# ## The way through
#
# A pose of two hands is chosen, repaired, given skin and light, photographed, and handed to a network together with
# what is known about it. Each step leaves files that the next one reads; no step knows what comes after it.

# %%
STAGES = [
    ("hand", "pose and shape\n→ mesh", "01"),
    ("poses", "natural, then\naugmented", "02"),
    ("optimise", "touch, but do\nnot penetrate", "07"),
    ("skin, light,\ncameras", "what a picture\nis made of", "08"),
    ("render", "Cycles: images\nand labels", "09"),
    ("network", "TransHand", "11, 12"),
    ("metrics", "how far off,\nin millimetres", "13"),
]


def draw_pipeline(stages):
    """The stages as boxes from left to right, with their notebooks below."""
    figure, axis = plt.subplots(figsize=(11, 2.1))
    for place, (name, what, notebooks) in enumerate(stages):
        box = {"boxstyle": "round,pad=0.5", "facecolor": "#F3EFE8", "edgecolor": "#6B6257"}
        axis.text(place, 1, name, ha="center", va="center", weight="bold", fontsize=10, bbox=box)
        axis.text(place, 0.45, what, ha="center", va="center", fontsize=8.5)
        axis.text(place, 0.05, f"notebook {notebooks}", ha="center", fontsize=8, color="#6B6257")
        if place:
            arrow = {"arrowstyle": "->", "color": "#6B6257"}
            axis.annotate("", (place - 0.42, 1), (place - 0.6, 1), arrowprops=arrow)
    axis.set(xlim=(-0.6, len(stages) - 0.4), ylim=(-0.05, 1.4))
    axis.axis("off")
    return figure


run.show(
    draw_pipeline(STAGES),
    "pipeline",
    caption="The pipeline. Each box is a part of the library and a notebook; results flow from left to right.",
    alt="Seven boxes joined by arrows: hand, poses, optimise, skin and light and cameras, render, network, metrics.",
)

# %% [markdown]
# | notebook | question |
# |---|---|
# | [01_hand_model](01_hand_model.ipynb) | How does a list of angles become a hand? |
# | [02_pose_augmentation](02_pose_augmentation.ipynb) | How does one pose become thirty, and which of them are natural? |
# | [07_pose_optimization](07_pose_optimization.ipynb) | How do two hands touch without passing through each other? |
# | [08_textures_light_cameras](08_textures_light_cameras.ipynb) | What is a photographic picture of a hand made of? |
# | [09_cycles_rendering](09_cycles_rendering.ipynb) | Do the pictures fit their labels? |
# | [11_transhand](11_transhand.ipynb) | How does the network see two hands at once? |
# | [12_training](12_training.ipynb) | Does it learn from rendered pictures? |
# | [13_metrics](13_metrics.ipynb) | What does an error in millimetres mean, and against what? |
# | [99_report](99_report.ipynb) | Which claims of the paper held here? |
#
# Numbers between them belong to notebooks that look at single parts more closely.

# %% [markdown]
# ## Two ways to run them
#
# **Live**, cell by cell in JupyterLab (`make lab`), at the scale named in the parameters cell. **In batch**,
# `make reproduce SCALE=tiny` runs all of them with papermill and Snakemake, and a second call does only what is missing.
# A *scale* is a set of sizes and nothing else; these are its main ones.

# %%
from renderih_lib.scales import DATASETS, NAMES, scale_by_name

SHOWN = ["pairs", "textures", "rooms", "skies", "gallery_images", "train_steps", "image_size", "disk_gb"]
rows = {
    name: {field: getattr(scale_by_name(name), field) for field in SHOWN}
    | {f"{dataset} images": scale_by_name(name).images(dataset) for dataset in DATASETS[1:]}
    for name in NAMES
}
sizes = pd.DataFrame(rows).map(lambda number: f"{number:,g}").rename_axis("size")
run.table(
    sizes, "scales", caption="What each scale asks for. The column named demo fits a laptop with two cores."
)

# %% [markdown]
# ## This machine
#
# The same sources and seed give the same numbers on the same versions. Between processors they may differ in the last
# digits, so every run writes down where it ran (`provenance.json`).

# %%
import shutil

machine, versions = provenance.machine(), provenance.versions()
free_gb = shutil.disk_usage(run.folder).free / 1e9
facts = {
    "processor": f"{machine['cpu']}, {machine['cores']} cores",
    "graphics processors": ", ".join(machine["gpus"]) or "none, and none is needed",
    "free disk": f"{free_gb:.0f} GB, this scale asks for {run.sizes.disk_gb:g} GB",
    **{package: version or "not installed" for package, version in versions.items()},
}
run.table(
    pd.Series(facts, name="found").rename_axis("what").to_frame(),
    "machine",
    caption="Where this notebook ran.",
)

# %%
assert versions["bpy"], "bpy is missing, so nothing can be rendered: Python 3.11 and `make venv` bring it"
assert free_gb > run.sizes.disk_gb, f"this scale needs {run.sizes.disk_gb} GB of disk"

# %% [markdown]
# ## The data
#
# What the papers used and this repository may not contain. *missing* is normal: a stand-in made here takes its place,
# and every table says so. `make data-check` prints the same with the next step for each.

# %%
from renderih_lib.data.manifest import check_asset, load_manifest

states = [check_asset(asset, run.data_root) for asset in load_manifest().assets]
assets = pd.DataFrame(
    [(s.asset.title, s.status, s.asset.licence, s.asset.instead) for s in states],
    columns=["asset", "state", "licence", "without it"],
)
run.table(assets, "assets", caption="External assets on this machine. Nothing of them is needed to go on.")

# %% [markdown]
# ## A first hand
#
# Fifteen joints, each with a *bend* (closing the finger) and, at the finger's root, a *splay* (towards the thumb).
# A pose is a list of such angles. Zero is the flat hand.

# %%
from renderih_lib.hand.anatomy import BEND, angles_from_degrees, joint_rotations, rest_frames
from renderih_lib.hand.open_hand import load_open_hand

hand = load_open_hand("right")
frames = rest_frames(hand)
pointing = angles_from_degrees(
    {"middle": [0, 75, 90, 60], "ring": [0, 70, 95, 60], "pinky": [0, 65, 85, 60], "thumb": [10, 25, 40, 45]}
)
mesh = hand(joint_rotations(pointing[None], frames))
print(f"{hand.vertex_count} vertices, {len(hand.faces)} faces, {mesh.keypoints.shape[1]} keypoints")

# %% [markdown]
# The rotations that come out are real rotations, and only the bend and splay that went in:

# %%
rotations = joint_rotations(pointing[None], frames)[0, 1:].numpy()
assert np.allclose(rotations @ rotations.transpose(0, 2, 1), np.eye(3), atol=1e-6)
print("largest bend:", round(float(np.rad2deg(pointing[:, BEND].max()))), "degrees")

# %%
surface = viz.hand_surface(mesh, hand)
views = list(viz.VIEWS)
pictures = [viz.picture([surface], view=view, size=(260, 260)) for view in views]
run.show(
    viz.sheet(pictures, columns=4, titles=views),
    "first_hand",
    caption="The open hand, pointing, seen from four sides. Right hands are vermillion in all notebooks.",
    alt="A right hand whose index finger is straight and whose other fingers are closed, from four sides.",
)

# %% [markdown]
# The same hand to turn with the mouse. The viewer works without a network; a code host shows only the pictures above.

# %%
viz.show_mesh([surface], viewer="jupyter")

# %% [markdown]
# Move a finger yourself. The picture after the slider shows the same function at three values, for when you read this
# without a running kernel.

# %%
import ipywidgets


def closing(degrees=45):
    """The hand with all four fingers bent by `degrees` at every joint, from the palm's side."""
    bent = angles_from_degrees(
        {finger: [0] + 3 * [degrees] for finger in ("index", "middle", "ring", "pinky")}
    )
    posed = hand(joint_rotations(bent[None], frames))
    return viz.picture(
        [viz.hand_surface(posed, hand)], view="palm", size=(220, 220), extent=0.24, center=(-0.08, 0, 0)
    )


if not repro.in_batch():
    ipywidgets.interact(lambda degrees: viz.sheet([closing(degrees)], columns=1), degrees=(0, 70, 5))

# %%
run.show(
    viz.sheet([closing(degrees) for degrees in (0, 35, 70)], columns=3, titles=["0°", "35°", "70°"]),
    "closing",
    caption="All joints of four fingers bent by 0, 35 and 70 degrees: a positive bend closes the hand.",
    alt="Three pictures of a right hand from the palm's side: flat, half closed, and closed.",
)

# %%
run.write_metrics(
    {
        "free_disk_gb": free_gb,
        "cores": machine["cores"],
        "assets_found": sum(state.status == "ok" for state in states),
        "assets_wrong": sum(state.status == "wrong" for state in states),
    }
)

# %% [markdown]
# ## Exercises
#
# 1. Make the hand show two fingers.
#
# <details><summary>Solution</summary>
#
# Remove `"middle"` from the dictionary of `pointing`; give the two fingers a splay of opposite sign to spread them:
# `"index": [10, 0, 0, 0], "middle": [-10, 0, 0, 0]`.
#
# </details>
#
# 2. How many training images does the scale `paper` plan for each of the 30 textures?
#
# <details><summary>Solution</summary>
#
# `scale_by_name("paper").images("renderih-train") / scale_by_name("paper").textures`, about 31,000.
#
# </details>
#
# ## What we saw
#
# The machine can run this scale, everything external is optional, and a hand is a list of angles. Limits: the
# stand-ins for gated data make numbers that may be compared with each other, not with the papers' own.
#
# **Next** [01 · The hand](01_hand_model.ipynb)
