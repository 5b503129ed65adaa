# %% [markdown]
# # 02 · Natural poses and their augmentation
#
# **Question** Where do two-hand poses come from, and what does Eq. 1 do to them? ·
# **Paper** section 3.1, "Initial pose generation" and "Natural discriminator", Eq. 1, 7, 8, Table 2 ·
# **Needs** nothing · **Takes** about 2 minutes at demo on 2 cores
#
# You will see an open library of natural hands, its two-hand interactions, how Eq. 1 turns each of them into many
# new poses without leaving the limits of the joints, and a small network that tells natural poses from made-up ones.
# The augmented pairs are deliberately bad: notebook 07 repairs them.

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

from renderih_lib import repro, viz
from renderih_lib.hand.anatomy import (
    BEND,
    SPLAY,
    TWIST,
    angle_excess,
    angle_limits,
    angles_to_rotations,
    joint_rotations,
    rotations_to_angles,
)
from renderih_lib.hand.skeleton import FINGER_JOINT_NAMES
from renderih_lib.pose import naturalness
from renderih_lib.pose.augment import augment, augment_pairs, offset_caps
from renderih_lib.pose.library import load_pose_library

run = repro.start("02_pose_augmentation", scale=scale, seed=seed, out_dir=out_dir, data_root=data_root)
library = load_pose_library()

# %% [markdown]
# ## The library
#
# The paper starts from the poses of InterHand2.6M, FreiHAND and DexYCB, which need a registration. This project
# ships its own: hands written down as anatomical angles, from finger spelling, the GRASP taxonomy of grasps, thumb
# opposition and everyday gestures. A pose is 15 joints with (twist, splay, bend); the same numbers on the left hand
# give the mirror image.

# %%
kinds = pd.Series([pose.kind for pose in library.singles.values()]).value_counts()
print(f"{len(library.names)} single-hand poses, {len(library.interactions)} interactions")
kinds.to_frame("single-hand poses").T

# %%
right = library.hands.right
oblique = viz.View((-0.15, -1, 0.45), (-1, 0, 0))


def hand_picture(angles, view=oblique, size=(110, 110)):
    rotations = joint_rotations(angles[None], library.hands.frames[0])
    surface = viz.hand_surface(right(rotations), right)
    return viz.picture([surface], view=view, size=size)


# %%
pictures = [hand_picture(library.single(name)) for name in library.names]
titles = [name.replace("_", " ") for name in library.names]
run.show(
    viz.sheet(pictures, columns=9, titles=titles, width=1.3, title_size=6.5),
    "single_poses",
    caption="Every single-hand pose of the open library, right hand, seen from the palm and a little from the thumb.",
    alt="Contact sheet of right hands: flat hands, fists, counting and finger-spelling shapes, grasps, gestures.",
)

# %% [markdown]
# An interaction is two such hands plus the place of the left wrist in the frame of the right one.

# %%
sides = (viz.View((0.15, -0.35, 1), (-1, 0.3, 0)), viz.View((-0.3, 1, 0.3), (-1, 0, 0)))


def pair_pictures(pose, views=sides, size=(140, 140)):
    mesh = library.hands(pose)
    return [
        viz.picture(viz.pair_surfaces(mesh, library.hands, i), view=view, size=size)
        for i in range(len(pose))
        for view in views
    ]


# %%
pictures = [image for name in library.interactions for image in pair_pictures(library.pair(name))]
titles = [text for name in library.interactions for text in (name.replace("_", " "), "")]
run.show(
    viz.sheet(pictures, columns=8, titles=titles, width=1.5, title_size=8),
    "interactions",
    caption="Every interaction of the library from two sides. Vermilion: right hand, sky blue: left hand.",
    alt="Contact sheet of pairs of hands: prayer, clasp, fist in palm, hooked fingers, a heart and others.",
)

# %% [markdown]
# ## Natural variation
#
# Nobody holds a pose twice in the same way. `natural_singles` moves each pose some way towards another one and adds
# noise that respects the hand: neighbouring fingers bend together, and the end joint follows the middle joint.

# %%
varied = library.natural_singles(seed, 6, names=["relaxed"])
run.show(
    viz.sheet(
        [hand_picture(p, size=(150, 150)) for p in (library.single("relaxed"), *varied)], columns=7, width=1.5
    ),
    "natural_variation",
    caption="The relaxed hand as authored (left) and six natural variations of it.",
    alt="Seven relaxed right hands that differ a little in the bending of their fingers.",
)

# %% [markdown]
# ## Equation 1
#
# $$\{R_{ji}\}_{i=1}^{I} = \{R_j\,R_b(\theta_i^b)\,R_s(\theta_i^s)\}_{i=1}^{I},\qquad
# \theta^b\in[-90^\circ, 90^\circ],\ \theta^s\in[-30^\circ, 30^\circ]$$
#
# Every joint $j$ gets a random bend, and the roots also a random splay. "Each augmented joint is restricted according
# to Table 2", so we draw each new angle evenly from the part of *raw ± cap* that Table 2 allows. In angles, Eq. 1 is
# four lines.

# %%
lowest, highest = angle_limits(torch.float64).numpy().transpose(2, 0, 1)
caps = offset_caps(torch.float64).numpy()


def equation_1(raw, n, i):
    u = np.random.default_rng(np.random.SeedSequence([seed, n, i])).random((15, 3))
    low = np.maximum(lowest, raw - caps)
    high = np.minimum(highest, raw + caps)
    return low + u * (high - low)


# %%
natural = library.natural_singles(seed, 200)
copies = run.sizes.augmentations
augmented = augment(natural, copies, seed)
by_hand = [equation_1(raw, n, i) for n, raw in enumerate(natural.double().numpy()) for i in range(copies)]
assert np.allclose(augmented, by_hand, atol=1e-6)
print(f"{len(natural)} natural poses x I = {copies}: {len(augmented)} augmented, equal to ours by hand")

# %% [markdown]
# ## Inside the limits?
#
# Two simpler readings of the sentence would be: draw the offset and ignore the table, or draw it and clip the sum.
# The first leaves the table, the second piles poses up at the limits.

# %%
rng = run.rng("plain offsets")
plain = natural.numpy().repeat(copies, 0) + caps * rng.uniform(-1, 1, (len(augmented), 15, 3))
outside = {
    "plain offsets": float(
        (angle_excess(torch.from_numpy(plain)).abs() > 1e-9).flatten(1).any(1).float().mean()
    ),
    "truncated (ours)": float((angle_excess(augmented) != 0).flatten(1).any(1).float().mean()),
}
outside

# %%
shown = [("index_root", BEND), ("index_root", SPLAY), ("middle_middle", BEND), ("thumb_root", BEND)]
samples = {
    "natural": (natural.numpy(), "#0072B2"),
    "plain offsets, clipped": (np.clip(plain, lowest, highest), "#999999"),
    "Eq. 1, truncated": (augmented.numpy(), "#D55E00"),
}


def histogram(axis, joint, angle):
    j = FINGER_JOINT_NAMES.index(joint)
    low, high = np.degrees([lowest[j, angle], highest[j, angle]])
    for label, (poses, color) in samples.items():
        values = np.degrees(poses[:, j, angle])
        axis.hist(
            values,
            np.linspace(low, high, 25),
            density=True,
            histtype="step",
            lw=1.6,
            color=color,
            label=label,
        )
    axis.axvline(low, color="k", ls=":")
    axis.axvline(high, color="k", ls=":")
    axis.set(
        title=f"{joint.replace('_', ' ')} {('twist', 'splay', 'bend')[angle]}", xlabel="degrees", yticks=[]
    )


# %%
figure, axes = plt.subplots(1, 4, figsize=(13, 2.8))
for axis, (joint, angle) in zip(axes, shown, strict=True):
    histogram(axis, joint, angle)
axes[0].legend(fontsize=7)
figure.tight_layout()
run.show(
    figure,
    "angles_against_limits",
    caption="Four angles against their limits in Table 2 (dotted). Clipping piles poses up at the limits (tall "
    "outermost bins); drawing from the truncated interval does not.",
    alt="Four histograms of joint angles: natural poses are peaked, clipped offsets spike at the limits, "
    "truncated ones are spread between them.",
)

# %% [markdown]
# ## What the product means at a splayed root
#
# $R_j = R_z(\mathrm{bend})\,R_y(\mathrm{splay})$ in the frame of the joint. Taken to the letter, $R_j R_b R_s$ bends
# about an axis that the raw splay has already turned: the result has a twist, but the paper says "always keep
# $\theta^t = 0$". We turn about the joint's own bend axis, the one that Table 2 bounds: then offsets add and no twist
# appears. For the ten middle and end joints, whose splay is zero, both readings are equal. At the five roots:

# %%
raw = natural.double().repeat_interleave(copies, 0)
offset = augmented.double() - raw
eye = torch.eye(3, dtype=torch.float64).expand(15, 3, 3)
bend, splay = torch.zeros_like(offset), torch.zeros_like(offset)
bend[..., BEND], splay[..., SPLAY] = offset[..., BEND], offset[..., SPLAY]
literal = angles_to_rotations(raw, eye) @ angles_to_rotations(bend, eye) @ angles_to_rotations(splay, eye)
literal_angles = torch.rad2deg(rotations_to_angles(literal, eye))

# %%
ours = angles_to_rotations(augmented.double(), eye)
cosine = ((literal.transpose(-1, -2) @ ours).diagonal(dim1=-2, dim2=-1).sum(-1) - 1) / 2
apart = torch.rad2deg(torch.arccos(cosine.clamp(-1, 1)))[:, ::3]
twist = literal_angles[:, ::3, TWIST].abs()
left_table = (
    (angle_excess(torch.deg2rad(literal_angles))[..., 1:].abs() > 1e-6).flatten(1).any(1).double().mean()
)
composition = {
    "twist_of_literal_product_mean_deg": float(twist.mean()),
    "twist_of_literal_product_max_deg": float(twist.max()),
    "rotation_between_readings_mean_deg": float(apart.mean()),
    "literal_product_outside_table_2_fraction": float(left_table),
}
pd.Series(composition).round(3).to_frame("at the five roots")

# %%
figure, axis = plt.subplots(figsize=(5, 3.2))
start = torch.rad2deg(raw[:, ::3, SPLAY]).flatten()
dots = axis.scatter(
    start,
    literal_angles[:, ::3, TWIST].flatten(),
    s=3,
    c=torch.rad2deg(bend[:, ::3, BEND]).flatten(),
    cmap="coolwarm",
)
figure.colorbar(dots, label="bend offset, degrees")
axis.set(xlabel="raw splay, degrees", ylabel="twist of the literal product, degrees")
run.show(
    figure,
    "twist_of_literal_product",
    caption="Twist that the literal product of Eq. 1 would add at the finger roots: it grows with the raw splay and "
    "with the bend offset. Our reading keeps it at zero.",
    alt="Scatter plot, a cross of points: no twist at zero splay, up to tens of degrees at large splay and offset.",
)

# %% [markdown]
# > **Paper and released code.** The paper caps the bend offset at ±90°; the released augmenter uses ±120°, and limits
# > that differ from Table 2 in several places (splay above all). It multiplies literally and tests the limits on the
# > angles before the product, so its results can leave the table a little, as the numbers above show. It makes 10
# > copies by default where the paper says 30. We follow the paper, and draw inside the table.

# %% [markdown]
# ## Two hands
#
# Both hands of an interaction are augmented on their own; the wrists stay. This is the "augmented" row of the paper's
# Figure 3.

# %%
first = [name for name in ("prayer", "clasp", "fist_in_palm") if name in library.interactions]
natural_pairs = library.natural_pairs(seed, len(first), oriented=False, names=first)
broken = augment_pairs(natural_pairs, 4, seed)
rows = [
    [natural_pairs[i : i + 1], *(broken[4 * i + k : 4 * i + k + 1] for k in range(4))]
    for i in range(len(first))
]
pictures = [pair_pictures(pose, views=sides[:1], size=(190, 190))[0] for row in rows for pose in row]
titles = [
    t
    for name in first
    for t in (f"{name.replace('_', ' ')}: natural", *(f"augmented {k + 1}" for k in range(4)))
]
run.show(
    viz.sheet(pictures, columns=5, titles=titles, width=1.9, title_size=8),
    "augmented_pairs",
    caption="Natural interactions (left) and four augmentations each. All angles are possible, but fingers cross, sink "
    "into each other and look odd: the reason for the optimisation of notebook 07.",
    alt="Three rows of hand pairs: tidy natural interactions first, then wild fingers that penetrate the other hand.",
)

# %% [markdown]
# ## The pairs for notebook 07
#
# Each interaction is varied, then augmented; round by round, until there are as many as this scale asks for.

# %%
count, interactions = run.sizes.pairs, len(library.interactions)
raw_count = max(interactions, -(-count // copies))
raw_pairs = library.natural_pairs(seed, raw_count)
made = augment_pairs(raw_pairs, copies, seed)
order = torch.arange(len(made)).view(raw_count, copies).T.flatten()[:count]
pairs, sources = made[order], np.array(library.pair_sources(raw_count))[order // copies]
assert (angle_excess(pairs.angles) == 0).all()

# %%
with repro.replacing(run.output("pairs.npz")) as temporary, open(temporary, "wb") as file:
    np.savez(
        file,
        **{name: getattr(pairs, name).numpy() for name in ("angles", "wrist", "translation", "shape")},
        source=sources,
    )
print(f"{len(pairs)} augmented pairs of {len(set(sources))} interactions written")

# %% [markdown]
# ## Which hands look natural?
#
# The discriminator $\mathcal D$ (Figure 4) reads 45 angles and answers with a probability. It learns by least squares
# (Eq. 7), where an augmented pose gets a label that falls with the size of its offset:
#
# $$L_{\mathcal D}=\mathbb E_{\Theta\sim P_R}[(\mathcal D(\Theta)-1)^2]+\mathbb E_{\Theta\sim P_G}[(\mathcal D(\Theta)-p_n)^2]$$
#
# We keep every fifth pose of the library from training, with all its variations, and judge the network on those.

# %%
unseen = library.names[::5]
seen = [name for name in library.names if name not in unseen]
training = library.natural_singles(seed, run.sizes.discriminator_poses, names=seen)
held_out = library.natural_singles(seed + 1, 400, names=unseen)

# %%
model, history = naturalness.train_discriminator(
    training,
    run.sizes.discriminator_steps,
    seed,
    held_out=held_out,
    progress=lambda steps: run.progress(steps, desc="discriminator"),
)
naturalness.save_discriminator(run.output("discriminator.safetensors"), model)
frame = pd.DataFrame(history)

# %%
levels = np.linspace(0, 1, 11)
with torch.no_grad():
    curves = [model(augment(held_out, 1, seed + 2, float(level))) for level in levels]
natural_rate, augmented_rate = ((scores > 0.5).float().mean().item() for scores in (curves[0], curves[-1]))


# %%
def curve_panel(axis):
    axis.plot(frame.step, frame.loss, label="training poses")
    axis.plot(frame.step, frame.held_out_loss, label="poses never seen")
    axis.set(xlabel="step", ylabel="loss of Eq. 7", yscale="log", title="learning")
    axis.legend()


def histogram_panel(axis):
    for scores, label, color in ((curves[0], "natural", "#0072B2"), (curves[-1], "augmented", "#D55E00")):
        axis.hist(scores.numpy(), np.linspace(0, 1, 30), histtype="step", lw=1.6, color=color, label=label)
    axis.set(xlabel="D", title=f"poses never seen: AUC {frame.auc.iloc[-1]:.3f}")
    axis.legend()


# %%
figure, axes = plt.subplots(1, 3, figsize=(13, 3))
curve_panel(axes[0])
boxes = [scores.numpy() for scores in curves]
axes[1].boxplot(boxes, positions=levels, widths=0.06, showfliers=False, manage_ticks=False)
axes[1].set(xlabel="size of the offsets (1 = the caps of Eq. 1)", ylabel="D", title="poses never seen")
histogram_panel(axes[2])
figure.tight_layout()
run.show(
    figure,
    "discriminator",
    caption="The discriminator on training poses and on library poses it never saw. Left: loss. Middle: its answer "
    "falls as offsets grow (boxes: quartiles). Right: natural against fully augmented hands.",
    alt="Three charts: falling loss curves; boxes falling from near 1 to near 0; two well separated histograms.",
)

# %% [markdown]
# What does it like and dislike? The augmented hands of this notebook, sorted by $\mathcal D$:

# %%
candidates = augment(natural, 1, seed, 0.5)
with torch.no_grad():
    ranking = model(candidates).argsort(descending=True)
picked = torch.cat([ranking[:6], ranking[-6:]])
with torch.no_grad():
    titles = [f"D = {d:.2f}" for d in model(candidates[picked]).tolist()]
run.show(
    viz.sheet(
        [hand_picture(p, size=(130, 130)) for p in candidates[picked]], columns=6, titles=titles, width=1.6
    ),
    "most_and_least_natural",
    caption="Hands with offsets of half size: the six that the discriminator finds most natural (top) and least.",
    alt="Two rows of six right hands with their scores: high on top, near zero below.",
)

# %% [markdown]
# The optimisation of notebook 07 uses $L_{adv}=(\mathcal D(\Theta)-1)^2$ (Eq. 8), summed over both hands of a pair.
# One network serves both, because equal angles mean mirrored hands. It equals the formula:

# %%
with torch.no_grad():
    scores = model(pairs.angles)
    by_formula = (scores[:, 0] - 1) ** 2 + (scores[:, 1] - 1) ** 2
    assert torch.allclose(naturalness.adversarial_loss(model, pairs.angles), by_formula)

# %% [markdown]
# > **Paper and released code.** The paper's $\mathcal D$ has one output in [0, 1] and least squares losses, as here.
# > The released one has two outputs with a softmax, reads Euler angles of MANO's own axes, and acts in the
# > optimisation only while it is less than 60 % sure that a hand is natural. The paper trains on 63,000 real hands;
# > ours come from the open library, so ours knows fewer ways of being natural.
#
# The paper asked people (Table 3): 90.8 % of the raw hands and 32.9 % of the augmented ones looked natural to them.
# The share above 0.5 for our network, on poses it never saw, is a related number but not the same: a network answered.

# %%
metrics = {
    "single_poses": len(library.names),
    "interactions": interactions,
    "augmentations_per_pose": copies,
    "plain_offsets_outside_table_2_fraction": outside["plain offsets"],
    "augmented_outside_table_2_fraction": outside["truncated (ours)"],
    **composition,
    "pairs": len(pairs),
    "discriminator_held_out_auc": frame.auc.iloc[-1],
    "discriminator_held_out_loss": frame.held_out_loss.iloc[-1],
    "held_out_natural_rate": natural_rate,
    "held_out_augmented_rate": augmented_rate,
}
run.write_metrics(metrics)
run.table(
    pd.Series(metrics, name="value").rename_axis("what").to_frame(),
    "metrics",
    caption="What this run measured.",
)

# %% [markdown]
# ## Exercises
#
# 1. Why does the truncated interval of the index splay lean to the ulnar side (left of its histogram)?
#
# <details><summary>Solution</summary>
#
# Table 2 allows the index finger −25° to 15°, and the cap is ±30°. From a raw splay of 0° nearly the whole range can
# be reached, and its middle is −5°. An even draw from an interval that is not centred on the raw pose moves the mean.
#
# </details>
#
# 2. Augment with `level=0.3` and count how many hands the discriminator still finds natural. What does that say about
# making data from small offsets only?
#
# <details><summary>Solution</summary>
#
# `(model(augment(held_out, 1, 0, 0.3)) > 0.5).float().mean()`. Many still pass, so small offsets need less repair, but
# they also stay near the poses one started from. Eq. 1 trades naturalness for coverage; the optimisation buys it back.
#
# </details>
#
# 3. Change the raw splay of every finger to zero and measure the twist of the literal product again.
#
# <details><summary>Solution</summary>
#
# It is zero up to rounding: $R_z(b)\,R_z(\theta^b)\,R_y(\theta^s)=R_z(b+\theta^b)\,R_y(\theta^s)$.
#
# </details>
#
# ## What we saw
#
# Eq. 1, drawn from truncated intervals, never leaves Table 2, but it does not know the other hand: the pairs cross and
# penetrate. A small network can tell natural hands from augmented ones, even for poses it never saw; but its
# loss on those stops falling early while the training loss goes on: a library of this size is soon learned by heart. The limits of
# this page: the open library is authored, not recorded, so its variety is smaller than that of real data.
# **Next**: notebook 07 turns these pairs into valid, natural interactions.
