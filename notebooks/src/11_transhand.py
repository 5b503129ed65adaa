# %% [markdown]
# # 11 · TransHand
#
# **Question** How does a network turn one image into two hand meshes, and how does one hand help the other? ·
# **Paper** section 4, Figure 8 · **Needs** nothing · **Takes** about 2 minutes at demo
#
# You will follow an image through the network: backbone, image features, vertex features, three blocks, mesh. You
# will build one **block** from its formula and check it against the library. You will see what each part costs.
# Then small networks memorise a handful of pictures, so that there is something to see when we look at how the
# prediction forms, and at where the attention goes from one hand to the other.

# %% tags=["parameters"]
scale: str = "demo"  # tiny, demo, gpu or paper (renderih_lib/scales.py)
seed: int = 0  # root of all randomness
out_dir: str = "runs"  # where results go
data_root: str = ""  # folder of the gated datasets, if you have them

# %%
import tempfile
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.colors import to_rgb

# %%
from renderih_lib import repro, viz
from renderih_lib.data.samples import PART_NAMES, Sample, collate
from renderih_lib.hand.skeleton import KEYPOINT_NAMES
from renderih_lib.nets.backbone import Backbone, backbone_config
from renderih_lib.nets.coarsening import LEVELS, mesh_pyramid
from renderih_lib.nets.cost import cost
from renderih_lib.nets.figures import network_sketch
from renderih_lib.nets.transhand import TransHand
from renderih_lib.pose.library import load_pose_library
from renderih_lib.render.raster import rasterize
from renderih_lib.train.augment import NO_AUGMENTATION
from renderih_lib.train.figures import shades
from renderih_lib.train.loop import train
from renderih_lib.train.settings import TrainSettings, best_precision

# %%
run = repro.start("11_transhand", scale=scale, seed=seed, out_dir=out_dir, data_root=data_root)
preset = run.sizes.network if scale in ("tiny", "demo") else "demo"
library = load_pose_library()
hands = library.hands

# %% [markdown]
# ## The whole network
#
# An image goes in; a mesh of each hand, the place of the left hand relative to the right, and a camera for each hand
# come out.
#
# 1. A ResNet makes maps of image features. Their mean is the **global feature** $G_F$.
# 2. The maps $F_1, F_2, F_3$ (coarse to fine) are what the three blocks look at.
# 3. $G_F$ becomes **vertex features** $L_F$ and $R_F$: one row of numbers for each of 63 vertices of each hand.
# 4. Three blocks refine them. After a block the mesh gets finer: 63, 126, 252 vertices.
# 5. A linear layer turns each of the 252 vertex features into a 3D point, and a fixed matrix makes all 778 vertices.

# %%
run.show(
    network_sketch(LEVELS, hands.right.vertex_count),
    "network",
    caption="The network, after the paper's Figure 8. Orange is the right hand, blue the left. Each of the three blocks "
    "first reads the image features, then adds the other hand's features (crossing arrows) and correlates.",
    alt="Boxes and arrows: image, encoder, first hand features, three blocks with crossing arrows between two rows, two meshes.",
)

# %% [markdown]
# The same as numbers. The columns are **presets**. `paper` has the paper's sizes. `official` has the decoder of the released code, where that
# differs. `gpu` and `demo` are smaller, for images that one GPU or a laptop can train on.

# %%
SIDES = {
    "paper": 256,
    "official": 256,
    "gpu": 128,
    "demo": 64,
    "tiny": 64,
}  # pixels that a preset is meant for
names = ["tiny"] if scale == "tiny" else ["paper", "official", "gpu", "demo"]
nets = {name: TransHand(hands, name).eval() for name in names}


# %%
def steps_of(net: TransHand, side: int) -> dict[str, str]:
    """What comes out of each step, for one image."""
    shapes = {"image": f"3 × {side} × {side}"}

    def note(step):
        return lambda module, inputs, out: shapes.update({step: " × ".join(map(str, out.shape[1:]))})

    parts = {f"image features F{i + 1}": last for i, last in enumerate(net.features.finish)}
    parts |= {f"block {i + 1}: hands × vertices × features": block for i, block in enumerate(net.blocks)}
    hooks = [part.register_forward_hook(note(step)) for step, part in parts.items()]
    with torch.no_grad():
        out = net(torch.zeros(1, 3, side, side))
    for hook in hooks:
        hook.remove()
    results = {"mesh": out.vertices, "left from right": out.relative, "cameras": out.camera}
    return shapes | {name: " × ".join(map(str, tensor.shape[1:])) for name, tensor in results.items()}


# %%
shapes = pd.DataFrame({name: steps_of(net, SIDES[name]) for name, net in nets.items()})
shapes.index.name = "step"
run.table(shapes, "shapes", caption="What comes out of each step. Sizes leave out the batch.")

# %% [markdown]
# ## What each part costs
#
# Multiply-adds are counted while one image runs through. At the paper's size the encoder does most of the work; in the
# small presets the blocks weigh as much or nearly so. The start, which gives each vertex features of its own, has more
# *weights* than the three blocks together. The released code starts all vertices of a hand from one feature.

# %%
WORDS = {
    "backbone": "image encoder",
    "features": "image features F1-F3",
    "dense": "heat maps and parts (ours)",
    "start": "start of the vertices",
    "blocks": "three blocks",
    "total": "whole network",
}
costs = {name: cost(net, SIDES[name]) for name, net in nets.items()}

# %%
rows = {
    (name, column): {WORDS[part]: round(value[i] / unit, 2) for part, value in parts.items() if part in WORDS}
    for name, parts in costs.items()
    for i, (column, unit) in enumerate((("weights, M", 1e6), ("multiply-adds, G", 1e9)))
}
table = (
    pd.DataFrame(rows).fillna(0).loc[[word for word in WORDS.values() if word in pd.DataFrame(rows).index]]
)
table.columns = [f"{name}: {column}" for name, column in table.columns]
table.index.name = "part"

# %%
sides = ", ".join(f"{name} {SIDES[name]}" for name in names)
run.table(
    table,
    "costs",
    caption=f"Weights in millions and multiply-adds in thousand millions for one image (pixels: {sides}). "
    "Small parts without a name are in the last line.",
)

# %% [markdown]
# ## Any encoder
#
# The paper takes a ResNet-50; the released code starts it from ImageNet weights. `TransHand(hands, "paper", backbone=...)` takes any other backbone
# that `transformers` knows, by the name of its type or by a folder with its `config.json`. Nothing is ever downloaded:
# weights are random until `net.backbone.load_folder("/its/folder")` reads them from your disk (docs/data/imagenet_weights.md).
# Which of its maps become $F_1, F_2, F_3$ is found by their **stride**: how many pixels lie between two cells.

# %%
encoders = ["resnet"] if scale == "tiny" else ["resnet", "convnextv2", "swin", "pvt_v2"]
found = {}
for name in encoders:
    encoder = Backbone(backbone_config(name))
    weights = sum(p.numel() for p in encoder.parameters()) / 1e6
    found[name] = {"strides": encoder.strides, "channels": encoder.widths, "weights, M": round(weights, 1)}

# %%
found = pd.DataFrame(found).T
found.index.name = "name"
run.table(found, "encoders", caption="Some encoders by name, at the sizes that transformers gives them.")

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
# A block is made of two **transformer encoders**. Each is attention and a small network of two layers (MLP), both
# added to what was there before. Tokens $x$ attend to themselves and to a memory $m$, both normalised:
#
# $$Q = W_Q\, x, \quad K = W_K [x, m], \quad V = W_V [x, m], \qquad x \leftarrow x + W_O\,\mathrm{softmax}\!\left(\tfrac{QK^\top}{\sqrt d}\right) V,
#   \qquad x \leftarrow x + \mathrm{MLP}(x).$$
#
# The **first encoder** reads the image: the paper concatenates $F_i$ with the vertex features, so $m$ is the image. The
# **second** is the correlation encoder. The features of the other hand are added before attention:
#
# $$\tilde x_R = x_R + W x_L, \qquad \tilde x_L = x_L + W x_R .$$
#
# The paper takes this *lateral connection* from SlowFast, where a learned map $W$ comes before the sum. Here is all of it
# from scratch, with one attention head at a time:


# %%
def attention(x, seen, w, heads):
    query, (key, value) = w.query(x), w.key_value(seen).chunk(2, -1)
    each = zip(*(part.chunk(heads, -1) for part in (query, key, value)), strict=True)
    return w.out(torch.cat([(q @ k.mT / q.shape[-1] ** 0.5).softmax(-1) @ v for q, k, v in each], -1))


def encoder(x, memory, w, heads):
    x = x + attention(w.norm(x), w.norm(torch.cat([x, memory], 1)), w.attention, heads)
    return x + w.mlp(x)


def two_encoders(right, left, image, block, heads):
    right, left = (encoder(x, image, block.read, heads) for x in (right, left))
    W = block.correlate.lateral
    right, left = right + W(left), left + W(right)  # each hand plus the other
    nothing = image[:, :0]
    return [encoder(x, nothing, block.correlate.encoder, heads) for x in (right, left)]


# %% [markdown]
# A vertex must know *which* vertex it is, and an image cell where it lies. So before the first encoder each gets a code
# added: vertices a map of their place on the resting hand plus a learned vector, cells a learned vector.

# %%
net = TransHand(hands, preset, seed=run.seed, dense=False).eval()
block, sizes = net.blocks[0], net.sizes
features = torch.from_numpy(run.rng("features").normal(size=(2, 2, 63, sizes.blocks[0]))).float()
image_map = torch.from_numpy(run.rng("image").normal(size=(2, sizes.channels, 4, 4))).float()

# %%
with torch.no_grad():
    coded = features + block.rest_code(block.rest) + block.vertex_code
    image = block.image_tokens(image_map)
    ours = torch.stack(two_encoders(coded[:, 0], coded[:, 1], image, block, sizes.heads[0]), 1)
    difference = float((ours - block(features, image_map)).abs().max())
assert difference < 1e-4
print(f"largest difference from the library: {difference:.1e}")

# %% [markdown]
# Does the other hand really get through? Change one vertex of the *left* hand and look at what happens to the
# *right* hand: with the lateral connection, without it, and in the block of the released code.

# %%
variants = {
    "paper's block": net,
    "without lateral connection": TransHand(hands, preset, seed=run.seed, dense=False, lateral=False).eval(),
    "released code's block": TransHand(hands, preset, seed=run.seed, dense=False, official=True).eval(),
}
changed = features.clone()
changed[:, 1, 0] *= -1  # vertex 0 of the left hand (a constant on top would be lost in the norms)

# %%
effect = {}
for name, model in variants.items():
    with torch.no_grad():
        moved = model.blocks[0](changed, image_map) - model.blocks[0](features, image_map)
    effect[name] = float(moved[:, 0].abs().mean())
    print(f"{name:27} mean change of the right hand: {effect[name]:.4f}")
assert effect.pop("without lateral connection") == 0 < min(effect.values())

# %% [markdown]
# Why a map $W$, when the paper only says "adding"? The released code adds without one: $x_R + x_L$ is **the same sum for
# both hands**, so both are told the same, until the norms after the sum have learnt to differ. With $W$ they are told
# different things from the start. Compare what is added to the right hand with what is added to the left:


# %%
def told_apart(added: torch.Tensor) -> float:
    """How much what the right hand is told differs from what the left one is told, over its size; added (B, 2, N, D)."""
    return float((added[:, 0] - added[:, 1]).norm() / added.norm())


# %%
with torch.no_grad():
    released = variants["released code's block"].blocks[0].correlate.message(features)
    apart = {
        "plain sum": told_apart(released),
        "with W": told_apart(block.correlate.lateral(features.flip(1))),
    }
print(", ".join(f"{name}: {value:.2f}" for name, value in apart.items()))
assert apart["plain sum"] < 1e-3 < apart["with W"]

# %% [markdown]
# ## Pictures to memorise
#
# The attention of an untrained network means nothing. A quick and honest check of any network is whether it can learn a
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
to_memorise = {
    "with heat maps and parts (ours)": {},
    "paper's decoder": {"dense": False},
    "without lateral connection": {"dense": False, "lateral": False},
    "released code's decoder": {"dense": False, "official": True},
}
memorised, curves = {}, {}

# %%
for name, changes in to_memorise.items():
    memorised[name] = TransHand(hands, preset, seed=run.seed, **changes)
    with tempfile.TemporaryDirectory() as folder:
        curves[name] = train(
            memorised[name], data, settings, folder, progress=partial(run.progress, desc=name)
        )

# %%
figure, axis = plt.subplots(figsize=(6.4, 3))
for (name, curve), style in zip(curves.items(), ("-", "--", ":", "-."), strict=True):
    steps = [row["step"] for row in curve]
    axis.plot(steps, [1000 * row["joints_3d"] for row in curve], style, color="0.15", label=name)
axis.set(xlabel="step", ylabel="mean |error| per coordinate, mm", ylim=(0, None))
axis.legend(frameon=False, fontsize=8)
run.show(
    figure,
    "curves",
    caption=f"Four networks learn the same {count} pictures by heart, one seed each. Which one is fastest says nothing "
    "about new pictures. Notebook 14 compares networks with and without the lateral connection on test images.",
    alt="Four falling curves of the error in millimetres over training steps.",
)

# %%
for name, curve in curves.items():
    first, last = (1000 * curve[i]["joints_3d"] for i in (0, -1))
    print(f"{name:32} {first:5.1f} mm at step {curve[0]['step']}, {last:4.1f} mm at step {curve[-1]['step']}")

# %%
net = memorised["with heat maps and parts (ours)"].eval()
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
    caption=f"True keypoints (top) and what the network says after {settings.steps} steps on these same pictures (bottom). "
    "It says nothing about new pictures.",
    alt="Two rows of the same pictures of hands; true skeletons in the upper row, predicted ones in the lower row.",
)

# %% [markdown]
# ## How one prediction forms
#
# The same picture on its way through the network: what the blocks look at, from coarse to fine, and the hands that come out
# of the last block, first as 252 points and then as whole meshes.

# %%
with torch.no_grad():
    seen = net.features(net.backbone(small[:1])[net.first_map :])
    flat_points = out.vertices_2d[0].numpy()  # (2, V, 2) in [-1, 1]
levels_of = [level.numpy() for level in mesh_pyramid(hands.right).levels]

# %%
figure, axes = plt.subplots(1, 6, figsize=(11, 2.1))
axes[0].imshow(samples[0].image, extent=(-1, 1, 1, -1))
for i, feature in enumerate(seen):
    axes[1 + i].imshow(feature[0].norm(dim=0), cmap="magma", extent=(-1, 1, 1, -1))
for axis, chosen in ((axes[4], levels_of[-1]), (axes[5], slice(None))):
    for points, color in zip(flat_points, viz.HAND_COLORS, strict=True):
        axis.scatter(*points[chosen].T, s=1.5, color=color)
    axis.set(xlim=(-1, 1), ylim=(1, -1), aspect="equal")
titles = [
    "image",
    *(f"F{i}: {f.shape[-1]} × {f.shape[-1]}" for i, f in enumerate(seen, 1)),
    "252 points",
    "778 points",
]
for axis, title in zip(axes, titles, strict=True):
    axis.set_title(title, fontsize=8)
    axis.set(xticks=[], yticks=[])
run.show(
    figure,
    "flow",
    caption="One prediction on its way: the image, the size of the feature in each cell of F1, F2 and F3 (bright is large), and the "
    "predicted vertices as the two cameras see them, right hand orange, left hand blue.",
    alt="A row of six pictures: two hands, three ever finer grids of bright and dark cells, and two clouds of orange and blue dots.",
)

# %% [markdown]
# ## Where the attention goes
#
# In the last correlation encoder, each vertex of a hand looks at all places of the *sum* of both hands. The weights
# for a vertex near the tip of the right index finger, averaged over heads, are drawn on the right hand. Attention to a place of
# the sum reads both hands there at once; it cannot say which of them mattered. The gradient can: how much does that
# finger tip move if a vertex feature of the *left* hand changes? That is drawn on the left hand. We look at a network with
# random weights and at the one that has memorised this picture. One vertex stands out there: the *same* vertex of the left
# hand, since the lateral connection adds vertex to vertex. So the colours of each hand stop at the strongest 2 % of its 252
# vertices, *before* these are spread over the mesh: the map from 252 vertices to all has negative weights too.

# %%
level = levels_of[-1]
index_tip = flat[hands.right.tip_vertices[1]]
tip = int(np.linalg.norm(flat[level] - index_tip, axis=1).argmin())  # the vertex of the level nearest to it


# %%
def looks(net: TransHand, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Attention of the tip's vertex (252,), and influence on it of each vertex of the left hand (252,)."""
    caught, last = {}, net.blocks[-1].correlate
    hook = last.register_forward_pre_hook(lambda module, inputs: caught.update(hands=inputs[0].detach()))
    with torch.no_grad():
        net(small)
    hook.remove()
    features = caught["hands"].requires_grad_()  # (B, 2, 252, D)
    attention = last.attention(features)[number, 0].mean(0)[tip]
    points = net.coordinates(net.norm(last(features)))  # (B, 2, 252, 3)
    points[number, 0, tip].sum().backward()
    return attention.detach().numpy(), features.grad[number, 1].norm(dim=-1).numpy()


# %%
number = 0
up = pyramid.upsample[-1].numpy()  # 252 to all vertices
stages = {"random weights": TransHand(hands, preset, seed=run.seed).eval(), "memorised": net}
seen_by = {name: looks(model, number) for name, model in stages.items()}


# %%
def tinted(strength: np.ndarray, hand: int) -> viz.Surface:
    """A hand of the picture, from grey for the weakest 2 % of strength (252,) to its colour for the strongest 2 %."""
    kept = strength.clip(*np.quantile(strength, (0.02, 0.98)))
    color = shades(up @ kept, viz.HAND_COLORS[hand])
    return viz.Surface(mesh.vertices[number, hand].numpy(), hands.hands[hand].faces.numpy(), color)


# %%
views = [viz.View((0, 0, -1), (0, -1, 0)), viz.View((0, 0, 1), (0, -1, 0))]
marker = mesh.vertices[number, 0, level[tip]][None].numpy()
pictures = [
    viz.picture(
        [tinted(strength, i) for i, strength in enumerate(pair)],
        view=view,
        points=marker,
        point_radius=4,
        size=(360, 360),
    )
    for pair in seen_by.values()
    for view in views
]
titles = [f"{name}, {side}" for name in seen_by for side in ("as in the picture", "from behind")]

# %%
run.show(
    viz.sheet(pictures, columns=4, titles=titles, width=2.6),
    "attention",
    caption="One vertex near the tip of the right index finger (violet dot where it is visible). Right hand, grey to orange: "
    "where its attention goes in the last correlation encoder, least to most. Left hand, grey to blue: how strongly each "
    "vertex feature of the left hand moves that point, least to most. Each hand has its own scale, from the weakest to the "
    "strongest 2 % of its 252 vertices; the lines below say how uneven both are. The second network knows a handful of "
    "pictures by heart; its pattern is an illustration, not a finding.",
    alt="Two grey interacting hands four times, with patches of orange on the right hand and of blue on the left.",
)

# %%
for name, (attended, influence) in seen_by.items():
    top = np.sort(attended)[-25:].sum()
    print(
        f"{name}: the 25 of 252 places with most attention get {top:.0%} of it (evenly: 10%); "
        f"the same vertex of the left hand has {influence[tip] / np.median(influence):.0f} times the influence of a middling one"
    )

# %% [markdown]
# ## What a small run needs beyond the paper
#
# Trained from scratch on a few thousand images, a network that sees nothing but its final error may stay near the mean
# pose for a long time. Two cheap extra tasks on the finest map $F_3$ are meant to help; both come free with rendered images:
# **heat maps** (where is each keypoint?) and **part labels** (which part of which hand does each pixel show?).
# `dense=True` adds them. Their answers are not thrown away: for each keypoint the expected place, how sure the
# map is, and the image feature found there become a token, which starts the vertex features and is read by every block.
# This head is **ours, not the paper's**. The small presets have it, and a feature pyramid that brings coarse features to the
# fine map; `paper` and `official` have neither.

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
        "scratch_difference": difference,
        "told_apart": apart,
        "multiply_adds": {name: parts["total"].multiply_adds for name, parts in costs.items()},
        "memorised_first_mm": {name: 1000 * curve[0]["joints_3d"] for name, curve in curves.items()},
        "memorised_last_mm": {name: 1000 * curve[-1]["joints_3d"] for name, curve in curves.items()},
    }
)

# %% [markdown]
# ## Paper and released code
#
# | | paper (section 4): `"paper"` | released code: `"official"` |
# |---|---|---|
# | start | fully connected layers from the global feature; ours give each vertex its own | one feature per hand, repeated for every vertex beside its place |
# | a block | two transformer encoders per hand | before them four residual MLPs per vertex and a transformer over image patches |
# | lateral connection | "adding" the other hand's feature, after SlowFast: ours has a learned map | the plain sum, the same for both hands |
# | attention between hands | drawn in Figure 8 | weights of one hand applied to the values of the other |
# | finer vertices | "gradually upsample": ours are weighted means of 3 neighbours | copies of the nearest |
# | relative position | not described: ours is an output of its own | implicit: both hands in the left root's frame |
# | cameras | not described: ours from the global and the mean vertex feature | from all vertices |
# | coarse meshes | 63, 126, 252 | from a file that is not in the repository: both presets compute them from the hand |
# | dropout | not mentioned: none | 0.05, left out in our preset |
# | heat maps, parts | none (ours: `dense=True`) | present but switched off |
# | loss and rates | notebook 12 | notebook 12 |
#
# The `official` preset is written from a description of what the released code does, not from the code.
#
# ## Exercises
#
# 1. Set $W$ of a lateral connection to the identity. What can the encoder still tell apart?
# 2. How large would the attention matrices be if each vertex attended to a 32 × 32 map $F_3$ directly?
# 3. Why must each row of the upsampling matrix sum to 1?
#
# <details><summary>Solutions</summary>
#
# 1. Nothing: both sums are equal and all weights are shared, so both hands leave it equal. Only the next block's vertex codes,
#    which differ between the hands, tell them apart again.
# 2. 252 × (252 + 1,024) per head and hand, against 252 × (252 + 64) now: four times as large. Blocks average larger maps
#    to at most `grid`² tokens.
# 3. If the whole hand moves by a vector, each vertex must move by the same vector.
#
# </details>
#
# **What we saw.** The network is a chain of small steps with known shapes. At the paper's size the encoder does most of the
# arithmetic; in the small presets the blocks weigh as much or nearly so. The lateral
# connection is one learned map and one sum; without it nothing passes between the hands, and a sum without a map tells both
# hands the same. **Limits.** A memorised handful of pictures says nothing about accuracy, and an attention picture of one
# finger tip says little about what a network has understood. **Next**: 12_training trains this network on rendered images.
