# %% [markdown]
# # 10 · What is in the dataset?
#
# **Question** How varied are views, occlusion, light, skin and poses, and how does one say so in numbers that do not
# depend on a picture? · **Paper** section 3.3, Table 1, Figure 9; InterShape's Figure 4; Figure 2b of the
# synthetic-to-real paper · **Needs** the poses and the rendered shards, made from
# [07](07_pose_optimization.ipynb) and [09](09_cycles_rendering.ipynb) · **Takes** about a minute at demo on 2 cores
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
import numpy as np
import pandas as pd
import torch
from sklearn.manifold import TSNE

from renderih_lib import repro
from renderih_lib.claims import published, published_tables
from renderih_lib.data import figures
from renderih_lib.data import statistics as stats
from renderih_lib.data.sources import ROLES, asset_folder, source_of
from renderih_lib.data.stream import crops
from renderih_lib.hand.anatomy import angle_limits
from renderih_lib.hand.pair import open_hand_pair
from renderih_lib.pose.plan import draw_raw_pairs
from renderih_lib.pose.store import read_poses
from renderih_lib.render.shards import decoded, read_annotations, read_member
from renderih_lib.scales import DATASETS

torch.set_num_threads(1)
run = repro.start("10_distribution_analysis", scale=scale, seed=seed, out_dir=out_dir, data_root=data_root)
hands = open_hand_pair()

# %%
folders = {name: run.input("datasets", f"{name}/shard-00000.json").parent for name in DATASETS}
rows = {name: read_annotations(folder) for name, folder in folders.items()}
print({name: len(table) for name, table in rows.items()})

# %% [markdown]
# Statistics of pixels look at no more than 200 images of a dataset, spread evenly over it.

# %%
some = {name: stats.evenly(table, 200) for name, table in rows.items()}
run.show(
    figures.picture_rows(some),
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
# are measured exactly on posed meshes (notebook 07), for up to 60 pairs of each dataset. A person is a skin with a hand shape.

# %%
counts = {
    name: stats.dataset_counts(table, hands) for name, table in run.progress(rows.items(), desc="count")
}
counts = pd.DataFrame(counts).T
run.table(
    counts.round(1).rename_axis("dataset"),
    "counts",
    caption="Every dataset, counted. Touching: within 5 mm; penetrating: more than 2 mm deep. The studio shows raw poses, random "
    "shows augmented ones without optimisation, the others those that notebook 07 accepted.",
)

# %%
counted = stats.dataset_counts(pd.concat([rows["renderih-train"], rows["renderih-test"]]), hands)
images, interacting = counted["images"], counted["images"] * counted["touching %"] / 100
textures, clean = counted["skins"] > 1, counted["penetrating %"] == 0
our_words = ["synthetic", *("yes" if true else "no" for true in (textures, clean))]
our_words += [f"{counted['environments']} panoramas", "dynamic", "IH"]

# %%
words, sizes = published_tables()["Table 1 in words"], published_tables()["Table 1"]
lines = {name: [*words["rows"][name], *sizes["rows"][name]] for name in words["rows"]}
lines["this run, counted"] = [*our_words, images, interacting]
table_1 = pd.DataFrame(lines, index=[*words["columns"], "images", "interacting"]).T
table_1 = table_1.map(
    lambda cell: f"{cell:,.0f}" if isinstance(cell, (int, float)) and pd.notna(cell) else cell
)

# %%
run.table(
    table_1.fillna("").rename_axis("dataset"),
    "table_1",
    caption="Table 1 of the paper, and our training and test images of the paper's recipe at this scale. MT: several textures; "
    "AP: no penetration; SH: single hand, HO: hand and object, IH: interacting hands.",
)

# %% [markdown]
# Section 5.1 counts the real images, too: 261K of InterHand2.6M to test on, without single hands and invalid labels. With
# the dataset at hand its reader, which keeps what the released code keeps, says how many:

# %%
has_real = asset_folder(ROLES["interhand26m-test"].asset, data_root) is not None
where = {"datasets": run.results / "datasets", "hands": hands, "cache": run.results / "tables"}
real_test_images = {}
if has_real:
    kept = len(source_of("interhand26m-test", data_root, **where).dataset)
    told = {"unit": "images, to the nearest thousand", "data": "real", "scale": scale}
    real_test_images = {"value": round(kept, -3)} | told
    print(f"{kept:,} test images of InterHand2.6M")
else:
    print("not counted: no real images are here")

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
shown = ("renderih-train", "studio-train", "tabletop-test", "objects-train")
run.show(
    figures.direction_maps({name: directions[name] for name in shown}),
    "views",
    caption="Where cameras stand around the right hand, on equal-area maps: up is the back of the hand, down the palm, the "
    "middle looks at the fingertips; the left and the right edge look from the wrist.",
    alt="Four oval maps of dots, with labels for back, palm, thumb, little finger and fingertips.",
)

# %% [markdown]
# How even is that? Divide the sphere into 72 cells of equal area and count those that hold a camera. So many random
# directions would reach $1-(1-\frac1{72})^N$ of them: the fair comparison, since more images always fill more cells.

# %%
views = stats.view_table(directions)
run.table(
    views.round(0).rename_axis("dataset"),
    "views",
    caption="Share of 72 equal cells around the right hand from which some image looks, beside what as many random directions "
    "would reach; and how often the camera is on the side of the back of the hand.",
)

# %% [markdown]
# ## Occlusion
#
# The paper (section 5.2, Figure 11) sorts test images by how much the hands' silhouettes overlap, each drawn as if alone:
# $\mathrm{IoU} = |M_r\cap M_l|\,/\,|M_r\cup M_l|$. Every row of a shard holds it; here it is again from the masks.

# %%
right, left = (decoded(read_member(first, side)) > 0 for side in ("right", "left"))
iou = (right & left).sum() / (right | left).sum()
assert abs(iou - first.hand_iou) < 1e-6
print(f"image {first.key}: IoU {iou:.3f}")

# %%
pixels = {
    name: stats.picture_statistics(row for _, row in table.iterrows())
    for name, table in run.progress(some.items(), desc="pixels")
}

# %%
BINS = {"0": 0, "to 0.2": 0.2, "to 0.4": 0.4, "above": 1}  # the paper's for Tzionas
edges = [-1e-9, *BINS.values()]
overlap = {name: np.histogram(table.hand_iou, edges)[0] / len(table) for name, table in rows.items()}
run.show(
    figures.occlusion_charts(
        pd.DataFrame(overlap, BINS), {name: table.hidden for name, table in pixels.items()}
    ),
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
classes = {name: pd.Series(stats.tone_classes(table.typology_deg)) for name, table in pixels.items()}
tones = pd.DataFrame({name: column.value_counts(normalize=True) for name, column in classes.items()})
tones = tones.reindex(list(stats.TONE_CLASSES)).fillna(0)

# %%
run.show(
    figures.light_charts(pixels, tones),
    "light",
    caption="Left: mean luminance of the hands and of what surrounds them, 1 is white. Middle: how many stops lie between the lit "
    "and the shaded parts of the hands. Boxes hold the middle half of the images, whiskers 90 %. Right: classes of the typology "
    "angle, as the pictures show the skin.",
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
square = [name for name, table in some.items() if len(table) > 1 and (table.width == table.height).all()]
grey = {name: stats.grey_images(row for _, row in some[name].iterrows()) for name in square}

# %% [markdown]
# Real images join in if you have InterHand2.6M: up to 200 of its training images, cut out about the hands and brought to
# the same size by averaging, which costs some of the highest frequencies. (The paper's own chart shows other real sets.)

# %%
if has_real:
    photographs = source_of("interhand26m-train", data_root, **where)
    spread = np.unique(np.linspace(0, len(photographs.dataset) - 1, 200, dtype=int))
    batch = crops(photographs.dataset, grey["renderih-train"].shape[1], spread)[:]
    grey["real"] = stats.grey(batch.images.permute(0, 2, 3, 1).numpy())
print("real images are here" if has_real else "no real images are here to compare with")

# %%
spectra = {name: stats.amplitude_bands(pictures) for name, pictures in grey.items()}

# %% [markdown]
# From scratch, for the ring of the highest frequencies:

# %%
pictures = grey["renderih-train"]
size, rings = pictures.shape[1], len(spectra["renderih-train"])
amplitude = np.abs(np.fft.fft2(pictures)) / size**2
f = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size)))
last = (f >= 0.5 - 0.5 / rings) & (f < 0.5)
assert np.isclose(amplitude.std(0)[last].mean(), spectra["renderih-train"].variation.iloc[-1])

# %%
run.show(
    figures.spectra_charts(spectra),
    "spectra",
    caption="How much amplitudes vary from image to image, by frequency (the measure of Figure 2b of the synthetic-to-real "
    "paper), absolutely and relative to the mean amplitude. Square crops of one size; "
    f"{'real' if has_real else 'no real'} images are among them.",
    alt="Falling curves of variation over frequency for each domain, and their ratios to the mean amplitude.",
)

# %%
ring = rings // 4
variation = {name: table.variation.iloc[ring] for name, table in spectra.items()}
print(f"at {spectra['renderih-train'].frequency[ring]:.2f} cycles per pixel:")
print({name: f"{value:.1e}" for name, value in variation.items()})

# %% [markdown]
# "At every frequency" is a statement about the ring in which real images exceed ours least:

# %%
real_over_synthetic = {}
if has_real:
    ratios = spectra["real"].variation / spectra["renderih-train"].variation
    real_over_synthetic = {"value": ratios.min(), "unit": "times", "data": "real", "scale": scale}
    print(f"real over synthetic variation: {ratios.min():.2f} to {ratios.max():.2f}, by ring")

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
    """Share of the picture's convex hull that the hull of the raw poses takes."""
    return stats.hull_volume(points[: len(raw)]) / stats.hull_volume(points)


spans = {key: spanned(points) for key, points in maps.items()}
run.show(
    figures.embeddings(maps, len(raw), {key: f"raw spans {100 * span:.0f} %" for key, span in spans.items()}),
    "tsne",
    caption="Figure 9 six times: the same poses, two seeds, three perplexities. The share of the picture that raw poses span "
    "(their convex hull in that of all) depends on settings, so it is no measure of breadth.",
    alt="Scatter plots of the same poses, in which black dots of raw poses lie among many more purple ones, arranged differently each time.",
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
sides = stats.hull_sides({name: several[:4] for name, several in subsets.items()}, most=8)
effective = {
    name: np.mean([stats.effective_dimension(points) for points in several])
    for name, several in subsets.items()
}

# %%
run.show(
    figures.breadth_charts(coverage, sides, effective),
    "breadth",
    caption=f"Breadth of {count} poses of each kind, means over random draws. Left: share of possible poses, and of natural poses "
    "of unseen interactions, that have one of them nearby. Middle: size of the convex hull by number of principal axes. Right: "
    "directions over which they spread.",
    alt="Bars: raw poses cover unseen natural ones best, augmented and optimised ones cover possible ones best; hull sides that fall with dimension; effective dimensions.",
)

# %%
breadth = {f"coverage of {target} poses, {count} each": coverage[target] for target in references}
breadth |= {f"coverage of {target} poses, all": coverage_all[target] for target in references}
breadth |= {f"hull side on {d} axes, mm": row for d, row in sides.to_dict("index").items()}
breadth |= {"effective dimension": effective, "poses": {name: len(points) for name, points in X.items()}}

# %%
run.table(
    pd.DataFrame(breadth).T.round(3).rename_axis("measure"),
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
pairs = {"natural": natural, "optimised": optimised[: len(natural)]}
both_hands = {
    name: [stats.hand_vectors(pose.angles[:, side], hands) for side in range(2)]
    for name, pose in pairs.items()
}

# %%
order = run.rng("unpaired").permutation(len(natural))
places = {}
for name, two in both_hands.items():
    together = np.concatenate(two)
    line = TSNE(1, perplexity=min(30, (len(together) - 1) // 3), init="random", random_state=0)
    places[name] = line.fit_transform(together)[:, 0]

# %%
run.show(
    figures.paired_hands(places, order),
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
table_1_numbers = {name: counted[name] for name in ("images", "persons", "skins", "environments")}
table_1_numbers |= {
    "interacting_percent": counted["touching %"],
    "penetrating_percent": counted["penetrating %"],
}
run.write_metrics(
    {
        "table_1": table_1_numbers,
        "counts": counts.to_dict("index"),
        "views": views.to_dict("index"),
        "iou": {name: table.hand_iou.mean() for name, table in rows.items()},
        "pixels": {name: table.mean().to_dict() for name, table in pixels.items()},
        "tones": tones.to_dict(),
        "variation": variation,
        "real_over_synthetic": real_over_synthetic,
        "real_test_images": real_test_images,
    }
)

# %%
run.write_metrics(
    {
        "coverage": coverage,
        "coverage_all": coverage_all,
        "hull_side_mm": sides.to_dict(),
        "effective_dimension": effective,
        "tsne_raw_spans": {f"perplexity_{value}_seed_{s}": span for (value, s), span in spans.items()},
        "dependence": dependence,
    }
)

# %%
broader = f"coverage {coverage['possible']['optimised']:.2f} against {coverage['possible']['raw']:.2f}"
comparison = [
    ("images", f"{published('Table 1', 'RenderIH', 'data size'):,}", f"{images:,}"),
    ("interacting images (%)", "100", f"{counted['touching %']:.0f}"),
    ("skin textures", published("Rendering", "skin textures"), counted["skins"]),
    ("HDR panoramas", published("Rendering", "HDR panoramas"), counted["environments"]),
    ("broader than raw poses", "yes, by t-SNE", broader),
]

# %%
run.table(
    pd.DataFrame(comparison, columns=["what", "paper", "this run"]).set_index("what"),
    "paper_and_ours",
    caption="The paper's statements about its dataset beside what we counted at this scale.",
)

# %% [markdown]
# > **Paper and released code.** Table 1 is printed, not computed, and the code has no script for it, nor for Figure 9 or any
# > statistic of the data. The paper does not say which features, perplexity or number of poses its
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
# `coverage_all["possible"]` is higher for the optimised set, but it would be for any set of that size: many copies of
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
# Our row of Table 1 follows from the files. The tracks see the hand from about as many sides as random views would, and
# exposure keeps hands alike while places vary. "Broader" depends on the question. Augmented and optimised poses reach more of
# what a hand can do, in more directions; but their convex hull is not larger, because natural poses already go to the
# extremes, equally many of them reach fewer natural poses of unseen interactions, and the two hands hardly know of each other
# any more. t-SNE shows none of that reliably. Limits: natural poses are variations of an open library, not recordings; tones
# are as pictures show them; spectra of real images are here only if you bring some; pixel statistics use 200 images a dataset.
# **Next**: [notebook 11](11_transhand.ipynb) builds the network that learns from these pictures.
