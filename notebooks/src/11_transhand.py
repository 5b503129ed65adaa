# %% [markdown]
# # 11 · TransHand
#
# **Question** How does a network turn one image into two hand meshes, and how does one hand help the other? ·
# **Paper** section 4, Figure 8 · **Needs** nothing · **Takes** about 2 minutes at demo on 2 cores
#
# You will follow an image through the network: backbone, image features, vertex features, three blocks, mesh. You
# will build the heart of a block, the **correlation encoder**, from its formula and check it against the library.
# Then a small network memorises a handful of pictures, so that there is something to see when we look at where its
# attention goes from one hand to the other.

# %% tags=["parameters"]
scale: str = "demo"  # tiny, demo, gpu or paper (renderih_lib/scales.py)
seed: int = 0  # root of all randomness
out_dir: str = "runs"  # where results go
data_root: str = ""  # folder of the gated datasets, if you have them

# %%
import tempfile

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.colors import to_rgb

# %%
from renderih_lib import repro, viz
from renderih_lib.data.samples import PART_NAMES, Sample, collate
from renderih_lib.hand.skeleton import KEYPOINT_NAMES
from renderih_lib.nets.coarsening import mesh_pyramid
from renderih_lib.nets.transhand import TransHand
from renderih_lib.pose.library import load_pose_library
from renderih_lib.render.raster import rasterize
from renderih_lib.train.augment import NO_AUGMENTATION
from renderih_lib.train.loop import TrainSettings, best_precision, train

# %%
run = repro.start("11_transhand", scale=scale, seed=seed, out_dir=out_dir, data_root=data_root)
preset = run.sizes.network if scale in ("tiny", "demo") else "demo"
library = load_pose_library()
hands = library.hands

# %% [markdown]
# ## The whole network in one table
#
# An image goes in; a mesh of each hand, the place of the left hand relative to the right, and a camera for each hand
# come out. Each line below is one step. The left column follows the paper's sizes, the right one the small network
# that a laptop can train.
#
# 1. A ResNet makes maps of image features. Their mean is the **global feature**.
# 2. The maps $F_1, F_2, F_3$ (coarse to fine) are what the three blocks look at.
# 3. The global feature becomes **vertex features**: one row of numbers for each of 63 vertices of each hand.
# 4. Three blocks refine them. After a block the mesh gets finer: 63, 126, 252 vertices.
# 5. A linear layer turns each of the 252 vertex features into a 3D point, and a fixed matrix makes all 778 vertices.


# %%
def steps_of(name: str) -> dict[str, str]:
    """What comes out of each step of a preset, for one image of the size that it is meant for."""
    side = {"tiny": 64, "demo": 64, "gpu": 128, "paper": 256}[name]
    net, shapes = TransHand(hands, name).eval(), {"image": f"3 × {side} × {side}"}

    def note(step):
        def hook(module, inputs, out):
            shapes[step] = " × ".join(map(str, out.shape[1:]))

        return hook

    for number, smooth in enumerate(net.features.smooth, start=1):
        smooth.register_forward_hook(note(f"image features F{number}"))
    net.start.spread.register_forward_hook(note("vertex features, flat"))
    for number, block in enumerate(net.blocks, start=1):
        block.register_forward_hook(note(f"block {number} (hands × vertices × features)"))
    with torch.no_grad():
        out = net(torch.zeros(1, 3, side, side))
    shapes["mesh of both hands"] = " × ".join(map(str, out.vertices.shape[1:]))
    shapes["weights, million"] = f"{sum(p.numel() for p in net.parameters()) / 1e6:.1f}"
    return shapes


# %%
names = ["tiny", "demo"] if scale == "tiny" else ["paper", "gpu", "demo", "tiny"]
shapes = pd.DataFrame({name: steps_of(name) for name in names})
shapes.index.name = "step"
run.table(shapes, "shapes", caption="What comes out of each step. Sizes leave out the batch.")

# %% [markdown]
# ## From 63 vertices to 778
#
# MANO's networks come with a file of coarse meshes. We compute ours from the hand itself, so that any hand works:
#
# - **Which vertices?** Walk over the surface and always take the vertex farthest from those already taken. The first
#   63 are the coarsest level, the first 126 the next, the first 252 the finest.
# - **How up?** For features, each new vertex takes a mean of its 3 nearest coarse vertices along the surface, near ones
#   counting more. For the last step each vertex is the fixed weighted sum of 10 coarse vertices (weights sum to 1)
#   that reproduces it best over random poses and shapes.

# %%
pyramid = mesh_pyramid(hands.right)
flat = hands.right.template.numpy()
surface = viz.Surface(flat, hands.right.faces.numpy(), viz.RIGHT_COLOR)
pictures = [
    viz.picture([surface], view="back", points=flat[level.numpy()], point_radius=2.5, size=(320, 320))
    for level in pyramid.levels
]

# %%
run.show(
    viz.sheet(pictures, columns=3, titles=[f"{len(level)} vertices" for level in pyramid.levels], width=3),
    "levels",
    caption="The three levels of the mesh, chosen by walking to the farthest vertex again and again. Each level holds "
    "the one before it. Dots that the surface hides are not drawn.",
    alt="A right hand seen from the back three times, with 63, 126 and 252 dots spread evenly over its skin.",
)

# %%
poses = library.natural_pairs(seed=run.seed + 1, count=32)  # the fit has not seen these
mesh = hands(poses)
truth = mesh.vertices[:, 0]
rebuilt = pyramid.upsample[2] @ truth[:, pyramid.levels[2]]

# %%
error_mm = 1000 * (rebuilt - truth).norm(dim=-1)
print(
    f"252 vertices carry the mesh to {error_mm.mean():.2f} mm on average, {error_mm.quantile(0.99):.2f} mm at the 99th percentile"
)

# %% [markdown]
# ## One block
#
# A block has two transformer encoders, each attention and a small two-layer network (MLP), both added to what was there before:
#
# $$x \leftarrow x + \mathrm{softmax}\!\left(\frac{QK^\top}{\sqrt d}\right) V, \qquad x \leftarrow x + \mathrm{MLP}(x).$$
#
# The **first encoder reads the image**: queries $Q$ come from the vertices of one hand, keys $K$ and values $V$ from the
# image features. The **second is the correlation encoder**. The features of the other hand are added before attention:
#
# $$\tilde x_R = x_R + W x_L, \qquad \tilde x_L = x_L + W x_R .$$
#
# The paper takes this *lateral connection* from SlowFast, where a learned map $W$ comes before the sum. Without it both sums
# would be the same, $x_R + x_L$, and the network could no longer tell the hands apart. Here it is from scratch, with one attention
# head at a time.


# %%
def correlation_encoder(weights: dict, hands_in: torch.Tensor, heads: int) -> torch.Tensor:
    """The second encoder of a block from its weights: (B, 2, N, D) to the same shape."""
    w = {name: weights[f"{name}.weight"] for name in {key.rsplit(".", 1)[0] for key in weights}}
    b = {name: weights[f"{name}.bias"] for name in w}

    def linear(x, name):
        return x @ w[name].T + b[name]

    def normed(x, name):
        return (x - x.mean(-1, True)) / (x.var(-1, correction=0, keepdim=True) + 1e-5).sqrt() * w[name] + b[
            name
        ]

    x = hands_in + linear(hands_in.flip(1), "lateral")  # add the other hand
    tokens = normed(x, "encoder.norm")
    query = linear(tokens, "encoder.attention.query").chunk(heads, -1)
    key, value = (
        part.chunk(heads, -1) for part in linear(tokens, "encoder.attention.key_value").chunk(2, -1)
    )
    mixed = [
        (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1) @ v for q, k, v in zip(query, key, value, strict=True)
    ]
    x = x + linear(torch.cat(mixed, -1), "encoder.attention.out")
    hidden = torch.nn.functional.gelu(linear(normed(x, "encoder.mlp.0"), "encoder.mlp.1"))
    return x + linear(hidden, "encoder.mlp.3")


# %%
net = TransHand(hands, preset, seed=run.seed).eval()
block = net.blocks[0]
features = torch.from_numpy(run.rng("features").normal(size=(2, 2, 63, net.sizes.blocks[0]))).float()

# %%
with torch.no_grad():
    ours = correlation_encoder(block.correlate.state_dict(), features, net.sizes.heads[0])
    library_says = block.correlate(features)
difference = (ours - library_says).abs().max()
assert difference < 1e-4
print(f"largest difference from the library: {difference:.1e}")

# %% [markdown]
# Does the other hand really get through? Change one vertex of the *left* hand and look at what happens to the
# *right* hand, with the lateral connection and without.

# %%
alone = TransHand(hands, preset, seed=run.seed, lateral=False).eval()
changed = features.clone()
changed[:, 1, 0] += 1.0  # vertex 0 of the left hand

# %%
effect = {}
with torch.no_grad():
    for name, model in (("with", net), ("without", alone)):
        encoder = model.blocks[0].correlate
        effect[name] = float((encoder(changed) - encoder(features))[:, 0].abs().mean())
assert effect["without"] == 0 < effect["with"]
print(
    f"mean change of the right hand: {effect['with']:.4f} with the lateral connection, {effect['without']} without"
)

# %% [markdown]
# ## Pictures to memorise
#
# An untrained network attends to everything alike. A quick and honest check of any network is whether it can learn a
# handful of pictures by heart. These are shaded meshes with exact labels, drawn by a few lines of NumPy. The next notebook
# trains on path-traced images.

# %%
side = 80
K = np.array([[1.9 * side, 0, side / 2], [0, 1.9 * side, side / 2], [0, 0, 1]], np.float32)
all_faces = np.concatenate([hands.right.faces.numpy(), hands.left.faces.numpy() + hands.right.vertex_count])
joint = hands.right.skin_weights.argmax(1).numpy()  # the part of a vertex is the joint that moves it most
mask_value = np.concatenate([1 + joint, 17 + joint]).astype(np.uint8)  # see PART_NAMES


# %%
def drawn(number: int) -> Sample:
    """Picture `number`: both hands in one skin colour, half a metre away."""
    place = np.array([0, 0, 0.5], np.float32) - mesh.vertices[number].mean((0, 1)).numpy()
    points = mesh.vertices[number].numpy() + place
    flat_points = points.reshape(-1, 3)
    raster = rasterize(flat_points, all_faces, K, side, side)
    normals = viz.vertex_normals(flat_points, all_faces)
    corner = all_faces[np.maximum(raster.face, 0)]
    light = np.clip((normals[corner] * raster.weights[..., None]).sum(2) @ [-0.3, -0.5, -0.8], 0, 1)
    hit = raster.face >= 0
    image = np.where(hit[..., None], np.array(to_rgb("#D9A184")) * (0.3 + 0.7 * light[..., None]), 0.15)
    nearest = np.take_along_axis(corner, raster.weights.argmax(-1)[..., None], -1)[..., 0]
    return Sample(
        image=(255 * image).astype(np.uint8),
        K=K,
        vertices=points,
        keypoints=mesh.keypoints[number].numpy() + place,
        valid=np.ones(2, bool),
        sample_id=f"drawn/{number}",
        pose_id=number,
        source="drawn",
        parts=np.where(hit, mask_value[nearest], 0).astype(np.uint8),
    )


# %%
count = 4 if scale == "tiny" else 8
samples = [drawn(i) for i in range(count)]

# %%
figure, axes = plt.subplots(1, count, figsize=(1.6 * count, 1.7))
for axis, sample in zip(axes, samples, strict=True):
    axis.imshow(sample.image)
    viz.draw_keypoints(axis, sample.pixels, size=4, width=1)
    axis.axis("off")
run.show(
    figure,
    "pictures",
    caption="The pictures to memorise with their true keypoints: right hand orange, left hand blue.",
    alt="A row of small shaded pictures of two interacting hands with skeletons drawn on them.",
)

# %%
data = collate(samples, side)
settings = TrainSettings(
    steps=20 if scale == "tiny" else 150,
    batch=count,
    image_size=64,
    seed=run.seed,
    warmup=10,
    precision=best_precision(),
    augmentation=NO_AUGMENTATION,
)

# %%
net = TransHand(hands, preset, seed=run.seed)
with tempfile.TemporaryDirectory() as folder:
    curve = train(net, data, settings, folder, progress=run.progress)
print(
    f"mean |error| per coordinate: {1000 * curve[0]['joints_3d']:.1f} mm at step {curve[0]['step']}, "
    f"{1000 * curve[-1]['joints_3d']:.1f} mm at step {curve[-1]['step']}"
)

# %%
net.eval()
images = data.images.float() / 255
small = torch.nn.functional.interpolate(images, size=(64, 64), mode="bilinear", antialias=True)
with torch.no_grad():
    out = net(small)

# %%
figure, axes = plt.subplots(2, 4, figsize=(8, 4.2))
for i in range(4):
    said = (out.keypoints_2d[i].numpy() + 1) * side / 2
    for axis, points, title in ((axes[0, i], samples[i].pixels, "true"), (axes[1, i], said, "predicted")):
        axis.imshow(samples[i].image)
        viz.draw_keypoints(axis, points, size=4, width=1)
        axis.set_title(title, fontsize=8)
        axis.axis("off")
run.show(
    figure,
    "memorised",
    caption="True keypoints (top) and what the network says after a few steps on these same pictures (bottom). "
    "This shows that gradients reach every part. It says nothing about new pictures.",
    alt="Two rows of pictures of hands; the skeletons in the lower row, predicted, resemble those in the upper row.",
)

# %% [markdown]
# ## Where the attention goes
#
# In the last correlation encoder, each vertex of a hand looks at all places of the *sum* of both hands. The weights
# for the tip of the right index finger, averaged over heads, are drawn on the right hand. Attention to a place of the
# sum reads both hands there at once; it cannot say which of them mattered. The gradient can: how much does that
# finger tip move if a vertex feature of the *left* hand changes? That is drawn on the left hand.

# %%
caught = {}
last = net.blocks[-1].correlate
hook = last.register_forward_pre_hook(lambda module, inputs: caught.update(hands=inputs[0].detach()))
with torch.no_grad():
    net(small)
hook.remove()

# %%
level = pyramid.levels[-1].numpy()
index_tip = flat[hands.right.tip_vertices[1]]
tip = int(np.linalg.norm(flat[level] - index_tip, axis=1).argmin())  # the vertex of the level nearest to it

# %%
features = caught["hands"].requires_grad_()  # (B, 2, 252, D)
attention = last.attention(features)[:, 0].mean(1)[:, tip].detach().numpy()  # (B, 252)
points = net.coordinates(net.norm(last(features)))  # (B, 2, 252, 3)
points[:, 0, tip].sum().backward()
influence = features.grad[:, 1].norm(dim=-1).numpy()  # (B, 252), of each vertex of the left hand

# %%
number = 0
color = {}
for side_index, strength in ((0, attention[number]), (1, influence[number])):
    stretched = (strength - strength.min()) / np.ptp(strength)
    share = np.clip(pyramid.upsample[-1].numpy() @ stretched, 0, 1)[:, None]
    color[side_index] = (1 - share) * 0.85 + share * np.array(to_rgb(viz.HAND_COLORS[side_index])) * 0.9

# %%
surfaces = [
    viz.Surface(mesh.vertices[number, i].numpy(), hand.faces.numpy(), color[i])
    for i, hand in enumerate(hands.hands)
]
views = [viz.View((0, 0, -1), (0, -1, 0)), viz.View((0, 0, 1), (0, -1, 0))]
marker = mesh.vertices[number, 0, level[tip]][None].numpy()
pictures = [
    viz.picture(surfaces, view=view, points=marker, point_radius=4, size=(420, 420)) for view in views
]

# %%
run.show(
    viz.sheet(pictures, columns=2, titles=["as in the first picture", "from behind"], width=3.6),
    "attention",
    caption="One vertex near the tip of the right index finger (violet dot where it is visible). Right hand, grey to orange: "
    "where its attention goes in the last correlation encoder, least to most. Left hand, grey to blue: how strongly each "
    "vertex feature of the left hand moves that point, least to most. The line below says how uneven the attention is. "
    "The network knows a handful of pictures by heart; the pattern is an illustration, not a finding.",
    alt="Two grey interacting hands from two sides, with patches of orange on the right hand and of blue on the left.",
)

# %%
print(
    f"the 25 of 252 places with most attention get {np.sort(attention[number])[-25:].sum():.0%} of it; evenly it would be 10%"
)

# %% [markdown]
# ## What a small run needs beyond the paper
#
# Trained from scratch on a few thousand images, a network that sees nothing but its final error stays near the mean
# pose for a long time. Two cheap extra tasks on the finest map $F_3$ end that, and both come free with rendered images:
# **heat maps** (where is each keypoint?) and **part labels** (which part of which hand does each pixel show?).
# `dense=True` adds them. Their answers are not thrown away: for each keypoint the expected place, how sure the
# map is, and the image feature found there become a token, which starts the vertex features and is read by every block.
# `TransHand(hands, "paper", dense=False)` leaves them out.

# %%
with torch.no_grad():
    evidence = net(small).evidence
parts = evidence.parts[0].argmax(0).numpy()
heat = evidence.heatmaps[0].flatten(-2).softmax(-1).unflatten(-1, (16, 16))
shown = [("image", samples[0].image), ("part labels", plt.cm.nipy_spectral(parts / len(PART_NAMES)))]
for side_index, keypoint in ((0, 8), (1, 8), (0, 0), (1, 0)):
    name = f"{('right', 'left')[side_index]} {KEYPOINT_NAMES[keypoint].replace('_', ' ')}"
    shown.append(
        (name, plt.cm.magma(heat[side_index, keypoint].numpy() / float(heat[side_index, keypoint].max())))
    )

# %%
figure, axes = plt.subplots(1, len(shown), figsize=(1.7 * len(shown), 2))
for axis, (title, picture) in zip(axes, shown, strict=True):
    axis.imshow(picture)
    axis.set_title(title, fontsize=8)
    axis.axis("off")
run.show(
    figure,
    "evidence",
    caption="The extra outputs for the first picture on their grid of 16 × 16 cells: the most likely part of each cell "
    "(one colour per part and hand), and the heat maps of two finger tips and two wrists.",
    alt="A picture of two hands, its coarse map of coloured parts, and four dark maps each with a bright spot.",
)

# %%
run.write_metrics(
    {
        "preset": preset,
        "weights": sum(p.numel() for p in net.parameters()),
        "mesh_map_mean_mm": float(error_mm.mean()),
        "mesh_map_p99_mm": float(error_mm.quantile(0.99)),
        "scratch_difference": float(difference),
        "memorised_first_mm": 1000 * curve[0]["joints_3d"],
        "memorised_last_mm": 1000 * curve[-1]["joints_3d"],
    }
)

# %% [markdown]
# ## Paper and released code
#
# | | paper (section 4) | released code | here |
# |---|---|---|---|
# | a block | two transformer encoders per hand | adds four residual layers of linear maps, and a transformer over image patches | two encoders, as in the paper |
# | lateral connection | "adding" the other hand's feature | the plain sum for both hands; left and right differ only by the scale and shift of a normalisation | sum with a learned map, as in SlowFast |
# | attention between hands | drawn in Figure 8 | weights of one hand applied to the values of the other | self-attention over the sum |
# | relative position | not described | implicit: both hands in the left root's frame | a separate output |
# | coarse meshes | 63, 126, 252 | from a file that is not in the repository | computed from the hand |
# | extra outputs | none | switched off | heat maps and part labels, switched on for small runs |
#
# ## Exercises
#
# 1. Set $W$ of a lateral connection to the identity and give both hands the same features. What can the encoder still tell apart?
# 2. How large would the attention matrices be if each vertex attended to a 32 × 32 map $F_3$ directly?
# 3. Why must each row of the upsampling matrix sum to 1?
#
# <details><summary>Solutions</summary>
#
# 1. Nothing: both sums are equal and all weights are shared, so both hands get equal outputs. Only the vertex codes, which are
#    added before the first encoder and differ between the hands, keep them apart.
# 2. 252 × 1,024 per head and hand, four times those of a 16 × 16 map. Blocks average larger maps to at most
#    `grid`² tokens.
# 3. If the whole hand moves by a vector, each vertex must move by the same vector.
#
# </details>
#
# **What we saw.** The network is a chain of small steps with known shapes; the lateral connection is one learned map and
# one sum, and without it nothing passes between the hands. **Limits.** A memorised handful of pictures says nothing about
# accuracy. **Next**: 12_training trains this network on rendered images.
