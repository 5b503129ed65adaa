# %% [markdown]
# # 13 · Metrics
#
# **Question** What does each metric measure, and how much of a score is the protocol? ·
# **Paper** section 5.1, Tables 4-9, Figure 11 · **Needs** 12_training · **Takes** less than a minute on 2 cores
#
# You will work out each metric on a case small enough to check in your head, write it from scratch where it has a
# catch, and check that the library agrees. Then all protocols run on the same predictions: how far does a score move
# although nothing about the network changes? Last comes the check that every number of this kind needs: what does an
# answer score that never looks at the image?

# %% tags=["parameters"]
scale: str = "demo"  # tiny, demo, gpu or paper (renderih_lib/scales.py)
seed: int = 0  # root of all randomness
out_dir: str = "runs"  # where results go
data_root: str = ""  # folder of the gated datasets, if you have them

# %%
import itertools
import json

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import to_rgb
from scipy.spatial.transform import Rotation

# %%
from renderih_lib import metrics, repro, viz
from renderih_lib.data.occlusion import hand_masks, mask_iou
from renderih_lib.data.samples import Sample
from renderih_lib.hand.skeleton import KEYPOINT_NAMES, MIDDLE_MCP
from renderih_lib.pose.library import load_pose_library
from renderih_lib.train import evaluate
from renderih_lib.train.evaluate import Predictions

# %%
run = repro.start("13_metrics", scale=scale, seed=seed, out_dir=out_dir, data_root=data_root)
predictions = Predictions.load(run.input("12_training", "predictions.npz"))
mean_pose = Predictions.load(run.input("12_training", "mean_pose.npz"))
trained = json.loads(run.input("12_training", "metrics.json").read_text())
sources = trained["data"]  # InterHand2.6M, or what stands in for it
print(f"{len(predictions)} test images of {len(np.unique(predictions.pose_ids))} poses, from {sources}")

# %% [markdown]
# The examples use two hands of the open pose library, palm on palm. Everything is in metres; scores are in millimetres.

# %%
library = load_pose_library()
hands, pair = library.hands, library.hands(library.pair("prayer"))
mesh, joints = pair.vertices.numpy().astype(float), pair.keypoints.numpy().astype(float)
print("meshes", mesh.shape, "keypoints", joints.shape)

# %% [markdown]
# ## MPJPE: mean per-joint position error
#
# Move the root of prediction and truth to the origin, then take the mean distance over the 21 keypoints:
#
# $$\mathrm{MPJPE} = \frac{1}{21}\sum_i \left\lVert (\hat J_i - \hat J_{root}) - (J_i - J_{root}) \right\rVert .$$
#
# **By hand.** One fingertip is off by (3, 4, 0) mm. Its distance is $\sqrt{3^2 + 4^2} = 5$ mm, the other 20 are right:
# the mean is $5 / 21 = 0.238$ mm. Now the same error at the *root*. The root itself scores zero, by construction, and the
# other 20 pay: $20 \cdot 5 / 21 = 4.76$ mm.

# %%
at_tip, at_root = joints.copy(), joints.copy()
at_tip[0, 0, 20] += [0.003, 0.004, 0]
at_root[0, 0, MIDDLE_MCP] += [0.003, 0.004, 0]
for name, wrong in (("a tip", at_tip), ("the root", at_root)):
    right, left = metrics.mpjpe(wrong, joints, root="middle_mcp")[0]
    print(f"{name} wrong: right hand {right:.3f} mm, left hand {left:.3f} mm")


# %%
def mpjpe_from_scratch(predicted, target, root=MIDDLE_MCP):
    predicted = predicted - predicted[:, :, root : root + 1]
    target = target - target[:, :, root : root + 1]
    return 1000 * np.sqrt(((predicted - target) ** 2).sum(-1)).mean(-1)


ours = mpjpe_from_scratch(predictions.predicted.astype(float), predictions.target.astype(float))
library_says = metrics.mpjpe(predictions.predicted, predictions.target, root="middle_mcp")
assert np.allclose(ours, library_says)

# %% [markdown]
# **What nobody annotated.** Real datasets know some keypoints and not others. Unknown ones hold zeros, which are at the
# camera, so forgetting to leave them out costs as much as the hands are far away. And a hand whose *root* is unknown cannot
# be moved to the origin: it does not count at all.

# %%
known = np.ones((1, 2, 21), dtype=bool)
known[0, 0, 20] = False  # a tip of the right hand
known[0, 1, MIDDLE_MCP] = False  # the root of the left hand
holes = np.where(known[..., None], joints + [0, 0, 0.7], 0)
print("left out: ", metrics.mpjpe(joints, holes, known, root="middle_mcp")[0].round(6), "mm")
print("forgotten:", metrics.mpjpe(joints, holes, root="middle_mcp")[0].round(1), "mm")

# %% [markdown]
# ## SMPJPE: with the true bone length
#
# A camera cannot tell a small near hand from a large far one. SMPJPE gives each predicted hand the true length of the
# bone from the wrist to the middle MCP joint before comparing. **By hand.** A prediction that is perfect but 10 % too
# large has SMPJPE 0, and an MPJPE of 10 % of the mean distance from the root.

# %%
distance = 1000 * np.linalg.norm(joints - joints[:, :, MIDDLE_MCP, None], axis=-1).mean()
too_large = metrics.mpjpe(1.1 * joints, joints, root="middle_mcp").mean()
scaled = metrics.smpjpe(1.1 * joints, joints, root="middle_mcp", joints="all").mean()
assert np.isclose(too_large, 0.1 * distance) and scaled < 1e-6
print(f"mean distance from the root {distance:.1f} mm: MPJPE {too_large:.1f} mm, SMPJPE {scaled:.1f} mm")

# %% [markdown]
# ## PA-MPJPE: after the best similarity
#
# Procrustes alignment turns, scales and shifts each predicted hand so that it fits best. What remains is finger pose
# and hand shape. With centred points $A$ (predicted) and $B$ (true), and $A^\top B = U S V^\top$, the rotation is
# $U V^\top$ and the scale $\mathrm{tr}(S) / \lVert A \rVert^2$ (Umeyama 1991). If $\det(U V^\top) < 0$ that would be a
# mirror; the weakest axis is then turned round, for a left hand must not pass as a right one.


# %%
def aligned(predicted, target):
    a, b = predicted - predicted.mean(0), target - target.mean(0)
    u, s, vt = np.linalg.svd(a.T @ b)
    if np.linalg.det(u @ vt) < 0:
        u[:, 2], s[2] = -u[:, 2], -s[2]
    return s.sum() / (a**2).sum() * a @ (u @ vt) + target.mean(0)


assert np.allclose(aligned(at_root[0, 0], joints[0, 0]), metrics.procrustes(at_root[0, 0], joints[0, 0]))

# %% [markdown]
# **By hand.** The true hands turned by 90° and 1.7 times as large: 0. Their mirror image: not 0. And 5 mm at the root,
# which cost 20 times as much as 5 mm at a tip above, are nothing special here: PA has no root.

# %%
turned = 1.7 * joints @ np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1.0]])
cases = {"turned and enlarged": turned, "mirrored": joints * [1, 1, -1]}
cases |= {"root off by 5 mm": at_root, "tip off by 5 mm": at_tip}
for name, wrong in cases.items():
    print(f"{name}: {metrics.pa_mpjpe(wrong, joints)[0].round(3)} mm")

# %% [markdown]
# ## PCK and AUC
#
# PCK(t) is the share of keypoints that are at most $t$ mm off (from the root). AUC is the area below that curve from 0 to 50 mm,
# over 50 mm. **By hand.** Half of the keypoints 10 mm off, half 30 mm: PCK is 0, from 10 mm on 0.5, from 30 mm on
# 1. The area is $20 \cdot 0.5 + 20 \cdot 1 = 30$, so AUC = 0.6. There is a shorter way: each keypoint adds
# $1 - \min(e, 50) / 50$, here 0.8 and 0.4. So for a good network **AUC is MPJPE in disguise**; the difference is that no
# keypoint can cost more than 50 mm.

# %%
half = np.where(np.arange(42).reshape(1, 2, 21) < 21, 10.0, 30.0)
thresholds = np.linspace(0, 50, 200)  # as InterShape samples the curve
curve = metrics.pck(half, thresholds)
sampled = ((curve[1:] + curve[:-1]) / 2).mean()
print(f"AUC {metrics.mean_error(metrics.auc(half)):.3f}, from the sampled curve {sampled:.3f}")

# %%
figure, axis = plt.subplots(figsize=(5.5, 3.2))
for name, answer, color in (("TransHand", predictions, "#222222"), ("mean pose", mean_pose, "#7B2D8B")):
    errors = metrics.keypoint_errors(answer.predicted, answer.target, answer.valid, root="middle_mcp")
    area = metrics.mean_error(metrics.auc(errors))
    axis.plot(thresholds, metrics.pck(errors, thresholds), color=color, label=f"{name}: AUC {area:.2f}")
axis.plot(thresholds, curve, ":", color="#888888", label="the example: AUC 0.60")
axis.set(xlabel="threshold (mm)", ylabel="share of correct keypoints", ylim=(0, 1.02))
axis.legend(fontsize=8, loc="upper left")
run.show(
    figure,
    "pck",
    caption="Share of keypoints within a distance of their true place, from the middle MCP joint. Neither answer starts at 0: "
    "the root itself, one keypoint of 21, is always right.",
    alt="Two rising curves of correct keypoints against the threshold, and a staircase with two steps.",
)

# %% [markdown]
# ## MPVPE: the same for the mesh
#
# Mean distance of vertices, the mesh being moved by the *keypoint* that is the root. **By hand.** Every vertex off by
# (3, 4, 0) mm with right keypoints: 5 mm. No vertex is the root, so no zero flatters this mean.

# %%
shifted = mesh + [0.003, 0.004, 0]
print(metrics.mpvpe(shifted, mesh, joints, joints, root="middle_mcp")[0], "mm")

# %% [markdown]
# ## MRRPE: where is the other hand?
#
# All metrics above forget where the hands are. MRRPE compares the vector from the right root to the left root:
#
# $$\mathrm{MRRPE} = \left\lVert (\hat J^{L}_{root} - \hat J^{R}_{root}) - (J^{L}_{root} - J^{R}_{root}) \right\rVert .$$
#
# **By hand.** The left hand is 3 cm too far to the side and 4 cm too deep: 5 cm. The released scripts have the axes of
# their arrays mixed up and print the mean of the *coordinates*, $(3 + 0 + 4)/3 = 2.33$ cm. For errors of random direction
# theirs is half of the true one.

# %%
moved = joints.copy()
moved[:, 1] += [0.03, 0, 0.04]
euclidean = metrics.mrrpe(moved, joints, root="middle_mcp")
released = metrics.mrrpe(moved, joints, root="middle_mcp", norm="released")
assert np.isclose(euclidean, 50) and np.isclose(released, 70 / 3)
print(f"MRRPE {euclidean[0]:.1f} mm; the released script prints {released[0]:.1f} mm")

# %%
directions = run.rng("directions").normal(size=(100_000, 3))
ratio = np.linalg.norm(directions, axis=1).mean() / np.abs(directions).mean()
print(f"true over released for random directions: {ratio:.3f}")

# %% [markdown]
# ## CDev: does what touches still touch?
#
# Take each right vertex whose nearest left vertex is closer than 3 mm *in the truth*, and measure how far the same two
# vertices are apart *in the prediction*. **By hand.** The left hand as a whole is (3, 0, 4) mm away from where it should be. Each pair
# was up to 3 mm apart and is now somewhere between 2 and 8 mm apart; if all had touched exactly, CDev would be 5.


# %%
def cdev_from_scratch(predicted, target, within=0.003):
    apart = np.linalg.norm(target[0][:, None] - target[1][None], axis=-1)  # every pair of vertices, metres
    touching, partner = apart.min(1) < within, apart.argmin(1)
    pairs = predicted[0, touching] - predicted[1, partner[touching]]
    return 1000 * np.linalg.norm(pairs, axis=-1).mean()


away, exact = mesh.copy(), mesh.copy()
away[:, 1] += [0.003, 0, 0.004]
assert np.isclose(cdev_from_scratch(away[0], mesh[0]), metrics.contact_deviation(away, mesh)[0, 0])

# %%
touching = metrics.contact_pairs(mesh[0, 0], mesh[0, 1])
exact[0, 1, touching[:, 1]] = exact[0, 0, touching[:, 0]]  # left vertices drawn onto their partners
apart = exact + [[[[0, 0, 0]], [[0.003, 0, 0.004]]]]
exactly = metrics.contact_deviation(apart, exact, within=1e-6)[0, 0]
assert np.isclose(exactly, 5)
print(f"exact contact, then 5 mm away: {exactly:.1f} mm")
print(
    f"the library's pair, 5 mm away: {metrics.contact_deviation(away, mesh)[0].round(2)} mm from right, from left"
)

# %%
surface = viz.Surface(mesh[0, 0], hands.right.faces.numpy(), viz.RIGHT_COLOR)
pictures, titles = [viz.picture(viz.pair_surfaces(pair, hands), view="thumb")], ["the pair"]
for reach in (0.003, 0.006, 0.012):
    found = metrics.contact_pairs(mesh[0, 0], mesh[0, 1], reach)
    pictures.append(
        viz.picture([surface], view="palm", points=mesh[0, 0, found[:, 0]], point_color="#222222")
    )
    titles.append(f"{1000 * reach:.0f} mm: {len(found)} vertices")
edges = mesh[0, 0][hands.right.faces.numpy()]
spacing = 1000 * np.linalg.norm(edges - np.roll(edges, 1, axis=1), axis=-1).mean()
run.show(
    viz.sheet(pictures, titles=titles),
    "contact",
    caption=f"Right vertices that count as touching, for three reaches. Neighbouring vertices are {spacing:.1f} mm apart, so 3 mm "
    "from vertex to vertex finds only a part of the skin that touches. Whoever changes the mesh changes CDev.",
    alt="Two hands palm on palm, and three pictures of the right palm with few, more and many dots.",
)

# %% [markdown]
# The released script goes one way, from right to left, and so does `cdev_mm`. `cdev_both_mm` is the mean of both ways. Neither aligns or
# scales. A hand that is 2 cm too deep scores about 2 cm. But two hands shrunk to one point score 0: **CDev rewards collapse**. Read it
# beside MPJPE, MRRPE and the mean pose.

# %%
print("all vertices in one point:", metrics.contact_deviation(0 * mesh, mesh)[0], "mm")

# %% [markdown]
# ## Handedness, and hands that swap
#
# InterNet says with two numbers whether there is a right hand and a left hand. An image is right if **both** answers are
# (from 0.5 on: yes). Its paper calls the share *average precision*; what its script prints is this accuracy.

# %%
said = np.array([[0.9, 0.2], [0.9, 0.2], [0.6, 0.7], [0.1, 0.5]])
there = np.array([[True, False], [True, True], [True, True], [False, True]])
print("right about both hands:", metrics.hands_found(said, there), "so the accuracy is 3/4")

# %% [markdown]
# TransHand always answers with two hands, so it has no handedness to score. What it can do is to take one for the other. `swapped`
# is the share of images whose predicted 2D hands lie nearer to the other hand's truth. Here the hands are exchanged in one image of two:

# %%
places = np.stack([joints[0, :, :, :2], joints[0, ::-1, :, :2]])
print(metrics.hands_swapped(places, np.repeat(places[:1], 2, 0), np.ones((2, 2, 21), dtype=bool)))
print(f"TransHand: {evaluate.summary(predictions)['swapped']:.0%} of the test images")

# %% [markdown]
# ## Mask IoU: how much do the hands hide each other?
#
# Draw each hand alone, as if the other were not there, and divide the common pixels by all pixels. **By hand.** Two
# squares of 10 x 10 that share a half: $50 / 150 = 1/3$. The same pose has any IoU, depending on the camera:


# %%
def seen(degrees: float) -> Sample:
    """The pair after a turn about its fingers, from 0.6 m, 128 pixels."""
    turn, middle = Rotation.from_euler("x", degrees, degrees=True).as_matrix(), joints[0].mean((0, 1))
    vertices, keypoints = ((x[0] - middle) @ turn.T + [0, 0, 0.6] for x in (mesh, joints))
    K = np.array([[300, 0, 64], [0, 300, 64], [0, 0, 1]], dtype=np.float32)
    blank, valid = np.zeros((128, 128, 3), np.uint8), np.ones(2, dtype=bool)
    names = {"sample_id": "prayer", "pose_id": 0, "source": "pose library", "valid": valid}
    return Sample(image=blank, K=K, vertices=np.float32(vertices), keypoints=np.float32(keypoints), **names)


square = np.zeros((2, 10, 15), dtype=bool)
square[0, :, :10], square[1, :, 5:] = True, True
print(f"IoU {(square[0] & square[1]).sum() / (square[0] | square[1]).sum():.3f}")

# %%
views = [seen(degrees) for degrees in (0, 30, 60, 90)]
colors = np.array([(1, 1, 1), to_rgb(viz.RIGHT_COLOR), to_rgb(viz.LEFT_COLOR), (0.13, 0.13, 0.13)])
pictures = [colors[np.array([1, 2]) @ hand_masks(view, hands).reshape(2, -1)] for view in views]
run.show(
    viz.sheet(
        [picture.reshape(128, 128, 3) for picture in pictures],
        titles=[f"IoU {mask_iou(view, hands):.2f}" for view in views],
    ),
    "mask_iou",
    caption="Masks of the right hand (orange), of the left hand (blue) and of both (black), each drawn as if alone, as the camera "
    "goes round.",
    alt="Four pictures of two silhouettes that overlap more and more.",
)

# %% [markdown]
# Figure 11 shows errors by IoU. The released scripts have other bins for Tzionas (0 is one of its own) than for
# InterHand2.6M; both are choices by name.

# %%
binned = []
for bins, (name, answer) in itertools.product(
    metrics.IOU_BINS, {"TransHand": predictions, "mean pose": mean_pose}.items()
):
    errors = metrics.keypoint_errors(answer.predicted, answer.target, answer.valid, root="middle_mcp")
    for row in metrics.errors_by_bin(errors, answer.mask_iou, bins):
        binned.append({"bins of": bins, "answer": name} | row)
run.table(
    pd.DataFrame(binned).round(2),
    "occlusion",
    caption=f"MPJPE by mask IoU on test images from {sources}; sd over keypoints and images. The mean pose shows how hard a bin is "
    "for somebody who does not look.",
)

# %% [markdown]
# ## Same predictions, all protocols
#
# Papers differ in the root, in whether predictions are scaled, in whether the root itself counts in the mean, and in what they call the truth:
# the annotated keypoints, or keypoints taken from the true *mesh* by the map that the network uses too. Each row is one choice on
# **the same predictions** of 12_training.

# %%
truths = metrics.TRUTHS if predictions.mesh_valid.any() else ("annotated",)
rows = []
choices = (metrics.ROOTS, metrics.SCALES, metrics.JOINTS, truths)
for root, size, kept, truth in itertools.product(*choices):
    protocol = metrics.Protocol(root, size, kept, truth)
    names = {"root": root, "scale": size, "joints": kept, "truth": truth}
    rows.append(names | {"MPJPE mm": evaluate.protocol_error(predictions, protocol)})
protocols = pd.DataFrame(rows)
spread = protocols["MPJPE mm"].max() / protocols["MPJPE mm"].min() - 1
run.table(
    protocols.round(2),
    "protocols",
    caption=f"MPJPE of the same predictions under {len(rows)} protocols; data: {sources}. The worst is {spread:.0%} above the best.",
)

# %%
effects = {
    name: float(np.ptp(protocols.groupby(name)["MPJPE mm"].mean()))
    for name in ("root", "scale", "joints", "truth")
    if protocols[name].nunique() > 1
}
print("; ".join(f"{name} moves the mean score by {effect:.2f} mm" for name, effect in effects.items()))

# %% [markdown]
# These are the ones that papers use. `mean`: over hands, or first over images for each of the 42 keypoints (InterNet); the two agree
# where every keypoint is annotated, as in rendered images.

# %%
named = [
    {"paper": paper, **vars(protocol), "MPJPE mm": evaluate.protocol_error(predictions, protocol)}
    for paper, protocol in metrics.PROTOCOLS.items()
    if protocol.truth in truths
]
run.table(
    pd.DataFrame(named).round(2),
    "papers",
    caption=f"The same predictions by the protocol of each paper; data: {sources}. Only rows of one protocol may stand in one table.",
)

# %%
given = (predictions.predicted, predictions.target, predictions.valid)
pair_rows = [
    {"root": r, "norm": n, "MRRPE mm": metrics.mean_error(metrics.mrrpe(*given, root=r, norm=n))}
    for r, n in itertools.product(metrics.ROOTS, metrics.NORMS)
]
run.table(
    pd.DataFrame(pair_rows).round(2),
    "relative_root",
    caption=f"The place of the left hand seen from the right, same predictions, by root and by norm; data: {sources}. `released` is what "
    "the published scripts print, and may be what the paper's tables show.",
)

# %% [markdown]
# ## What does a constant score?
#
# Two answers that never look at the image: the mean pose of the training set, and the zero pose of the hand. Intervals are 95 %, from
# drawing whole poses (not images: views of one pose err together).

# %%
zero_pose = evaluate.constant(predictions, evaluate.canonical_hand(hands))
answers = {
    "TransHand (12_training)": predictions,
    "mean training pose": mean_pose,
    "zero pose of the open hand": zero_pose,
}
shown = {
    "MPJPE": "mpjpe_mm",
    "SMPJPE": "smpjpe_mm",
    "PA-MPJPE": "pa_mpjpe_mm",
    "MPVPE": "mpvpe_mm",
    "MRRPE": "mrrpe_mm",
    "CDev": "cdev_mm",
    "AUC": "auc",
}

# %%
summaries = {name: evaluate.summary(answer) for name, answer in answers.items()}
means = {name: {m: found.get(key) for m, key in shown.items()} for name, found in summaries.items()}
table = {}
for name, answer in answers.items():
    ends, digits = evaluate.intervals(answer, run.rng("poses")), {"AUC": 2}
    table[name] = {
        metric: "{:.{d}f} ({:.{d}f}, {:.{d}f})".format(
            means[name][metric], *ends[key], d=digits.get(metric, 1)
        )
        for metric, key in shown.items()
        if key in ends
    }
run.table(
    pd.DataFrame(table).T.fillna("–").rename_axis("answer"),
    "baselines",
    caption=f"Mean and 95 % interval on {len(predictions)} images from {sources}; mm but for AUC; –: needs true meshes, of "
    "which 12_training keeps the errors alone. The last two rows never look at an image. A constant hand can have a low "
    "PA-MPJPE: the alignment uses the truth to turn it the right way. The mean pose has a large SMPJPE because its bones are "
    "short: 18_generalization. A low CDev may mean hands that are too small: see the mean pose.",
)

# %%
figure, axis = plt.subplots(figsize=(8, 3))
shades, width = ("#222222", "#7B2D8B", "#DDDDDD"), 0.25
for offset, (name, values) in enumerate(means.items()):
    heights = [values[m] for m in ("MPJPE", "SMPJPE", "PA-MPJPE")]
    places = np.arange(3) + (offset - 1) * width
    axis.bar(places, heights, width, label=name, color=shades[offset], edgecolor="#222222", lw=0.5)
axis.set_xticks(range(3), ["MPJPE", "SMPJPE", "PA-MPJPE"])
axis.set_ylabel("mm")
axis.legend(fontsize=7)
run.show(
    figure,
    "constant_answers",
    caption="The trained network (black) beside two answers that never look. Where black is not the lowest, the metric is no "
    "evidence that the network sees anything.",
    alt="Grouped bars of three errors for the trained network and two constant answers.",
)

# %%
pa = {name: values["PA-MPJPE"] for name, values in means.items()}
best = min(pa, key=pa.get)
print(
    f"lowest PA-MPJPE: {best}, {pa[best]:.1f} mm"
    + ("" if best.startswith("Trans") else ", which never looks")
)

# %% [markdown]
# ## How sure is a difference?
#
# Two answers to the **same** images err together: a hard pose is hard for both. So draw poses once and take the difference within each
# draw. The interval of the difference is then narrower than the two intervals suggest, and the question "is it better?" is whether zero
# lies inside.

# %%
paired = evaluate.differences(predictions, mean_pose, run.rng("pairs"))
differences = pd.DataFrame(paired, index=["difference", "low", "high"]).T.rename_axis("metric")
run.table(
    differences.round(3),
    "differences",
    caption=f"TransHand minus mean pose on the same images from {sources}, with paired 95 % intervals over poses. Below zero is better, "
    "but for auc.",
)

# %%
errors = metrics.mpjpe(*given, root="middle_mcp")
several = len(np.unique(predictions.pose_ids)) > 1  # a tiny test set may have a single pose
clusters = predictions.pose_ids if several else np.arange(len(predictions))
widths = {
    name: float(np.diff(metrics.cluster_interval(errors, labels, run.rng(name)))[0])
    for name, labels in (("poses", clusters), ("images", np.arange(len(errors))))
}
print({f"{name} drawn": f"{width:.2f} mm wide" for name, width in widths.items()})

# %% [markdown]
# ## Which keypoints are hard?

# %%
per_joint, per_joint_mean = (
    np.nanmean(metrics.keypoint_errors(a.predicted, a.target, a.valid, root="middle_mcp"), axis=(0, 1))
    for a in (predictions, mean_pose)
)
figure, axis = plt.subplots(figsize=(9, 3))
axis.bar(range(21), per_joint, color="#222222", label="TransHand")
axis.plot(range(21), per_joint_mean, "o", color="#7B2D8B", label="mean training pose")
names = [name.replace("_", " ") for name in KEYPOINT_NAMES]
axis.set_xticks(range(21), names, rotation=60, ha="right", fontsize=7)
axis.set_ylabel("mm")
axis.legend(fontsize=8)
run.show(
    figure,
    "per_joint",
    caption="Mean error of each keypoint from the middle MCP joint (whose error is zero by definition). Keypoints "
    "far from the root tend to err more, for the network as for the constant.",
    alt="Bars of the error of 21 keypoints with dots for the constant answer.",
)

# %%
run.write_metrics(
    {
        "sources": sources,
        "images": len(predictions),
        "means": means,
        "summaries": summaries,
        "differences": {
            name: dict(zip(("value", "low", "high"), v, strict=True)) for name, v in paired.items()
        },
        "protocols": rows,
        "protocol_spread": spread,
        "protocol_effects_mm": effects,
        "papers": named,
        "relative_root": pair_rows,
        "released_mrrpe_factor": ratio,
        "occlusion": binned,
        "interval_mm": widths,
        "swapped": summaries["TransHand (12_training)"]["swapped"],
    }
)

# %% [markdown]
# ## Paper and released code
#
# | | paper (5.1) | released code | here |
# |---|---|---|---|
# | joints | "hand joints" | 21, regressed from the vertices of prediction *and* truth; annotated joints are not used | prediction regressed from its vertices; truth by name, `annotated` or `regressed` |
# | scale | MPJPE as predicted, SMPJPE by the true bone | the network is trained to a 95 mm bone, and the truth is scaled to it | true sizes |
# | root | middle MCP; wrist in the supplement | one script each | an argument without a hidden default |
# | MRRPE | distance of relative roots | mean absolute coordinate | both, by name |
# | CDev | "hand-to-hand contact deviation" | from right vertices within 3 mm, to their nearest left ones; images without contact do not count | the same, and the mean of both ways |
# | occlusion | IoU of both masks | soft masks at 256 pixels, whose edge pixels lift the IoU a little | pixel centres; both sets of bins by name |
# | PA-MPJPE in training logs | | prints the error that is not aligned under this name | aligned |
#
# ## Exercises
#
# 1. A network predicts every hand at 0.9 of its size and is perfect otherwise. Which metrics are zero?
# 2. All keypoints are predicted at the root. What is the PA-MPJPE, and why is it not the largest possible?
# 3. Two images of the same pose: why not count them as two independent samples in an interval?
# 4. Every prediction is 10 mm off but perfect in shape: both hands moved together by the same vector. What are MPJPE, MRRPE and CDev?
#
# <details><summary>Solutions</summary>
#
# 1. SMPJPE and PA-MPJPE. MRRPE is zero too if the place of the hand is predicted apart from its size, as here.
# 2. The mean distance of the true keypoints from their centre: a point cannot be turned or scaled, but alignment still moves it.
# 3. A pose that is hard in one view is usually hard in the next. Treating them as independent makes the interval too narrow.
# 4. MPJPE and MRRPE are zero, and CDev is what it is for the truth itself: the mean gap of the touching pairs, under 3 mm. No metric of the paper asks where the
#    pair is in the room.
#
# </details>
#
# **What we saw.** The same predictions give scores that differ by the protocol alone, and PA-MPJPE is kind to
# answers that never look. So each table of this project names its protocol and shows the constant answer.
# **Limits.** The truth of rendered images is exact; real annotations carry millimetres of error of their own. **Next**: 14_correlation_encoder
# compares two networks with these metrics; 99_report collects what was measured.
