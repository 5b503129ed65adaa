# %% [markdown]
# # 12 · Training
#
# **Question** Can TransHand, from random weights, learn two-hand pose from the images that we rendered? ·
# **Paper** sections 4 and 5.1, Eq. 10-12 · **Needs** the rendered sets `renderih-train` and `renderih-test` (notebook 09 shows them) ·
# **Takes** about 24 minutes at demo on 2 cores
#
# You will see the three losses of the paper written out in a line or two each, augmentation that keeps labels exact, a
# training loop that can be stopped and goes on as if nothing had happened, and the first honest result: is the
# network better on new poses than somebody who never looks at the image?

# %% tags=["parameters"]
scale: str = "demo"  # tiny, demo, gpu or paper (renderih_lib/scales.py)
seed: int = 0  # root of all randomness
out_dir: str = "runs"  # where results go
data_root: str = ""  # folder of the gated datasets, if you have them

# %%
import dataclasses
import os

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

# %%
from renderih_lib import metrics, repro, viz
from renderih_lib.data.rendered import RenderedDataset
from renderih_lib.hand.pair import open_hand_pair
from renderih_lib.nets.transhand import TransHand
from renderih_lib.train import evaluate, losses
from renderih_lib.train.augment import Augmentation, augment
from renderih_lib.train.loop import TrainSettings, best_precision, run_key, train

# %%
run = repro.start("12_training", scale=scale, seed=seed, out_dir=out_dir, data_root=data_root)
device = "cuda" if torch.cuda.is_available() else "cpu"
print(f"training on {device}, {torch.get_num_threads()} threads")

# %% [markdown]
# ## The images
#
# Train and test poses are different poses. Each was rendered from a few cameras. Images are kept a quarter larger
# than the network's input, so that augmentation has pixels to draw from.

# %%
hands = open_hand_pair()
size = run.sizes.image_size
folders = {name: run.input("datasets", f"renderih-{name}") for name in ("train", "test")}
train_set, test_set = (RenderedDataset(folders[name], hands).load(5 * size // 4) for name in folders)

# %%
shared = set(train_set.pose_ids.tolist()) & set(test_set.pose_ids.tolist())
assert not shared, f"poses {sorted(shared)[:5]} are in both sets"
print(
    f"{len(train_set)} training images of {len(train_set.pose_ids.unique())} poses, "
    f"{len(test_set)} test images of {len(test_set.pose_ids.unique())} other poses"
)

# %% [markdown]
# ## Augmentation that stays true
#
# Each time an image is used it is turned about the optical axis, scaled, shifted, perhaps mirrored, and its colours are
# changed. A turn about the optical axis is a rotation of the camera, so the 3D labels turn with it **exactly**. In the
# mirror, a right hand is a left hand: the hands swap places in the labels, and $x$ changes its sign.

# %%
augmentation = Augmentation(rotation=np.pi / 4)
chosen = train_set[np.arange(0, len(train_set), max(1, len(train_set) // 6))[:6]]
images, labels = augment(chosen, augmentation, run.rng("look"), size)

# %%
figure, axes = plt.subplots(2, len(chosen), figsize=(1.7 * len(chosen), 3.5))
pairs = ((chosen.images / 255, chosen.pixels, chosen.size), (images, labels.pixels, size))
for row, (pictures, pixels, side) in zip(axes, pairs, strict=True):
    for axis, picture, points in zip(row, pictures, pixels, strict=True):
        axis.imshow(picture.permute(1, 2, 0), extent=(0, side, side, 0))
        viz.draw_keypoints(axis, points.numpy(), size=3, width=1)
        axis.set(xlim=(0, side), ylim=(side, 0), xticks=[], yticks=[])
run.show(
    figure,
    "augmentation",
    caption="Six training images (top) and what the network may get instead (bottom), keypoints drawn from the labels: "
    "right hand orange, left hand blue. Where an image is mirrored, the colours have changed hands.",
    alt="Two rows of pictures of two hands with skeletons; the lower row is turned, mirrored and recoloured.",
)

# %% [markdown]
# ## The losses
#
# With $J$ the 21 keypoints and $V$ the vertices of hand $s$, each in 3D (from the middle MCP joint) and in 2D (in the crop):
#
# $$L_{joint} = \sum_{s}\sum_{i}\sum_{d \in \{3D, 2D\}} \lVert J^d_{s,i} - J^{d,GT}_{s,i} \rVert_1 \quad (10) \qquad
#   L_{mesh} = \sum_{s}\sum_{i}\sum_{d} \lVert V^d_{s,i} - V^{d,GT}_{s,i} \rVert_1 \quad (11)$$
#
# $$L_{smooth} = \sum_{s}\sum_{f}\sum_{j=0}^{2} \lVert e_{f,j,s} \cdot n^{GT}_{f,s} \rVert_1 \quad (12)$$
#
# Eq. 12 asks the three edges $e$ of each predicted face to lie at right angles to the true normal $n$. We take means
# where the paper writes sums, so that weights keep their meaning for any mesh. From scratch:

# %%
model = TransHand(hands, run.sizes.network, seed=run.seed)
target = losses.target_of(labels, size, bone=None)
with torch.no_grad():
    said = model.eval()(images)
terms = losses.loss_terms(said, target, model.faces)

# %%
joint_3d = (said.keypoints - target.keypoints).abs().mean()  # Eq. 10, d = 3D
mesh_2d = (said.vertices_2d - target.vertices_2d).abs().mean()  # Eq. 11, d = 2D
smooth = []  # Eq. 12
for side, hand in enumerate(hands.hands):
    a, b, c = target.vertices[:, side, hand.faces].unbind(2)
    normal = torch.nn.functional.normalize(torch.linalg.cross(b - a, c - a), dim=-1)
    p, q, r = said.vertices[:, side, hand.faces].unbind(2)
    smooth += [(edge * normal).sum(-1).abs().mean() for edge in (q - p, r - q, p - r)]

# %%
ours = {"joints_3d": joint_3d, "mesh_2d": mesh_2d, "smooth": torch.stack(smooth).mean()}
for name, value in ours.items():
    assert torch.allclose(value, terms[name], rtol=1e-4), name
print({name: round(float(value), 4) for name, value in terms.items()})

# %% [markdown]
# Two more terms matter at this scale: cross-entropies of the heat maps and of the part labels (11_transhand). In a trial,
# the same number of steps without them stayed near the mean pose. They are ours, not the paper's.
#
# ## Somebody who never looks
#
# The **mean pose** of the training set is the best constant answer. Its error on the test images is what a network has to
# beat before anything else is said about it.

# %%
constant_answer = evaluate.mean_pose(train_set, bone=None)
precision = best_precision(device)


# %%
def measured(network, images=test_set):
    """Predictions of a network for all `images`."""
    return evaluate.predict(network, images, size, bone=None, precision=precision)


# %%
model.to(device)
untrained = measured(model)
baseline = evaluate.summary(evaluate.constant(untrained, constant_answer))
print(f"mean pose: MPJPE {baseline['mpjpe_mm']:.1f} mm, MRRPE {baseline['mrrpe_mm']:.1f} mm")

# %% [markdown]
# ## Training
#
# Images and augmentation of a step depend on (seed, step) alone, so the state of a run is the weights, the optimiser and the
# number of the step. We use that: training stops after a few steps, a **new** network picks up the checkpoint, and goes on.

# %%
settings = TrainSettings(
    steps=run.sizes.train_steps,
    batch=run.sizes.batch,
    image_size=size,
    seed=run.seed,
    precision=precision,
    augmentation=augmentation,
)
pd.DataFrame(dataclasses.asdict(settings).items(), columns=["setting", "value"]).astype(str)

# %%
known = train_set[np.arange(min(len(train_set), len(test_set)))]  # as many training images, for comparison


def errors(network) -> dict[str, float]:
    """Numbers that join the curve: on test images, and on training images."""
    return evaluate.summary(measured(network)) | {
        "train_mpjpe_mm": evaluate.summary(measured(network, known))["mpjpe_mm"]
    }


# %%
folder = run.output(f"unfinished/{run_key(model, train_set, settings)}/checkpoint.pt").parent
on_device = train_set.to(device)
train(model, on_device, settings, folder, until=max(2, settings.steps // 100))
print("stopped; a new network goes on from the checkpoint")

# %%
model = TransHand(hands, run.sizes.network, seed=run.seed + 1).to(
    device
)  # other weights: the checkpoint replaces them
curve = train(
    model,
    on_device,
    settings,
    folder,
    every=run.sizes.eval_every,
    evaluate=errors,
    progress=lambda steps: run.progress(steps, desc="training step"),
)

# %%
frame = pd.DataFrame(curve)
for name in ("checkpoint.pt", "curve.jsonl"):  # finished: a killed run resumes, a finished one starts anew
    os.replace(folder / name, run.output(name))
folder.rmdir()

# %%
tested = frame.dropna(subset=["mpjpe_mm"])
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.4))
for name in ("joints_3d", "mesh_3d", "joints_2d", "smooth", "heatmaps", "parts"):
    left.plot(frame["step"], frame[name] / frame[name].iloc[0], label=name, lw=1)
left.set(xlabel="step", ylabel="loss over its first value", ylim=(0, 1.2))
left.legend(fontsize=7, ncol=2)
right.plot(tested["step"], tested["mpjpe_mm"], "o-", color="#222222", label="test poses")
right.plot(tested["step"], tested["train_mpjpe_mm"], "s--", color="#888888", label="training poses")
right.axhline(baseline["mpjpe_mm"], color="#7B2D8B", label="mean pose, never looks")
right.set(xlabel="step", ylabel="MPJPE (mm)")
right.legend(fontsize=8)
run.show(
    figure,
    "curves",
    caption="Left: each loss over its first value. Right: MPJPE from the middle MCP joint, true size, all 21 joints, on test "
    "poses and on training poses without augmentation. The line is the constant answer.",
    alt="Two plots against the training step: falling losses, and the error on test and training poses with a baseline.",
)

# %% [markdown]
# ## On new poses

# %%
predictions = measured(model)
predictions.save(run.output("predictions.npz"))
evaluate.constant(predictions, constant_answer).save(run.output("mean_pose.npz"))

# %%
final = evaluate.summary(predictions)
rows = {"mean pose, never looks": baseline, "TransHand, this run": final}
result = pd.DataFrame(rows).T.rename_axis("what")
run.table(
    result.round(3),
    "result",
    caption=f"{len(test_set)} test images of {len(test_set.pose_ids.unique())} poses not seen in training; mm, middle MCP root. "
    "`swapped`: share of images whose hands fit better when exchanged (for the mean pose, of the network before training).",
)

# %%
per_image = np.nanmean(
    metrics.mpjpe(predictions.predicted, predictions.target, predictions.valid, root="middle_mcp"), 1
)
order = np.argsort(per_image, kind="stable")
picks = order[np.linspace(0, len(order) - 1, 6).round().astype(int)]

# %%
figure, axes = plt.subplots(2, 6, figsize=(11, 4))
for column, i in zip(axes.T, picks, strict=True):
    for axis, points in zip(column, (predictions.target_2d[i], predictions.predicted_2d[i]), strict=True):
        axis.imshow(test_set.images[i].permute(1, 2, 0))
        viz.draw_keypoints(axis, (points + 1) * test_set.size / 2, size=3, width=1)
        axis.set(xlim=(0, test_set.size), ylim=(test_set.size, 0), xticks=[], yticks=[])
    column[0].set_title(f"{per_image[i]:.0f} mm", fontsize=8)
run.show(
    figure,
    "overlays",
    caption="Test images from the best (left) to the worst (right) in equal steps of rank, with the error in 3D. Top: true "
    "keypoints. Bottom: predicted, right hand orange, left hand blue.",
    alt="Six rendered pictures of two hands with true skeletons above and predicted skeletons below, getting worse to the right.",
)

# %%
ratio = final["mpjpe_mm"] / baseline["mpjpe_mm"]
verdict = "better" if ratio < 1 else "not better"
print(
    f"MPJPE {final['mpjpe_mm']:.1f} mm against {baseline['mpjpe_mm']:.1f} mm: ratio {ratio:.2f}, {verdict} than the mean pose"
)

# %%
run.write_metrics(
    {
        "device": device,
        "train_images": len(train_set),
        "test_images": len(test_set),
        "test_poses": len(test_set.pose_ids.unique()),
        "steps": settings.steps,
        "seconds": curve[-1]["seconds"],
        "ms_per_image": 1000 * curve[-1]["seconds"] / (settings.steps * settings.batch),
        "baseline": baseline,
        "result": final,
        "train_mpjpe_mm": curve[-1]["train_mpjpe_mm"],
        "mpjpe_vs_meanpose": ratio,
        "beats_mean_pose": ratio < 1,
    }
)

# %% [markdown]
# ## Paper and released code
#
# | | paper (5.1) | released code | here |
# |---|---|---|---|
# | optimiser, rate | Adam, 1e-4 | AdamW, 3e-4, steps down every 80 epochs | AdamW, 2e-3, warm-up and cosine; `optimizer="adam"`, `schedule="constant"` give the paper's |
# | 3D and 2D losses | L1 | smooth L1 with a bend at 1 m, so in effect a mean square | L1 |
# | 2D loss of joints | yes (Eq. 10) | missing | yes |
# | true size | not said | both hands scaled to a 95 mm bone | true sizes; `bone=0.095` gives the released form |
# | image, batch | 256 pixels, 64 | 256 pixels, 64 on each of 4 GPUs | by scale; this run is in the table of settings above |
# | first weights | ImageNet | ImageNet | random |
# | turn | not said | up to 90° | up to 45° |
#
# The published 10 mm class of error comes from ImageNet weights, hundreds of thousands of images and GPU-days. Numbers
# here come from the data named above and must not be set beside it.
#
# ## Exercises
#
# 1. Why does the mean pose have an error near 5 cm although a hand is only 18 cm long?
# 2. Train with `weights=losses.PAPER_WEIGHTS`. How far below the mean pose does it get in the same number of steps?
# 3. Mirror images without swapping the hands in the labels. What do you expect for `swapped`?
#
# <details><summary>Solutions</summary>
#
# 1. Cameras stand all around the hands, so fingers point in all directions; their mean is close to the root, and the error
#    is about the mean distance of a keypoint from the middle MCP joint.
# 2. Without heat maps and part labels the network stays close to the constant answer much longer.
# 3. One half: each image then claims both answers, and the network can only guess.
#
# </details>
#
# **What we saw.** From random weights and a few thousand rendered images the network learns which way the hands point, and
# training can stop and resume exactly. **Limits.** One seed. The same rooms and the same skins in training and test, and test
# poses are other augmentations of interactions that training poses come from too: all this flatters. At this size orientation is learned, not fingers: 13_metrics shows it. **Next**: 13_metrics.
