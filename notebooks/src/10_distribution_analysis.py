# %% [markdown]
# # 10 · What is in the dataset?
#
# **Question** How varied are views, occlusion, light, skin and poses, and how does one say so in numbers that do not
# depend on a picture? · **Paper** section 3.3, Table 1, Figure 9; InterShape's Figure 4; Figure 2b of the
# synthetic-to-real paper · **Needs** the poses and the rendered shards, made from
# [07](07_pose_optimization.ipynb) and [09](09_cycles_rendering.ipynb) · **Takes** about 2 minutes at demo on 2 cores
#
# You will see our row of Table 1 computed from the files, maps of where cameras stand around the hand, what hands hide,
# light and skin as pictures show them, spectra, and the t-SNE of Figure 9 with three numbers that do not come from
# t-SNE. One of them will disagree with the others, and that is the most instructive part.

# %% tags=["parameters"]
scale: str = "demo"  # tiny, demo, gpu or paper (renderih_lib/scales.py)
seed: int = 0  # root of all randomness
out_dir: str = "runs"  # where results go
data_root: str = ""  # folder of the gated datasets, if you have them

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from sklearn.manifold import TSNE

from renderih_lib import repro
from renderih_lib.claims import published, published_tables
from renderih_lib.data import statistics as stats
from renderih_lib.hand.anatomy import angle_limits
from renderih_lib.hand.pair import open_hand_pair
from renderih_lib.pose.plan import draw_raw_pairs
from renderih_lib.pose.store import read_poses
from renderih_lib.pose.validity import CONTACT_MM, DEPTH_MM, check_pairs
from renderih_lib.render.frames import row_pose
from renderih_lib.render.shards import decoded, read_annotations, read_member
from renderih_lib.scales import DATASETS

torch.set_num_threads(1)
run = repro.start("10_distribution_analysis", scale=scale, seed=seed, out_dir=out_dir, data_root=data_root)
hands = open_hand_pair()

# %%
rows = {}
for name in DATASETS:
    folder = run.input("datasets", f"{name}/shard-00000.json").parent
    rows[name] = read_annotations(folder)
print({name: len(table) for name, table in rows.items()})

# %% [markdown]
# Statistics of pixels look at no more than 200 images of a dataset, spread evenly over it. Colours stand for domains:

# %%
COLORS = {"gallery": "#000000", "renderih": "#009E73", "studio": "#4B4BB0", "tabletop": "#E69F00"}
COLORS |= {"random": "#CC79A7", "objects": "#8C5A2B"}
LINES = {name: "--" if name.endswith("test") else "-" for name in DATASETS}
color = {name: COLORS[name.split("-")[0]] for name in DATASETS}
some = {
    name: table.iloc[np.unique(np.linspace(0, len(table) - 1, 200, dtype=int))]
    for name, table in rows.items()
}


def pictures(name):
    return (row for _, row in some[name].iterrows())


# %%
figure, axes = plt.subplots(len(DATASETS), 8, figsize=(8.4, 9))
for line, name in zip(axes, DATASETS, strict=True):
    for axis in line:
        axis.axis("off")
    steps = np.unique(np.linspace(0, len(some[name]) - 1, 8, dtype=int))
    for axis, (_, row) in zip(line, some[name].iloc[steps].iterrows(), strict=False):
        picture = decoded(read_member(row))
        spare = max(0, picture.shape[1] - picture.shape[0]) // 2
        axis.imshow(picture[:, spare : picture.shape[1] - spare])
    line[0].set_title(name, fontsize=9, loc="left", color=color[name])
figure.tight_layout(pad=0.3)
run.show(
    figure,
    "domains",
    caption="Pictures of every dataset, one dataset a row (of the gallery the middle square).",
    alt="Eight rows of pictures of two hands: the paper's recipe, a capture dome, a table, random poses, and hands with objects.",
)

# %% [markdown]
# ## Table 1: our row, counted
#
# The paper compares datasets by their size, whether hands have several textures (MT), whether they avoid penetration
# (AP), by background, light, and how many images show interacting hands (IH). We do not state our row, we count it in the
# files. Interacting means that the hands come within 5 mm, penetration that one goes more than 2 mm into the other; both
# are measured exactly on posed meshes (notebook 07), for up to 60 pairs of each dataset.


# %%
def counted(name):
    table = rows[name]
    draws = table.drop_duplicates("draw")
    draws = draws.iloc[np.unique(np.linspace(0, len(draws) - 1, 60, dtype=int))]
    check = check_pairs(row_pose(draws.to_dict("records")), hands)
    shapes = table["shape"].map(lambda shape: shape.tobytes())
    return {
        "images": len(table),
        "pairs of hands": table["pose_id"].nunique(),
        "persons": len(set(zip(table["skin"], shapes, strict=True))),
        "skins": table["skin"].nunique(),
        "environments": table["environment"].nunique(),
        "touching %": 100 * (check.contact_mm <= CONTACT_MM).mean(),
        "penetrating %": 100 * (check.depth_mm > DEPTH_MM).mean(),
        "deepest mm": check.depth_mm.max(),
    }


# %%
counts = pd.DataFrame({name: counted(name) for name in run.progress(DATASETS, desc="count")}).T
run.table(
    counts.round(1).rename_axis("dataset"),
    "counts",
    caption="Every dataset, counted. A person is a skin with a hand shape. Touching: within 5 mm; penetrating: more than 2 mm.",
)

# %%
ours = counts.loc[["renderih-train", "renderih-test"]]
total = int(ours.images.sum())
yes = {True: "yes", False: "no"}
row = ["synthetic", yes[ours.skins.max() > 1], yes[ours["penetrating %"].max() < 1]]
row += [
    f"{ours.environments.max():.0f} panoramas",
    "dynamic",
    "IH",
    total,
    total * ours["touching %"].mean() / 100,
]

# %%
words, sizes = published_tables()["Table 1 in words"], published_tables()["Table 1"]
table_1 = pd.DataFrame(
    [[*words["rows"][name], *sizes["rows"][name]] for name in words["rows"]] + [row],
    columns=[*words["columns"], "images", "interacting"],
    index=[*words["rows"], "this run, counted"],
)
for column in ("images", "interacting"):
    table_1[column] = [f"{value:,.0f}" if pd.notna(value) else "" for value in table_1[column]]
run.table(
    table_1.fillna("").rename_axis("dataset"),
    "table_1",
    caption="Table 1 of the paper, and our training and test images of the paper's recipe at this scale. MT: several textures; "
    "AP: no penetration; SH: single hand, HO: hand and object, IH: interacting hands.",
)

# %% [markdown]
# ## Views
#
# Where does the camera stand, seen from the hand? With the camera's centre $c=-R^\top t$, the middle $m$ of the right hand
# and its wrist's rotation $W$, the direction in the hand's own frame is
#
# $$d = W^\top\,\frac{c-m}{\lVert c-m\rVert}$$
#
# There $+y$ is the back of the hand, $-x$ the fingertips and $+z$ the thumb's side. From scratch, for one image:

# %%
first = rows["renderih-train"].iloc[0]
R, t, W = first.R.reshape(3, 3), first.t, first.wrist.reshape(2, 3, 3)[0]
camera = -R.T @ t
middle = R.T @ (first.keypoints_3d.reshape(2, 21, 3)[0].mean(0) - t)
direction = W.T @ (camera - middle)
direction /= np.linalg.norm(direction)

# %%
directions = {name: stats.view_directions(table) for name, table in rows.items()}
assert np.allclose(direction, directions["renderih-train"][0], atol=1e-5)
print(direction.round(2))

# %%
LABELS = {
    (-90, 0): "little finger",
    (0, 0): "fingertips",
    (90, 0): "thumb",
    (0, 76): "back",
    (0, -76): "palm",
}
BOX = {"facecolor": "white", "edgecolor": "#999999", "lw": 0.5, "pad": 1.5}
shown = ["renderih-train", "studio-train", "tabletop-test", "random-train"]
figure, axes = plt.subplots(2, 2, figsize=(9, 5.4), subplot_kw={"projection": "mollweide"})
for axis, name in zip(axes.flat, shown, strict=True):
    x, y, z = directions[name][:800].T
    axis.scatter(np.arctan2(z, -x), np.arcsin(y), s=5, color=color[name], alpha=0.6)
    axis.set_title(name, fontsize=9)
    axis.set_xticks(np.deg2rad([-90, 0, 90]), [])
    axis.set_yticks(np.deg2rad([-60, 60]), [])
    for at, text in LABELS.items():
        axis.text(*np.deg2rad(at), text, ha="center", va="center", fontsize=7, bbox=BOX)
    axis.grid(alpha=0.3)
figure.tight_layout()
run.show(
    figure,
    "views",
    caption="Where cameras stand around the right hand, on an equal-area map: up is the back of the hand, down the palm, the "
    "middle looks at the fingertips, the left and right edge come from the wrist.",
    alt="Four oval maps of dots; the paper's tracks spread over most of the map, the tabletop camera over a part of it.",
)

# %% [markdown]
# How even is that? Divide the sphere into 72 cells of equal area and count those that hold a camera. So many random
# directions would reach $1-(1-\frac1{72})^N$ of them: the fair comparison, since more images always fill more cells.

# %%
views = pd.DataFrame(
    {
        name: {
            "images": len(d),
            "cells seen %": 100 * len(set(stats.sphere_cells(d))) / 72,
            "random directions %": 100 * (1 - (1 - 1 / 72) ** len(d)),
            "sees the back %": 100 * (d[:, 1] > 0).mean(),
        }
        for name, d in directions.items()
    }
).T
run.table(
    views.round(0).rename_axis("dataset"),
    "views",
    caption="Share of 72 equal cells around the right hand from which some image looks, beside what as many random directions "
    "would reach; and how often the camera is on the side of the back of the hand.",
)

# %% [markdown]
# ## Occlusion
#
# The paper (section 5.3) sorts test images by how much the hands' silhouettes overlap, each drawn as if it were alone:
# $\mathrm{IoU} = |M_r\cap M_l|\,/\,|M_r\cup M_l|$. Every row of a shard holds it; here it is again from the masks.

# %%
right, left = (decoded(read_member(first, side)) > 0 for side in ("right", "left"))
iou = (right & left).sum() / (right | left).sum()
assert abs(iou - first.hand_iou) < 1e-6
print(f"image {first.key}: IoU {iou:.3f}")

# %%
picture_numbers = {
    name: stats.picture_statistics(pictures(name)) for name in run.progress(DATASETS, desc="pixels")
}
BINS = (-1e-9, 0, 0.2, 0.4, 1)  # the paper's for Tzionas
occlusion = pd.DataFrame(
    {name: np.histogram(table.hand_iou, BINS)[0] / len(table) for name, table in rows.items()}
)
occlusion.index = ["0", "to 0.2", "to 0.4", "above"]


# %%
def shares(axis, table, shades, title=None):
    """Stacked bars: one bar for each dataset, one piece for each row of the table."""
    bottom = np.zeros(len(DATASETS))
    for shade, (label, share) in zip(shades, table.iterrows(), strict=True):
        axis.barh(DATASETS, share, left=bottom, color=shade, label=label, edgecolor="white", lw=0.3)
        bottom += share.to_numpy()
    style = {"loc": "lower center", "bbox_to_anchor": (0.5, 1), "frameon": False, "fontsize": 8}
    axis.legend(title=title, ncols=min(4, len(table)), **style)
    axis.set(xlabel="share of the images", xlim=(0, 1))


def boxes(axis, values, shift=0.0, height=0.5, face=None):
    """A box for each dataset from the first to the third quartile, whiskers from 5 to 95 %."""
    for line, name in enumerate(DATASETS):
        style = {"patch_artist": True, "orientation": "horizontal", "widths": height, "whis": (5, 95)}
        style |= {"showfliers": False, "medianprops": {"color": "white" if face != "white" else "black"}}
        drawn = axis.boxplot(values[name].dropna(), positions=[line + shift], manage_ticks=False, **style)
        drawn["boxes"][0].set(facecolor=face or color[name], edgecolor="black", lw=0.6)


# %%
figure, axes = plt.subplots(1, 2, figsize=(10, 3.2), sharey=True)
shares(axes[0], occlusion, ("#E6E1DA", "#C2B8AA", "#8F8474", "#4A4238"), "IoU")
boxes(axes[1], {name: table.hidden for name, table in picture_numbers.items()})
axes[0].invert_yaxis()
axes[1].set(xlabel="hidden share of the hand that is hidden more", xlim=(0, 1))
figure.tight_layout()
run.show(
    figure,
    "occlusion",
    caption="Left: overlap of the two silhouettes, in the paper's bins. Right: share of its own silhouette that is covered by "
    "the other hand, an arm, a sleeve or an object, for the hand that is hidden more; boxes hold the middle half of the images, "
    "whiskers 90 %.",
    alt="Stacked bars of overlap per dataset, and boxes of hidden shares, from none to nearly all of a hand.",
)

# %% [markdown]
# ## Light and skin
#
# Exposure is metered on the hands, so their luminance should be alike from image to image while the surroundings vary;
# the contrast between lit and shaded skin says how directed the light is. For skin we take the mean colour of the hands
# in CIELAB and the **individual typology angle** of dermatology,
#
# $$\mathrm{ITA} = \arctan\frac{L^*-50}{b^*}$$
#
# whose classes run from very light (above 55°) to dark (below -30°). It is what the *picture* shows: coloured light and
# exposure shift it, as they do in photographs.

# %%
mean_color = np.array([0.55, 0.36, 0.26])  # sRGB of a hand
L, a, b = stats.lab(stats.linear(mean_color))
assert np.isclose(np.degrees(np.arctan2(L - 50, b)), stats.typology_angle(np.array([L, a, b])))
print(
    f"L* {L:.0f}, a* {a:.0f}, b* {b:.0f}: {stats.tone_classes(np.array([np.degrees(np.arctan2(L - 50, b))]))[0]}"
)

# %%
tones = pd.DataFrame(
    {
        name: pd.Series(stats.tone_classes(table.typology_deg)).value_counts(normalize=True)
        for name, table in picture_numbers.items()
    }
)
tones = tones.reindex(list(stats.TONE_CLASSES)).fillna(0)
SKIN = ("#F5DCC8", "#E8BF9F", "#D2A07A", "#B07B52", "#7A4F31", "#40281A")

# %%
figure, axes = plt.subplots(1, 3, figsize=(13, 3.6), sharey=True)
boxes(axes[0], {name: table.hand for name, table in picture_numbers.items()}, -0.2, 0.32)
boxes(axes[0], {name: table.surround for name, table in picture_numbers.items()}, 0.2, 0.32, "white")
axes[0].set(xlabel="luminance of hands (filled) and surroundings (white)", xscale="log", xlim=(0.003, 1.2))
axes[0].set_xticks([0.01, 0.1, 1], ["0.01", "0.1", "1"])
boxes(axes[1], {name: table.contrast_stops for name, table in picture_numbers.items()})
axes[1].set(xlabel="light to shade on the hands, stops")
shares(axes[2], tones, SKIN)
axes[0].set_yticks(range(len(DATASETS)), DATASETS)
axes[0].invert_yaxis()
figure.tight_layout()
run.show(
    figure,
    "light",
    caption="Left: mean luminance of the hands and of what surrounds them, 1 is white. Middle: how many stops lie between the lit "
    "and the shaded parts of the hands. Boxes hold the middle half of the images, whiskers 90 %. Right: classes of the typology angle, as the pictures show the skin.",
    alt="Boxes of luminance, narrow for hands and wide for surroundings, boxes of contrast, and bars of six skin classes.",
)

# %% [markdown]
# ## Spectra
#
# The synthetic-to-real paper finds that amplitudes of *real* hand images vary more from image to image, at every
# frequency, than those of synthetic ones, and blames simple backgrounds and textures. For grey images $x_n$ of $S\times S$
# pixels and a ring of frequencies $B$:
#
# $$A_n(f) = \tfrac1{S^2}\left|\mathcal F x_n(f)\right|,\qquad
# \text{variation}(B) = \operatorname*{mean}_{f\in B}\ \operatorname*{std}_n A_n(f)$$

# %%
square = [name for name in DATASETS if (some[name].width == some[name].height).all() and len(some[name]) > 1]
grey = {name: stats.grey_images(pictures(name)) for name in square}
spectra = {name: stats.amplitude_bands(images) for name, images in grey.items()}

# %%
images = grey["renderih-train"]
size, bands = images.shape[1], len(spectra["renderih-train"])
amplitude = np.abs(np.fft.fft2(images)) / size**2
f = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size)))
last = (f >= 0.5 - 0.5 / bands) & (f < 0.5)
assert np.isclose(amplitude.std(0)[last].mean(), spectra["renderih-train"].variation.iloc[-1])

# %%
figure, axes = plt.subplots(1, 2, figsize=(10, 3.4))
for name in square:
    for axis, column in zip(axes, ("variation", "relative"), strict=True):
        axis.plot(
            spectra[name].frequency, spectra[name][column], color=color[name], ls=LINES[name], label=name
        )
axes[0].set(yscale="log", xlabel="cycles per pixel", ylabel="variation of the amplitude")
axes[1].set(xlabel="cycles per pixel", ylabel="variation / mean amplitude")
axes[0].legend(frameon=False, fontsize=7)
figure.tight_layout()
run.show(
    figure,
    "spectra",
    caption="How much amplitudes vary from image to image, by frequency (the measure of Figure 2b of the synthetic-to-real "
    "paper), absolutely and relative to the mean amplitude. Crops of equal size; no real images are among them.",
    alt="Falling curves of variation over frequency for each domain, and their ratios to the mean amplitude.",
)

# %%
middle_band = bands // 4
variation = {name: table.variation.iloc[middle_band] for name, table in spectra.items()}
print(
    {name: f"{value:.1e}" for name, value in variation.items()},
    f"at {spectra[square[0]].frequency[middle_band]:.2f} cycles",
)

# %% [markdown]
# ## Poses: what t-SNE can show
#
# Figure 9 of the paper embeds the poses of InterHand2.6M and of RenderIH in a plane and reads off that ours are broader.
# We repeat it with raw poses against augmented and optimised ones. A pose is here the articulation of both hands: 21
# keypoints of each in its own wrist's frame, so that a distance is a root mean square over keypoints, in mm. Where the
# left hand stands is left out, because augmentation never changes it.

# %%
raw, raw_table = read_poses(run.input("poses", "raw.parquet"))
optimised, optimised_table = read_poses(run.input("poses", "poses.parquet"))
X = {"raw": stats.articulation(raw, hands), "optimised": stats.articulation(optimised, hands)}
rng = run.rng("poses")
some_optimised = X["optimised"][rng.permutation(len(X["optimised"]))[: 500 - len(raw)]]
both = np.concatenate([X["raw"], some_optimised])
print(f"{len(raw)} raw and {len(some_optimised)} of {len(optimised)} optimised pairs")

# %%
perplexities = sorted({min(value, (len(both) - 1) // 3) for value in (5, 30, 100)})
SEEDS = (0, 1)
maps = {
    (value, s): TSNE(2, perplexity=value, init="random", random_state=s).fit_transform(both)
    for value in run.progress(perplexities, desc="t-SNE")
    for s in SEEDS
}


# %%
def spanned(points):
    """Share of the whole picture's hull that the hull of the raw poses takes."""
    return stats.hull_volume(points[: len(raw)]) / stats.hull_volume(points)


figure, axes = plt.subplots(
    len(SEEDS), len(perplexities), figsize=(3.4 * len(perplexities), 6.4), squeeze=False
)
for (value, s), points in maps.items():
    axis = axes[SEEDS.index(s), perplexities.index(value)]
    axis.scatter(*points[len(raw) :].T, s=6, color="#CC79A7", label="optimised")
    axis.scatter(*points[: len(raw)].T, s=10, color="black", label="raw")
    axis.set_title(f"perplexity {value}, seed {s}: raw spans {100 * spanned(points):.0f} %", fontsize=8)
    axis.set_xticks([])
    axis.set_yticks([])
axes[0, 0].legend(frameon=False, fontsize=8)
figure.tight_layout()
run.show(
    figure,
    "tsne",
    caption="Figure 9 six times: the same poses, two seeds, three perplexities. The share of the picture that raw poses span "
    "(their convex hull over all) depends on settings, so it is no measure of breadth.",
    alt="Six scatter plots of the same poses in which black dots of raw poses lie among many more purple ones, arranged differently each time.",
)

# %% [markdown]
# ## Poses: numbers without a picture
#
# 1. **Coverage** (Naeem et al. 2020). Around each reference pose $y_i$ lies a ball that reaches its $k$-th nearest other
#    reference pose; coverage is the share of balls that hold a pose of the set:
#    $\;C = \frac1M\sum_i \mathbb 1\!\left[\min_j \lVert x_j-y_i\rVert \le r_k(y_i)\right]$.
# 2. **Hull volume** in the space of the first $d$ principal axes, as the side of a cube of that volume.
# 3. **Effective dimension** $(\sum\lambda)^2/\sum\lambda^2$ of the covariance: over how many directions poses spread.
#
# All sets are drawn to the same size first: a larger set covers more by being larger.

# %%
k = 3
reference, others = X["optimised"][:40], X["raw"][:40]
hits = 0
for i, y in enumerate(reference):
    own = np.sort([np.linalg.norm(y - other) for other in np.delete(reference, i, 0)])
    hits += min(np.linalg.norm(x - y) for x in others) <= own[k - 1]
assert hits / len(reference) == stats.coverage(reference, others, k)
print(f"raw poses cover {100 * hits / len(reference):.0f} % of the first {len(reference)} optimised ones")

# %% [markdown]
# Two references. *Possible* hands: every angle uniform in Table 2, all that a hand might do. *Unseen* natural pairs: a new
# draw from the source of the raw ones (recordings if you have them, else the library's interactions), where a pair sees
# only poses that come from *another* interaction than its own: does the set reach what nobody recorded?

# %%
natural, sources = draw_raw_pairs(min(192, max(60, 3 * len(raw))), seed + 1, data_root)
low, high = angle_limits().unbind(-1)
draws = torch.from_numpy(run.rng("possible").random((1000, 2, *low.shape))).float()
possible = raw[torch.zeros(len(draws), dtype=torch.long)].replace(angles=low + draws * (high - low))
references = {"possible": stats.articulation(possible, hands), "unseen": stats.articulation(natural, hands)}

# %%
augmented, augmented_table = read_poses(run.input("poses", "plan.parquet"))
X["augmented"] = stats.articulation(augmented, hands)
origin = {"raw": raw_table.source, "augmented": augmented_table.source, "optimised": optimised_table.source}
count = min(len(points) for points in X.values())
chosen = {name: [run.rng(name, i).permutation(len(x))[:count] for i in range(10)] for name, x in X.items()}
subsets = {name: [X[name][chosen_rows] for chosen_rows in draws] for name, draws in chosen.items()}


# %%
def covered(target, name, picked=slice(None)):
    groups = (sources, origin[name].to_numpy()[picked]) if target == "unseen" else None
    return stats.coverage(references[target], X[name][picked], groups=groups)


coverage, coverage_all = (
    {
        target: {name: np.mean([covered(target, name, picked) for picked in draws[name]]) for name in X}
        for target in references
    }
    for draws in (chosen, dict.fromkeys(X, [slice(None)]))
)

# %%
dimensions = range(2, min(8, count - 1) + 1)
mean, axes_of_all, _ = stats.principal_axes(
    np.concatenate([subset for name in X for subset in subsets[name][:1]]), max(dimensions)
)
sides = {
    name: [
        np.mean([stats.hull_volume(((s - mean) @ axes_of_all)[:, :d]) for s in subsets[name][:4]]) ** (1 / d)
        for d in dimensions
    ]
    for name in run.progress(list(X), desc="hulls")
}
effective = {name: np.mean([stats.effective_dimension(subset) for subset in subsets[name]]) for name in X}

# %%
STYLE = {"raw": ("black", "o"), "augmented": ("#999999", "s"), "optimised": ("#CC79A7", "^")}
figure, axes = plt.subplots(1, 3, figsize=(12.5, 3.2))
for offset, name in zip((-0.27, 0, 0.27), STYLE, strict=True):
    places = np.arange(len(references)) + offset
    axes[0].bar(
        places, [coverage[target][name] for target in references], 0.25, color=STYLE[name][0], label=name
    )
    axes[1].plot(dimensions, sides[name], color=STYLE[name][0], marker=STYLE[name][1])
axes[0].set_xticks(range(len(references)), [f"{target} poses" for target in references])
axes[0].set(ylabel=f"coverage by {count} poses", ylim=(0, 1))
axes[0].legend(frameon=False, fontsize=8)
axes[1].set(xlabel="principal axes", ylabel="side of the hull's cube, mm")
axes[2].bar(list(STYLE), [effective[name] for name in STYLE], color=[c for c, _ in STYLE.values()])
axes[2].set(ylabel="effective dimension")
figure.tight_layout()
run.show(
    figure,
    "coverage",
    caption=f"Breadth of {count} poses of each kind, means over ten draws. Left: share of possible poses, and of natural poses of unseen "
    "interactions, that have one of them nearby. Middle: size of the convex hull by number of principal axes. Right: directions over which they spread.",
    alt="Bars: raw poses cover unseen natural ones best, augmented and optimised ones cover possible ones best; hull sides that fall with dimension; effective dimensions.",
)

# %%
rows_of_poses = {f"coverage of {target} poses, {count} each": coverage[target] for target in references} | {
    f"coverage of {target} poses, all": coverage_all[target] for target in references
}
rows_of_poses |= {
    f"hull side in {d} dimensions, mm": {name: sides[name][i] for name in X} for i, d in enumerate(dimensions)
}
rows_of_poses |= {
    "effective dimension": effective,
    "poses": {name: len(points) for name, points in X.items()},
}
run.table(
    pd.DataFrame(rows_of_poses).T.round(3).rename_axis("measure"),
    "breadth",
    caption="The numbers of the chart above. Raw: natural pairs; augmented: Eq. 1; optimised: accepted after Eq. 9.",
)

# %% [markdown]
# ## Do the two hands depend on each other?
#
# InterShape's Figure 4 embeds right and left hand poses in one dimension each and plots one against the other: pairs show
# structure, re-paired hands do not. We do the same with natural pairs, one embedding for all hands, so that a hand and its
# mirror image land on the same place.

# %%
both_hands = {
    name: [stats.hand_vectors(pose.angles[:, side], hands) for side in range(2)]
    for name, pose in (("natural", natural), ("optimised", optimised[: len(natural)]))
}
order = run.rng("unpaired").permutation(len(natural))
line = {
    name: TSNE(1, perplexity=min(30, (2 * len(x) - 1) // 3), init="random", random_state=0).fit_transform(
        np.concatenate([x, y])
    )[:, 0]
    for name, (x, y) in both_hands.items()
}

# %%
figure, axes = plt.subplots(1, 4, figsize=(12.5, 3.3))
for start, (name, places) in enumerate(line.items()):
    of_right, of_left = np.split(places, 2)
    shuffled = of_left[order[order < len(of_left)]]
    for axis, other, kind in zip(
        axes[2 * start :], (of_left, shuffled), ("paired", "unpaired"), strict=False
    ):
        axis.scatter(of_right, other, s=9, color="#009E73" if kind == "paired" else "#999999")
        axis.set(title=f"{name}, {kind}", xlabel="right hand", xticks=[], yticks=[])
axes[0].set_ylabel("left hand")
figure.tight_layout()
run.show(
    figure,
    "paired_hands",
    caption="InterShape's Figure 4 with our poses: the place of the right hand on a one-dimensional t-SNE against that of the left, "
    "for true pairs and for the same hands paired at random; natural pairs and augmented-and-optimised ones.",
    alt="Four scatter plots: natural pairs gather along a diagonal and in clusters, unpaired and optimised ones fill the square.",
)

# %% [markdown]
# Again a number beside the picture. **Distance correlation** sees any dependence, in any dimension: centre the matrices of
# distances among the right hands and among the left ones, and correlate them. Chance is what random re-pairing gives.
#
# $$\mathcal R^2 = \frac{\langle\tilde A,\tilde B\rangle}{\lVert\tilde A\rVert\,\lVert\tilde B\rVert},\qquad
# \tilde A_{ij} = a_{ij}-\tfrac{a_{i\cdot}+a_{\cdot j}}{n-2}+\tfrac{a_{\cdot\cdot}}{(n-1)(n-2)},\quad \tilde A_{ii}=0$$


# %%
def centred(points):
    a = np.linalg.norm(points[:, None] - points[None], axis=-1)
    n = len(a)
    a = a - (a.sum(0) + a.sum(1)[:, None]) / (n - 2) + a.sum() / ((n - 1) * (n - 2))
    return a * (1 - np.eye(n))


A, B = map(centred, both_hands["natural"])
from_scratch = (A * B).sum() / np.sqrt((A * A).sum() * (B * B).sum())
assert np.isclose(from_scratch, stats.distance_correlation(*both_hands["natural"]))

# %%
dependence = {}
for name, (x, y) in both_hands.items():
    chance = stats.permuted_correlations(x, y, 199, run.rng("chance", name))
    paired = stats.distance_correlation(x, y)
    p = (1 + (chance >= paired).sum()) / (1 + len(chance))
    dependence[name] = {
        "paired": paired,
        "unpaired": chance.mean(),
        "highest of 199 unpaired": chance.max(),
        "p": p,
    }
run.table(
    pd.DataFrame(dependence).T.round(4).rename_axis("pairs"),
    "dependence",
    caption="Distance correlation of right and left hands, against 199 random re-pairings; p is the share of them that reach it.",
)

# %% [markdown]
# ## The paper's numbers and ours

# %%
metrics = {
    "table_1": {
        "images": total,
        "interacting_percent": ours["touching %"].mean(),
        "penetrating_percent": ours["penetrating %"].max(),
    },
    "skins": int(ours.skins.max()),
    "environments": int(ours.environments.max()),
    "counts": counts.to_dict("index"),
    "views": views.to_dict("index"),
    "iou": {name: table.hand_iou.mean() for name, table in rows.items()},
    "pixels": {name: table.mean().to_dict() for name, table in picture_numbers.items()},
    "tones": {name: column.to_dict() for name, column in tones.items()},
    "variation": variation,
    "coverage": coverage,
    "coverage_all": coverage_all,
    "hull_side_mm": {
        name: dict(zip(map(str, dimensions), values, strict=True)) for name, values in sides.items()
    },
    "effective_dimension": effective,
    "tsne_raw_spans": {
        f"perplexity_{value}_seed_{s}": spanned(points) for (value, s), points in maps.items()
    },
    "dependence": dependence,
}
run.write_metrics(metrics)

# %%
comparison = pd.DataFrame(
    [
        ("images", f"{published('Table 1', 'RenderIH', 'data size'):,}", f"{total:,}"),
        ("interacting images (%)", "100", f"{metrics['table_1']['interacting_percent']:.0f}"),
        ("skin textures", f"{published('Rendering', 'skin textures')}", f"{metrics['skins']}"),
        ("HDR panoramas", f"{published('Rendering', 'HDR panoramas')}", f"{metrics['environments']}"),
        (
            "broader than raw poses",
            "yes, by t-SNE",
            f"coverage {coverage['possible']['optimised']:.2f} against {coverage['possible']['raw']:.2f}",
        ),
    ],
    columns=["what", "paper", "this run"],
).set_index("what")
run.table(
    comparison,
    "paper_and_ours",
    caption="The paper's statements about its dataset beside what we counted at this scale.",
)

# %% [markdown]
# > **Paper and released code.** Table 1 is printed, not computed, and the code has no script for it, nor for Figure 9 or any
# > statistic of the data (fact sheet, section 7.4). The paper does not say which features, perplexity or number of poses its
# > t-SNE saw. File counts in the released code point to about 68,000 poses with up to 15 views rather than 100,000 with 10.
# > Views there are InterHand2.6M's cameras, not the four tracks of Figure 7.

# %% [markdown]
# ## Exercises
#
# 1. Compute the coverage of possible poses with *all* optimised poses instead of equally many. Why is that not a fair
#    answer to "is the distribution broader"?
#
# <details><summary>Solution</summary>
#
# `coverage_all["possible"]` is higher for the optimised set, but it would be for any set of that size: thirty copies of
# raw poses with a little noise also cover more balls. Breadth is a property of a distribution, size of a sample.
#
# </details>
#
# 2. The hull of raw poses is *larger* than that of equally many augmented ones in a few dimensions, although augmentation only
#    adds offsets. How can that be?
#
# <details><summary>Solution</summary>
#
# The first principal axes are "all fingers close together" and "they open together". Natural poses reach both ends: a fist,
# a flat hand. Independent offsets, restricted to Table 2, pull each joint towards the middle of its range, and a sum over
# many independent joints seldom is extreme. What offsets add lies in the many other directions: see the effective dimension.
#
# </details>
#
# 3. Which augmentation would keep the dependence between the two hands?
#
# <details><summary>Solution</summary>
#
# One that draws the offsets of both hands together, for example equal offsets for mirrored joints with some noise, or offsets
# along principal axes of natural *pairs*. Eq. 1 draws every joint of both hands on its own, so only the raw pose's share of
# the dependence can survive, and little does.
#
# </details>

# %% [markdown]
# ## What we saw
#
# Our row of Table 1 follows from the files. The tracks see the hand from nearly everywhere, exposure keeps hands alike
# while places vary. Augmented and optimised poses reach far more of what a hand can do than raw ones do, in many more
# directions; equally many of them cover unseen natural poses less well, and the two hands no longer know of each other. t-SNE
# shows none of that reliably. Limits: natural poses are variations of an open library, not recordings; tones are as
# pictures show them; no real images are here to compare spectra with; pixel statistics use 200 images a dataset.
# **Next**: [notebook 11](11_transhand.ipynb) builds the network that learns from these pictures.
