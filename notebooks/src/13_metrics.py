# %% [markdown]
# # 13 · Metrics
#
# **Question** What do MPJPE, SMPJPE, PA-MPJPE and MRRPE measure, and how much of a score is the protocol? ·
# **Paper** section 5.1, Tables 4-9 · **Needs** 12_training · **Takes** less than a minute on 2 cores
#
# You will work out each metric by hand on a case small enough to check in your head, then run all protocols on
# the same predictions and see how far a score moves although nothing about the network changes. Last comes the
# check that every number of this kind needs: what does a constant answer score?

# %% tags=["parameters"]
scale: str = "demo"  # tiny, demo, gpu or paper (renderih_lib/scales.py)
seed: int = 0  # root of all randomness
out_dir: str = "runs"  # where results go
data_root: str = ""  # folder of the gated datasets, if you have them

# %%
import itertools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from renderih_lib import metrics, repro
from renderih_lib.hand.pair import open_hand_pair
from renderih_lib.hand.skeleton import KEYPOINT_NAMES, MIDDLE_MCP
from renderih_lib.train import evaluate
from renderih_lib.train.evaluate import Predictions

run = repro.start("13_metrics", scale=scale, seed=seed, out_dir=out_dir, data_root=data_root)
predictions = Predictions.load(run.input("12_training", "predictions.npz"))
mean_pose = Predictions.load(run.input("12_training", "mean_pose.npz"))
print(f"{len(predictions.ids)} test images, {len(np.unique(predictions.pose_ids))} poses")

# %% [markdown]
# ## MPJPE: mean per-joint position error
#
# Move the root of prediction and truth to the origin, then take the mean distance over the 21 keypoints:
#
# $$\mathrm{MPJPE} = \frac{1}{21}\sum_i \left\lVert (\hat J_i - \hat J_{root}) - (J_i - J_{root}) \right\rVert .$$
#
# **By hand.** Take a true hand and bend one finger wrongly: its 4 keypoints are off by 21 mm, the other 17 are right.
# The mean is $4 \cdot 21 / 21 = 4$ mm. If the *root* is one of the wrong keypoints, the other 17 pay for it instead.

# %%
rest = evaluate.canonical_hand(open_hand_pair())[None].astype(float)  # (1, 2, 21, 3), the zero pose
wrong = rest.copy()
wrong[:, :, 5:9] += [0, 0.021, 0]  # the index finger, 21 mm towards the back of the hand
print("index finger wrong:", metrics.mpjpe(wrong, rest, root="middle_mcp")[0], "mm")
wrong = rest.copy()
wrong[:, :, MIDDLE_MCP : MIDDLE_MCP + 4] += [0, 0.021, 0]  # the middle finger, which holds the root
print("middle finger wrong:", metrics.mpjpe(wrong, rest, root="middle_mcp")[0], "mm")


# %%
def mpjpe_from_scratch(predicted, target, root=MIDDLE_MCP):
    predicted = predicted - predicted[:, :, root : root + 1]
    target = target - target[:, :, root : root + 1]
    return 1000 * np.sqrt(((predicted - target) ** 2).sum(-1)).mean(-1)


ours = mpjpe_from_scratch(predictions.predicted.astype(float), predictions.target.astype(float))
library_says = metrics.mpjpe(predictions.predicted, predictions.target, root="middle_mcp")
assert np.allclose(ours, library_says)

# %% [markdown]
# ## SMPJPE: with the true bone length
#
# A camera cannot tell a small near hand from a large far one. SMPJPE gives each predicted hand the true length of the
# bone from the wrist to the middle MCP joint before comparing. **By hand.** A prediction that is perfect but 10 % too
# large has SMPJPE 0, and an MPJPE of 10 % of the mean distance from the root.

# %%
large = 1.1 * rest
distance = 1000 * np.linalg.norm(rest - rest[:, :, MIDDLE_MCP : MIDDLE_MCP + 1], axis=-1).mean()
mpjpe_large = metrics.mpjpe(large, rest, root="middle_mcp").mean()
smpjpe_large = metrics.smpjpe(large, rest, root="middle_mcp", joints="all").mean()
assert np.isclose(mpjpe_large, 0.1 * distance) and smpjpe_large < 1e-6
print(
    f"mean distance from the root {distance:.1f} mm; MPJPE {mpjpe_large:.1f} mm, SMPJPE {smpjpe_large:.1f} mm"
)

# %% [markdown]
# ## PA-MPJPE: after the best similarity
#
# Procrustes alignment turns, scales and shifts each predicted hand so that it fits best. What remains is finger pose
# and hand shape. **By hand.** The true hand turned by 90° about any axis and moved to the moon: PA-MPJPE 0. Its mirror
# image: not 0, because an alignment may not mirror.

# %%
turned = 1.7 * rest @ np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1.0]]) + 3.8e8
mirrored = rest * [1, 1, -1]
print(
    "turned, scaled, on the moon:",
    metrics.pa_mpjpe(turned - turned.mean(2, keepdims=True), rest)[0].round(6),
    "mm",
)
print("mirrored:", metrics.pa_mpjpe(mirrored, rest)[0].round(1), "mm")

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
moved = rest.copy()
moved[:, 1] += [0.03, 0, 0.04]
euclidean = metrics.mrrpe(moved, rest, root="middle_mcp")
released = metrics.mrrpe(moved, rest, root="middle_mcp", norm="released")
assert np.isclose(euclidean, 50) and np.isclose(released, 70 / 3)
print(f"MRRPE {euclidean[0]:.1f} mm; the released script prints {released[0]:.1f} mm")

# %%
errors = run.rng("directions").normal(size=(100_000, 3))  # random directions: the ratio is exactly one half
ratio = np.linalg.norm(errors, axis=1).mean() / np.abs(errors).mean()
print(f"true over released for random directions: {ratio:.3f}")

# %% [markdown]
# ## Same predictions, all protocols
#
# Papers differ in the root, in whether predictions are scaled, and in whether the root itself, whose error is zero by
# construction, counts in the mean. Each row is one choice on **the same predictions** of 12_training.

# %%
arguments = (predictions.predicted, predictions.target, predictions.valid)
rows = []
for root, size, joints in itertools.product(metrics.ROOTS, metrics.SCALES, metrics.JOINTS):
    value = metrics.mean_error(metrics.mpjpe(*arguments, root=root, scale=size, joints=joints))
    rows.append({"root": root, "scale": size, "joints": joints, "MPJPE mm": value})
protocols = pd.DataFrame(rows)
spread = protocols["MPJPE mm"].max() / protocols["MPJPE mm"].min() - 1
run.table(
    protocols.round(2),
    "protocols",
    caption=f"MPJPE of the same predictions under eight protocols. The worst is {spread:.0%} above the best.",
)

# %%
pair_rows = [
    {
        "root": root,
        "norm": norm,
        "MRRPE mm": metrics.mean_error(metrics.mrrpe(*arguments, root=root, norm=norm)),
    }
    for root, norm in itertools.product(metrics.ROOTS, metrics.NORMS)
]
run.table(
    pd.DataFrame(pair_rows).round(2),
    "relative_root",
    caption="The place of the left hand seen from the right, same predictions, by root and by norm (`released` is what the published scripts print).",
)

# %% [markdown]
# ## What does a constant score?
#
# Two answers that never look at the image: the mean pose of the training set, and the zero pose of the hand. Intervals are 95 %, from drawing whole poses (not images: views of one pose err together).

# %%
zero_pose = evaluate.constant(predictions, rest[0])
answers = {
    "TransHand (12_training)": predictions,
    "mean training pose": mean_pose,
    "zero pose of the open hand": zero_pose,
}


# %%
def scores(answer: Predictions) -> dict[str, np.ndarray]:
    """Errors in mm under the paper's protocol (middle MCP root, 21 joints)."""
    given = (answer.predicted, answer.target, answer.valid)
    return {
        "MPJPE": metrics.mpjpe(*given, root="middle_mcp"),
        "SMPJPE": metrics.smpjpe(*given, root="middle_mcp", joints="all"),
        "PA-MPJPE": metrics.pa_mpjpe(*given),
        "MRRPE": metrics.mrrpe(*given, root="middle_mcp"),
    }


several = len(np.unique(predictions.pose_ids)) > 1
clusters = predictions.pose_ids if several else predictions.ids  # a tiny test set may have a single pose
table, means = {}, {}
for name, answer in answers.items():
    found = scores(answer)
    means[name] = {metric: metrics.mean_error(values) for metric, values in found.items()}
    ends = {m: metrics.cluster_interval(v, clusters, run.rng(m)) for m, v in found.items()}
    table[name] = {m: f"{means[name][m]:.1f} ({low:.1f}, {high:.1f})" for m, (low, high) in ends.items()}
run.table(
    pd.DataFrame(table).T.rename_axis("answer"),
    "baselines",
    caption="Mean error in mm and its 95 % interval on the test images. The last two rows never look at an image. A constant "
    "hand can have a low PA-MPJPE: alignment uses the truth to turn it the right way.",
)

# %%
figure, axis = plt.subplots(figsize=(8, 3))
width = 0.25
for offset, (name, values) in enumerate(means.items()):
    places = np.arange(3) + (offset - 1) * width
    axis.bar(
        places,
        [values[m] for m in ("MPJPE", "SMPJPE", "PA-MPJPE")],
        width,
        label=name,
        color=("#222222", "#7B2D8B", "#DDDDDD")[offset],
        edgecolor="#222222",
        lw=0.5,
    )
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

# %% [markdown]
# ## Which keypoints are hard?

# %%
local = [
    k - k[:, :, MIDDLE_MCP : MIDDLE_MCP + 1]
    for k in (predictions.predicted, predictions.target, mean_pose.predicted)
]
per_joint = 1000 * np.linalg.norm(local[0] - local[1], axis=-1).mean((0, 1))
per_joint_mean = 1000 * np.linalg.norm(local[2] - local[1], axis=-1).mean((0, 1))
figure, axis = plt.subplots(figsize=(9, 3))
axis.bar(range(21), per_joint, color="#222222", label="TransHand")
axis.plot(range(21), per_joint_mean, "o", color="#7B2D8B", label="mean training pose")
axis.set_xticks(
    range(21), [name.replace("_", " ") for name in KEYPOINT_NAMES], rotation=60, ha="right", fontsize=7
)
axis.set_ylabel("mm")
axis.legend(fontsize=8)
run.show(
    figure,
    "per_joint",
    caption="Mean error of each keypoint from the middle MCP joint (whose error is zero by definition). Errors grow with the "
    "distance from the root, for the network as for the constant.",
    alt="Bars of the error of 21 keypoints with dots for the constant answer; finger tips and thumb are highest.",
)

# %%
run.write_metrics(
    {
        "means": means,
        "protocols": rows,
        "protocol_spread": spread,
        "relative_root": pair_rows,
        "released_mrrpe_factor": ratio,
        "swapped": evaluate.swap_rate(predictions),
    }
)

# %% [markdown]
# ## Paper and released code
#
# | | paper (5.1) | released code | here |
# |---|---|---|---|
# | joints | "hand joints" | 21, regressed from the vertices of prediction *and* truth; annotated joints are not used | prediction regressed from its vertices, truth from the skeleton |
# | scale | MPJPE as predicted, SMPJPE by the true bone | the network is trained to a 95 mm bone, and the truth is scaled to it | true sizes |
# | root | middle MCP; wrist in the supplement | one script each | an argument without a hidden default |
# | MRRPE | distance of relative roots | mean absolute coordinate | both, by name |
# | PA-MPJPE in training logs | | prints the error that is not aligned under this name | aligned |
#
# ## Exercises
#
# 1. A network predicts every hand at 0.9 of its size and is perfect otherwise. Which of the four metrics are zero?
# 2. All keypoints are predicted at the root. What is the PA-MPJPE, and why is it not the largest possible?
# 3. Two images of the same pose: why not count them as two independent samples in an interval?
#
# <details><summary>Solutions</summary>
#
# 1. SMPJPE and PA-MPJPE. MRRPE is zero too if the place of the hand is predicted apart from its size, as here.
# 2. The mean distance of the true keypoints from their centre: a point cannot be turned or scaled, but alignment still moves it.
# 3. A pose that is hard in one view is usually hard in the next. Treating them as independent makes the interval too narrow.
#
# </details>
#
# **What we saw.** The same predictions give scores that differ by the protocol alone, and one of the four metrics is kind to
# answers that never look. So each table of this project names its protocol and shows the constant answer.
# **Limits.** Our truth is exact; real annotations carry millimetres of error of their own. **Next**: 14_correlation_encoder
# in a later version; 99_report collects what was measured.
