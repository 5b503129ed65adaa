# %% [markdown]
# # 17 · The state of the art
#
# **Question** Which rows of the paper's comparison can be set side by side, and what does pretraining on RenderIH add? ·
# **Paper** section 5.2, Table 6 · **Needs** the experiments `real` and `finetuned` · **Takes** under a minute on one core
# once these have run
#
# You will see Table 6 with a map of where each of its rows comes from, our two rows beside it, the same predictions
# scored by the protocol of each paper, and why one of the columns is probably half as large as it should be.

# %% tags=["parameters"]
scale: str = "demo"  # tiny, demo, gpu or paper (renderih_lib/scales.py)
seed: int = 0  # root of all randomness
out_dir: str = "runs"  # where results go
data_root: str = ""  # folder of the gated datasets, if you have them

# %%
import json

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from renderih_lib import metrics, repro
from renderih_lib.claims import published
from renderih_lib.train import comparison, evaluate, figures, tables
from renderih_lib.train.evaluate import Predictions

run = repro.start("17_state_of_the_art", scale=scale, seed=seed, out_dir=out_dir, data_root=data_root)
folder = run.input("experiments")
found = tables.results(folder)
TEST, PAIR = "interhand26m-test", ("real", "finetuned")

# %% [markdown]
# ## What the paper claims
#
# TransHand is better than the networks before it when all are trained with their official code (rows with \*), and
# pretraining on RenderIH, then finetuning on InterHand2.6M lowers each error again: "by about 1 mm".
#
# We have one of the six networks, trained in both ways:

# %%
run.table(
    comparison.setup(found, PAIR, run.sizes),
    "setup",
    caption=f"The two experiments at scale {scale}; the steps of pretraining come before those of `finetuned`.",
)

# %% [markdown]
# ## Table 6

# %%
run.table(
    tables.beside_published("Table 6", found),
    "table_6",
    caption="Table 6, published beside ours, mm, middle MCP root (± standard deviation over seeds where there are several). Networks "
    "that this project does not have yet say so; the last rows never look at an image. A low CDev may mean hands that are too small: see the mean pose.",
)

# %%
as_published, ours_alone = (published("Table 6", row, "MPJPE") for row in ("IntagHand", "TransHand"))
print(
    f"MPJPE printed for IntagHand by its authors' weights: {as_published:.2f} mm, for TransHand without pretraining: "
    f"{ours_alone:.2f} mm. " + ("IntagHand is ahead." if as_published < ours_alone else "TransHand is ahead.")
)

# %% [markdown]
# ## Which rows compare?
#
# A row can be set beside another only if both were measured on the same images by the same rule. What the papers say:

# %%
ORIGIN = [  # row, who trained it, test images, beside TransHand?
    ("InterNet*", "RenderIH's authors, official code, v1.0", "v1.0, interacting hands", "yes"),
    ("DIGIT*", "RenderIH's authors, official code, v1.0", "v1.0, interacting hands", "yes"),
    ("InterShape", "its authors, v0.0", "v0.0: fewer and other images", "no"),
    ("HDR", "its authors", "not said", "unknown"),
    (
        "IntagHand",
        "its authors, released weights",
        "not said; SMPJPE is what its authors report",
        "test images unclear",
    ),
    ("IntagHand*", "RenderIH's authors, official code", "v1.0, interacting hands", "yes"),
    ("TransHand", "RenderIH's authors", "v1.0, interacting hands", "yes"),
    ("TransHand, RenderIH pretraining", "RenderIH's authors", "v1.0, interacting hands", "yes"),
]
origin = pd.DataFrame(ORIGIN, columns=["row", "trained by", "test images", "beside TransHand?"]).set_index(
    "row"
)

# %%
run.table(origin, "origin", caption="Where each row of Table 6 comes from, as far as the papers say it.")

# %% [markdown]
# One of these can be checked: the number of InterShape is the one that its own paper prints, and that paper used the
# first release of InterHand2.6M (v0.0), about half of v1.0.

# %%
theirs = published("InterShape Table 1", "InterShape", "InterHand2.6M MPJPE")
assert round(theirs, 2) == published("Table 6", "InterShape", "SMPJPE")
print(
    f"InterShape's own table: {theirs} mm (InterHand2.6M v0.0, scaled by the true bone); Table 6 prints {round(theirs, 2)}"
)

# %% [markdown]
# ## The protocol, from scratch
#
# SMPJPE gives each predicted hand the true length of the bone from wrist to middle MCP joint before comparing. On the
# predictions of our first seed:

# %%
answers = {
    name: Predictions.load(run.input("experiments", f"{name}-{run.seed}/predictions-{TEST}.npz"))
    for name in PAIR
}
said = answers["real"]


# %%
def smpjpe_from_scratch(predicted, target, root=9, wrist=0) -> np.ndarray:
    """(N, 2) mm: root at the origin, bone from wrist to root as long as the true one, then mean distance."""
    predicted, target = (points - points[:, :, root : root + 1] for points in (predicted, target))
    lengths = [np.linalg.norm(points[:, :, wrist], axis=-1) for points in (predicted, target)]
    larger = (lengths[1] / np.maximum(lengths[0], 1e-9))[..., None, None]
    return 1000 * np.linalg.norm(larger * predicted - target, axis=-1).mean(-1)


ours = smpjpe_from_scratch(said.predicted.astype(float), said.target.astype(float))
library_says = metrics.smpjpe(said.predicted, said.target, said.valid, root="middle_mcp", joints="all")
whole = said.valid.all(-1)  # hands with all keypoints annotated
assert np.allclose(ours[whole], library_says[whole])

# %% [markdown]
# ## One network, every paper's rule
#
# The same predictions of the same network, scored as each paper scores. A row is a rule, not another network.

# %%
usable = {
    name: rule
    for name, rule in metrics.PROTOCOLS.items()
    if rule.truth == "annotated" or said.mesh_valid.any()
}
rules = {
    rule: {name: evaluate.protocol_error(answer, protocol) for name, answer in answers.items()}
    for rule, protocol in usable.items()
}
protocols = pd.DataFrame(rules).T.rename_axis("protocol of")
for choice in ("root", "scale", "truth", "mean"):
    protocols[choice] = [getattr(rule, choice) for rule in usable.values()]

# %%
spread = protocols["real"].max() - protocols["real"].min()
run.table(
    protocols.round(2),
    "protocols",
    caption=f"MPJPE in mm of our two networks (seed {run.seed}) on {comparison.tested_on(found, TEST)}, by the rule of each paper. The rule alone moves a score by {spread:.1f} mm.",
)

# %%
step = abs(protocols["real"] - protocols["finetuned"]).max()
best = published("Table 6", "IntagHand*", "MPJPE") - published("Table 6", "TransHand", "MPJPE")
print(
    f"the rule moves the score by {spread:.1f} mm, pretraining by at most {step:.1f} mm; in Table 6, "
    f"{best:.2f} mm lie between TransHand and IntagHand*"
)

# %% [markdown]
# ## MRRPE: half of it?
#
# The released scripts add up the wrong axis: they print the mean absolute *coordinate* of the relative root's error, not its
# length. For an error $e$ of random direction, $\mathbb{E}|e_x| = \lVert e\rVert / 2$ exactly. So what would the MRRPE of
# Table 6 be, if it came from these scripts? And what do other papers print for the same images?

# %%
lines = {}
for row in ("TransHand", "TransHand, RenderIH pretraining", "IntagHand", "IntagHand*"):
    lines[row] = {"Table 6": published("Table 6", row, "MRRPE")}
    lines[row]["if it is the mean coordinate"] = 2 * lines[row]["Table 6"]
lines["InterNet, in its own paper (v0.0, wrist)"] = {"Table 6": published("InterNet text", "MRRPE")}
doubled = pd.DataFrame(lines).T.rename(columns={"Table 6": "printed"}).rename_axis("MRRPE, mm")

# %%
run.table(
    doubled,
    "mrrpe",
    caption="MRRPE as printed, and twice that: what its length would be if the published numbers are mean coordinates.",
)

# %%
means = {
    norm: comparison.mean_of(found, "real", TEST, f"mrrpe{end}_mm")
    for norm, end in (("length", ""), ("released", "_released"))
}
factor = means["length"] / means["released"]
print(
    f"our network `real`: length {means['length']:.1f} mm, released formula {means['released']:.1f} mm, ratio {factor:.2f}"
)

# %% [markdown]
# Doubled, Table 6 comes nearer to what the InterHand2.6M paper reports (with another root, and on the dataset's first release); as
# printed it is far ahead of it. That is a hint and no proof: the released scripts need not be those that made the table. We
# print lengths.
#
# ## What pretraining adds

# %%
METRICS = {
    "pa_mpjpe_mm": "PA-MPJPE",
    "mpjpe_mm": "MPJPE",
    "smpjpe_mm": "SMPJPE",
    "mrrpe_mm": "MRRPE",
    "cdev_mm": "CDev",
}
gains = comparison.gains(folder, *PAIR, TEST, METRICS, run.rng)
levels = {
    name: comparison.level(comparison.trials(folder, experiment, TEST, "mpjpe_mm"), run.rng("level", name))
    for name, experiment in (("transhand", "real"), ("pretrained", "finetuned"))
}

# %%
run.show(
    figures.gain_chart({METRICS[name]: effect for name, effect in gains.items()}),
    "gains",
    caption="What pretraining on RenderIH and finetuning gains over training on real images alone, with 95 % intervals; right of zero "
    "is the paper's direction. Open circles: the interval holds zero. A gain in CDev may come from smaller hands: see Table 6.",
    alt="Dots with horizontal bars around a vertical zero line, one for each metric of Table 6.",
)

# %%
for name, effect in gains.items():
    row = [published("Table 6", r, METRICS[name]) for r in ("TransHand", "TransHand, RenderIH pretraining")]
    print(f"{METRICS[name]}: {effect}: {effect.direction}; published {row[0] - row[1]:+.2f} mm")
print(comparison.caution(found, "finetuned", TEST, gains["mpjpe_mm"]))

# %% [markdown]
# How far is that from the paper's regime? Each error over that of the mean pose, which never looks:

# %%
ratios = {
    METRICS[metric]: [
        comparison.mean_of(found, name, TEST, metric) / comparison.mean_of(found, "mean pose", TEST, metric)
        for name in PAIR
    ]
    for metric in ("mpjpe_mm", "smpjpe_mm", "pa_mpjpe_mm", "mrrpe_mm")
}
figure, axis = plt.subplots(figsize=(6.5, 3))
for offset, (label, fill) in enumerate((("real only", ""), ("pretrained, then finetuned", "//"))):
    heights, places = [pair[offset] for pair in ratios.values()], np.arange(len(ratios)) + 0.4 * offset - 0.2
    look = {"color": figures.style_of(label)["color"], "hatch": fill, "edgecolor": "white", "label": label}
    axis.bar(places, heights, 0.38, **look)
axis.axhline(1, color=figures.MEAN_POSE_COLOR, lw=1)
axis.set_xticks(range(len(ratios)), list(ratios))
axis.set_ylabel("error / error of the mean pose")
axis.set_ylim(0, max(1.1, axis.get_ylim()[1]))  # the line at one stays in sight
axis.legend(frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
run.show(
    figure,
    "ratios",
    caption="Our two networks, each error over that of the mean pose (violet line), mean over seeds.",
    alt="Pairs of bars for four metrics below or above a level line at one.",
)

# %%
learned_from = json.loads(run.input("experiments", f"real-{run.seed}/metrics.json").read_text())["train"]
images = {
    "value": sum(part["images"] for part in learned_from),
    "unit": "images",
    "data": "real" if all(part["real"] for part in learned_from) else "stand-in",
    "scale": gains["mpjpe_mm"].scale,
}

# %%
run.write_metrics(
    {
        "images": {"train": images},
        "gains": {"pretrained": {name: effect.record() for name, effect in gains.items()}},
        "errors": {name: {"mpjpe_mm": effect.record()} for name, effect in levels.items()},
        "protocols": rules,
        "protocol_spread_mm": spread,
        "mrrpe_length_over_released": factor,
        "over_mean_pose": ratios,
        "tested_on": comparison.tested_on(found, TEST),
    }
)

# %% [markdown]
# ## Paper and released code
#
# | | paper (Table 6) | released code | here |
# |---|---|---|---|
# | joints | "hand joints" | regressed from the meshes of prediction and truth | annotated; where a real test set has meshes, also regressed from them (`mesh_...`), and `truth="regressed"` in the table of rules |
# | MPJPE | no scale | networks are trained to a 95 mm bone and the truth is scaled to it | true sizes |
# | MRRPE | distance | mean absolute coordinate | distance; the other one by name |
# | CDev | after ARCTIC | from right to left alone, contact within 3 mm | the same |
# | seeds | one number a row | | every seed, with an interval |
#
# ## Exercises
#
# 1. InterShape's 13.07 stands in the column SMPJPE. Is TransHand's 9.63 better by 3.44 mm? What would you need to say so?
# 2. A network predicts perfect hands at 1.1 times their size. Which protocols in the table of rules notice?
# 3. Why does a wrist root give larger errors than a middle MCP root for the same predictions?
#
# <details><summary>Solutions</summary>
#
# 1. Its weights, run on the same v1.0 images with the same joints; or TransHand trained and tested on v0.0.
# 2. Those with `scale` "none". Those with "bone" are blind to it.
# 3. The wrist lies at one end of the hand: fingertips are farther from it, and an error in turn grows with the distance.
#
# </details>
#
# **What we saw.** Five of the eight rows compare; the rule of the game alone can move a score by more than the steps between
# rows; and a column of the table may be on another scale than its name says. **Limits.** Our rows come from one network
# and, unless the table says otherwise, from stand-in images: they can be compared with each other and with the mean pose, not
# with the published column beside them. **Next**: 18_generalization.
