# %% [markdown]
# # 14 · The correlation encoder
#
# **Question** Does each hand become more accurate when the network lets it see the other one? ·
# **Paper** section 4, Figure 8, Eq. 12; section 5.2, Table 4 · **Needs** the experiments `real`, `real-no-lateral` and
# `real-no-local`, `real-no-smooth` · **Takes** under a minute at demo once these have run
#
# You will see that the lateral connection is one matrix in each block, that setting it to zero gives a network whose
# hands do not exchange their states, what it earns in Table 4, and, in a trained network, what happens to the hands when it is
# cut. Last, in the same way, what local features and the smoothness loss earn.

# %% tags=["parameters"]
scale: str = "demo"  # tiny, demo, gpu or paper (renderih_lib/scales.py)
seed: int = 0  # root of all randomness
out_dir: str = "runs"  # where results go
data_root: str = ""  # folder of the gated datasets, if you have them

# %%
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from renderih_lib import metrics, repro, viz
from renderih_lib.data.sources import hands_of
from renderih_lib.nets.coarsening import mesh_pyramid
from renderih_lib.nets.transhand import TransHand, upsampled
from renderih_lib.train import comparison, evaluate, figures, tables
from renderih_lib.train.augment import NO_AUGMENTATION, augment
from renderih_lib.train.experiments import EXPERIMENTS, compared_roles
from renderih_lib.train.site import test_set
from renderih_lib.train.weights import load_model

run = repro.start("14_correlation_encoder", scale=scale, seed=seed, out_dir=out_dir, data_root=data_root)
folder = run.input("experiments")
found = tables.results(folder)
TEST, NAMES = "interhand26m-test", ("pa_mpjpe_mm", "mpjpe_mm", "smpjpe_mm", "mrrpe_mm")

# %% [markdown]
# ## What the paper claims
#
# Hands that interact hide each other, so what is seen of one says something about the other. In the second encoder of
# each block (the **correlation encoder**, CE) the features of the other hand are added before attention:
#
# $$\tilde x_R = x_R + W x_L, \qquad \tilde x_L = x_L + W x_R$$
#
# (the map $W$ is our reading of "adding": 11_transhand). The paper's own baseline is one sentence: it fuses each hand with the
# image "independently through a transform encoder", and may be smaller than ours by an encoder. Table 4 says that CE lowers
# PA-MPJPE, MPJPE and SMPJPE. Two of our experiments differ in the connection and in nothing else:

# %%
pair = ("real-no-lateral", "real")
local, smooth = ("real-no-local", "real"), ("real-no-smooth", "real")  # for the end of this notebook
setup = comparison.setup(found, (*pair, local[0], smooth[0]), run.sizes)
run.table(setup, "setup", caption=f"The experiments at scale {scale}, and the images they see.")

# %% [markdown]
# ## One matrix
#
# Take an untrained network with the connection and give its other weights to a network that is built without one. Then set
# $W$ and its bias to zero: both must say the same, and the matrices are all that the two differ by.

# %%
hands, preset = hands_of(compared_roles(EXPERIMENTS["real"]), data_root), run.sizes.network
connected = TransHand(hands, preset, seed=run.seed).eval()
baseline = TransHand(hands, preset, seed=run.seed + 1, lateral=False).eval()
shared = {name: value for name, value in connected.state_dict().items() if ".correlate.lateral." not in name}
_ = baseline.load_state_dict(shared)  # refuses if any other weight is missing


# %%
def cut(network: TransHand) -> TransHand:
    """The network itself, with every lateral connection set to zero."""
    for block in network.blocks:
        torch.nn.init.zeros_(block.correlate.lateral.weight)
        torch.nn.init.zeros_(block.correlate.lateral.bias)
    return network


# %%
image = torch.from_numpy(run.rng("image").random((1, 3, 64, 64), np.float32))
with torch.no_grad():
    intact, without = connected(image).vertices, baseline(image).vertices
    lesioned = cut(connected)(image).vertices
assert torch.allclose(lesioned, without, atol=1e-6) and not torch.allclose(intact, without, atol=1e-6)

# %%
sizes = [sum(p.numel() for p in net.parameters()) for net in (connected, baseline)]
print(
    f"the connection has {sizes[0] - sizes[1]:,} of {sizes[0]:,} weights ({1 - sizes[1] / sizes[0]:.1%}); "
    f"with random weights it moves vertices by {1000 * (intact - without).abs().mean():.2f} mm on average"
)

# %% [markdown]
# So in our two experiments a difference cannot come from a larger network: it is what passes between the hands.
# It is not all that does. Both networks read the same image tokens, and both see the evidence for the keypoints of
# *both* hands (11_transhand). The connection adds the state of the other hand's vertices.
#
# ## Table 4

# %%
run.table(
    tables.beside_published("Table 4", found),
    "table_4",
    caption="Table 4, published beside ours, mm (middle MCP root, all 21 joints; ± standard deviation over seeds where there are "
    "several). The last rows never look at an image; the mean pose has a large SMPJPE because its bones are short: "
    "18_generalization.",
)

# %% [markdown]
# Both experiments answer the same test images, so we compare image by image. A **gain** is the error without the
# connection minus the error with it. Its 95 % interval draws whole poses (and, with several seeds, counts how much
# seeds disagree; 15_mixing_real_and_synthetic builds it from scratch).

# %%
gains = comparison.gains(folder, *pair, TEST, NAMES, run.rng)
labels = dict(zip(NAMES, ("PA-MPJPE", "MPJPE", "SMPJPE", "MRRPE"), strict=True))
run.show(
    figures.gain_chart({labels[name]: effect for name, effect in gains.items()}),
    "gains",
    caption="What the lateral connection gains, with 95 % intervals; right of zero is the paper's direction. Open circles: "
    "the interval holds zero.",
    alt="Four dots with horizontal bars around a vertical zero line, one for each metric.",
)

# %%
for name, effect in gains.items():
    print(f"{labels[name]}: {effect}: {effect.direction}")
print(comparison.caution(found, "real", TEST, gains["mpjpe_mm"]))

# %% [markdown]
# ## Cutting the connection of a trained network
#
# Another question: how much does a network that learned *with* the connection rely on it? We set $W$ to zero after training.
# This is a lesion, not the baseline: the other weights have never seen that, so it overstates the use.

# %%
everything, source = test_set(TEST, run.sizes, run.input("datasets"), data_root, hands)
picked = np.unique(np.linspace(0, len(everything) - 1, 500, dtype=int))
images = everything[picked]
model = load_model(run.input("experiments", f"real-{run.seed}"), hands)
size = run.sizes.image_size


# %%
def measured(network) -> dict[str, float]:
    said = evaluate.predict(network, images, size, bone=None, precision="float32")
    return evaluate.summary(said)


rows = {"intact": measured(model)}
rows["cut after training"] = measured(cut(load_model(run.input("experiments", f"real-{run.seed}"), hands)))
rows["trained without"] = measured(load_model(run.input("experiments", f"real-no-lateral-{run.seed}"), hands))
lesion = pd.DataFrame(rows).T[[*NAMES, "swapped"]].rename_axis("network")

# %%
run.table(
    lesion.round(2),
    "lesion",
    caption=f"{len(images)} images of {source.name}, seed {run.seed}, mm. `swapped`: share of images whose hands fit better exchanged. "
    "In float32; the experiments may use bfloat16, so the last digit can differ from Table 4.",
)

# %%
moved = lesion.loc["cut after training"] - lesion.loc["intact"]
print(
    f"cutting adds {moved.mpjpe_mm:+.2f} mm to MPJPE and {moved.mrrpe_mm:+.2f} mm to MRRPE; "
    f"the share of swapped hands goes from {lesion.swapped['intact']:.0%} to {lesion.swapped['cut after training']:.0%}"
)

# %% [markdown]
# ## What flows across, block by block
#
# Change the features of one hand a little: how much do the features of the other change? With the output features $y$ of a
# correlation encoder, the share of the right hand's answer that comes from the left one is
#
# $$s = \frac{\lVert \partial y_R / \partial x_L \rVert^2}{\lVert \partial y_R / \partial x_L \rVert^2 + \lVert \partial y_R / \partial x_R \rVert^2} ,$$
#
# taken for a random direction of $y_R$ at a time. Without the connection it is exactly zero. One half, which the
# plain sum would give, means that the right hand's answer hangs on both hands alike.

# %%
few = images[np.unique(np.linspace(0, len(images) - 1, 24, dtype=int))]
inputs, _ = augment(few, NO_AUGMENTATION, np.random.default_rng(run.seed), size)


def features_of(network) -> list[torch.Tensor]:
    """What enters the correlation encoder of each block, (B, 2, N, D), for the pictures above."""
    caught = []
    hooks = [
        b.correlate.register_forward_pre_hook(lambda _, x: caught.append(x[0].detach()))
        for b in network.blocks
    ]
    with torch.no_grad():
        network(inputs)
    for hook in hooks:
        hook.remove()
    return caught


# %%
def share_across(encoder, features: torch.Tensor, draws: int = 4) -> np.ndarray:
    """s of each picture (B,), mean over random directions."""
    features = features.clone().requires_grad_()
    shares = []
    for draw in range(draws):
        answer = encoder(features)[:, 0]
        direction = torch.from_numpy(run.rng("direction", draw).normal(size=answer.shape)).float()
        (gradient,) = torch.autograd.grad((answer * direction).sum(), features)
        own, other = (gradient[:, side].square().sum((1, 2)) for side in (0, 1))
        shares.append(other / (own + other))
    return torch.stack(shares).mean(0).numpy()


# %%
alone = load_model(run.input("experiments", f"real-no-lateral-{run.seed}"), hands)
assert share_across(alone.blocks[0].correlate, features_of(alone)[0]).max() == 0
states = features_of(model)
across = np.stack([share_across(b.correlate, x) for b, x in zip(model.blocks, states, strict=True)])
fresh = TransHand(hands, preset, seed=run.seed).eval()
untrained = [
    share_across(b.correlate, x).mean() for b, x in zip(fresh.blocks, features_of(fresh), strict=True)
]

# %%
figure, axis = plt.subplots(figsize=(6.5, 3))
axis.boxplot(list(across), positions=range(3), widths=0.5, medianprops={"color": figures.PLAIN})
axis.plot(range(3), untrained, "x", color=figures.MEAN_POSE_COLOR, label="before training")
axis.set_xticks(range(3), [f"block {i + 1}\n{x.shape[2]} vertices" for i, x in enumerate(states)])
axis.set(ylabel="share from the other hand", ylim=(0, None))
axis.legend(frameon=False, fontsize=8)
run.show(
    figure,
    "share_across",
    caption=f"How much of the right hand's features comes across from the left hand in each block of the trained network, for "
    f"{len(few)} test images (boxes), and in a network with random weights (crosses).",
    alt="Three box plots, one per block, with a cross for the untrained network in each.",
)

# %% [markdown]
# ## Attention maps
#
# In the last block: where does a vertex near the right index finger's tip look? Attention is over the *sum* of both hands, so
# it is drawn on the right hand: the true one, or the predicted one where nobody knows the true mesh. How strongly each
# vertex of the left hand moves that point is its gradient, drawn on the left hand. (The connection adds vertex to vertex:
# the vertex of the same number acts directly, all others only through attention.) Three test images, from the least to the
# most overlap of the hands that was measured.

# %%
last, template = model.blocks[-1].correlate, hands.right.template
level = template[mesh_pyramid(hands.right).levels[-1]]  # (252, 3) at rest
tip = int((level - template[hands.right.tip_vertices[1]]).norm(dim=-1).argmin())


# %%
def strengths(number: int) -> list[np.ndarray]:
    """On each of 778 vertices: attention of the tip (right hand) and influence on its place (left hand)."""
    x = states[-1][number : number + 1].clone().requires_grad_()
    attention = last.attention(x)[0, 0].mean(0)[tip].detach()
    model.coordinates(model.norm(last(x)))[0, 0, tip].sum().backward()
    influence = x.grad[0, 1].norm(dim=-1)
    # One vertex far above all others would hide the rest, and the map to the mesh has negative weights.
    kept = [v.clamp(*v.quantile(torch.tensor([0.02, 0.98])).tolist()) for v in (attention, influence)]
    return [upsampled(v[:, None], model.upsample_2)[:, 0].numpy() for v in kept]


overlap = np.nan_to_num(few.mask_iou.numpy())
chosen = np.argsort(overlap, kind="stable")[[0, len(few) // 2, -1]]


# %%
def meshes_of(name: str) -> np.ndarray:
    """What the first seed of an experiment says about the pictures above: (B, 2, V, 3) metres."""
    network = load_model(run.input("experiments", f"{name}-{run.seed}"), hands)
    return evaluate.predict(
        network, few, size, bone=None, precision="float32", vertices=True
    ).predicted_vertices


meshed = bool(few.mesh_valid.all())
shapes = few.vertices.numpy() if meshed else meshes_of("real")

# %%
lines, names = [], []
for number in chosen:
    shape = shapes[number]
    colors = [figures.shades(s, c) for s, c in zip(strengths(number), viz.HAND_COLORS, strict=True)]
    surfaces = [
        viz.Surface(v, h.faces.numpy(), c) for v, h, c in zip(shape, hands.hands, colors, strict=True)
    ]
    views = list(figures.CAMERA_VIEWS.values())[:2]
    mark = shape[:1, int(hands.right.tip_vertices[1])]
    drawn = [viz.picture(surfaces, view=view, points=mark, point_radius=4) for view in views]
    lines.append([few.images[number].permute(1, 2, 0).numpy(), *drawn])
    names.append(f"IoU {overlap[number]:.2f}" if few.mask_iou[number].isfinite() else "IoU unknown")

# %%
run.show(
    figures.picture_table(lines, names, ["image", *list(figures.CAMERA_VIEWS)[:2]], width=2.4),
    "attention",
    caption="A vertex near the tip of the right index finger (violet dot where visible), on the "
    f"{'true' if meshed else 'predicted'} hands. Right hand, grey to "
    "orange: where its attention goes. Left hand, grey to blue: how strongly that vertex of the left hand moves "
    "it. From the weakest to the strongest 2 % of each hand's vertices.",
    alt="Three test images, each with the hands from two sides, patches of orange on the right and of blue on the left hand.",
)

# %% [markdown]
# ## Local features
#
# "Since the global feature does not contain fine-grained local details" (section 4), each block also reads the image:
# the features $F_1$ to $F_3$, cell by cell. In the experiment `real-no-local` a block gets the mean over all cells, one token
# without a place. (Below the preset `paper` our heat maps, which see places too, stay in both networks: the gain is then
# a lower bound.)

# %%
locality = comparison.gains(folder, *local, TEST, NAMES, run.rng)
for name, effect in locality.items():
    print(f"{labels[name]}: {effect}: {effect.direction}")

# %% [markdown]
# ## The smoothness loss
#
# Section 4 adds Eq. 12 "to guarantee the geometric continuity of the predicted vertices": the edges $e$ of each predicted
# face shall be at right angles to the normal $n$ of the true face, $|e \cdot n| \to 0$ (12_training). The experiment
# `real-no-smooth` gives it the weight zero and changes nothing else.
#
# A surface is continuous where neighbouring faces are bent against each other as in the truth. With unit normals $n_i$,
# $n_j$ and centres $c_i$, $c_j$ of two faces that share an edge,
#
# $$\beta_{ij} = \pm\arccos(n_i \cdot n_j), \text{ positive where } (n_j - n_i) \cdot (c_j - c_i) > 0 \text{: convex,}$$
#
# and the error is the mean of $|\beta - \beta^*|$ over all shared edges. It does not depend on where the hand is or how
# it is turned. A sheet folded by 30° instead of 10° must be 20° wrong, whatever its orientation:


# %%
def folded(degrees: float) -> np.ndarray:
    """Two triangles (4, 3) in metres with the edge from 0 to 1 in common, one turned about it."""
    angle = np.radians(degrees)
    return np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, -np.cos(angle), -np.sin(angle)]])


said, true = (np.array([[folded(a)] * 2]) for a in (30, 10))
faces = [[[0, 1, 2], [1, 0, 3]]] * 2
turn = np.array([[0, -1, 0], [0, 0, -1], [1, 0, 0]])
assert np.allclose(metrics.bend_errors(said, true, faces), 20)
assert np.allclose(metrics.bend_errors(said @ turn, true, faces), 20)
assert np.allclose(metrics.bend_errors(np.array([[folded(-10)] * 2]), true, faces), 20)  # concave, not convex


# %%
def bends_of(name: str) -> comparison.Trials:
    """The same of every seed of an experiment, on the pictures of the lesion."""
    known = comparison.trials(folder, name, TEST, "mpjpe_mm")
    known, rows = known.within(np.isin(np.arange(len(everything)), picked)), []
    for number in known.seeds:
        network = load_model(run.input("experiments", f"{name}-{number}"), hands)
        said = evaluate.predict(network, images, size, bone=None, precision="float32", vertices=True)
        meshes = (said.predicted_vertices, said.target_vertices, network.faces, said.mesh_valid)
        rows.append(metrics.per_image(metrics.bend_errors(*meshes)))
    return replace(known, errors=np.stack(rows), unit="°")


# %%
smoothness = comparison.gains(folder, *smooth, TEST, NAMES, run.rng)
bends = {name: bends_of(name) for name in smooth}
if all(np.isfinite(trial.errors).any() for trial in bends.values()):  # the truth may be joints alone
    smoothness["bends_deg"] = comparison.gain(*bends.values(), run.rng(*smooth, "bends_deg"))
labels["bends_deg"] = "bends, °"

# %%
run.show(
    figures.gain_chart(
        {labels[name]: effect for name, effect in smoothness.items()}, xlabel="gain, mm; of bends, °"
    ),
    "smoothness",
    caption=f"What Eq. 12 gains, with 95 % intervals; right of zero is the paper's direction. Errors on {source.name}; bends on "
    f"{len(images)} of its images. Open circles: the interval holds zero.",
    alt="Dots with horizontal bars around a vertical zero line, one for each metric, the last for bends.",
)

# %%
for name, effect in smoothness.items():
    print(f"{labels[name]}: {effect}: {effect.direction}")

# %% [markdown]
# What that looks like, on the three pictures from above:


# %%
def true_hands(number: int) -> np.ndarray:
    """The truth as photographed: meshes, or skeletons where it is joints alone."""
    if meshed:
        return figures.from_sides(few.vertices[number].numpy(), hands)[0]
    return figures.sticks_from_sides(few.keypoints[number].numpy(), few.keypoint_valid[number].numpy())[0]


rough, even = map(meshes_of, smooth)
lines = [
    [
        few.images[number].permute(1, 2, 0).numpy(),
        true_hands(number),
        *(figures.from_sides(each[number], hands)[0] for each in (rough, even)),
    ]
    for number in chosen
]

# %%
run.show(
    figures.picture_table(lines, names, ["image", "truth", "without Eq. 12", "with Eq. 12"], width=2.2),
    "surfaces",
    caption=f"Predicted surfaces without and with the smoothness loss, seed {run.seed}: look at wrinkles, not at the pose.",
    alt="Three test images, each with the true hands and two predictions, as photographed.",
)

# %%
run.write_metrics(
    {
        "gains": {
            "correlation_encoder": {name: effect.record() for name, effect in gains.items()},
            "local_features": {name: effect.record() for name, effect in locality.items()},
            "smoothness": {name: effect.record() for name, effect in smoothness.items()},
        },
        "bends_deg": {name: trial.mean for name, trial in bends.items() if "bends_deg" in smoothness},
        "lesion": {name: dict(row) for name, row in lesion.T.items()},
        "share_across": across.mean(1),
        "share_across_untrained": untrained,
        "connection_weights_percent": 100 * (1 - sizes[1] / sizes[0]),
        "tested_on": source.name,
    }
)

# %% [markdown]
# ## Paper and released code
#
# | | paper (section 4, Table 4) | released code | here |
# |---|---|---|---|
# | connection | "adding" the other hand's feature | the plain sum, the same for both hands | sum with a learned map, as in SlowFast, which the paper cites |
# | baseline | one sentence: each hand fused with the image, perhaps by one encoder | no switch for it | `lateral=False`: $W = 0$, both encoders stay |
# | Eq. 12 | edges in metres; its weight is not told; no ablation | directions of edges, weight 10 | edges in metres; bends are our measure |
# | data | InterHand2.6M, about 366,000 images | version 1.0, all annotations | in the table above; a stand-in is named as one |
# | numbers | one number each, no interval | | every seed, paired by image, with intervals |
#
# ## Exercises
#
# 1. Why is a network whose connection is cut after training no fair baseline?
# 2. Which metric should the connection help most, and why is it not in Table 4?
# 3. The plain sum ($W$ = identity) gives both hands the same $\tilde x$. What in the network still tells them apart?
# 4. The last block moves 252 vertices and a fixed map carries them to the mesh. Why can the surface be rough even so?
#
# <details><summary>Solutions</summary>
#
# 1. Its other weights were trained to expect the term. A network trained without it finds other ways, such as the evidence for
#    both hands' keypoints.
# 2. MRRPE, the place of one hand seen from the other: with CDev, an error that belongs to both hands. Table 4 gives errors
#    of single hands only; the chart above adds it.
# 3. Nothing before the vertex codes of the next block: each vertex of one hand and the vertex of the other with the same
#    number become equal. In our form the residual $x_R$ keeps its own hand, because $W$ is not the identity.
# 4. Each fine vertex is a mean of 3 of the 252, so the mesh follows every one of them that is out of place. The map smooths
#    only what is finer than they are.
#
# </details>
#
# **What we saw.** The connection is a small part of the weights, and cutting it shows how far a trained network leans on it;
# whether it earns what Table 4 says is in the chart and the lines below it, with what the scale can judge; what Eq. 12
# earns is in the last chart. **Limits.** A
# gradient says how strongly features influence each other, not whether that helps. One network is opened here, of one
# seed. **Next**: 15_mixing_real_and_synthetic.
