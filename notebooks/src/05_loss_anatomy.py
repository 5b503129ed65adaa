# %% [markdown]
# # 05 · Anatomy
#
# **Question** When is a finger bent as no finger can bend, and what brings it back? ·
# **Paper** section 3.1, Eq. 6, Table 2; supplement B · **Needs** the pose plan ·
# **Takes** about 2 minutes at demo on 2 cores
#
# You will see the three axes of every joint, the limits of Table 2, the loss of Eq. 6 on a broken hand and how it
# mends the hand by itself, what the released code reads as splay when a finger is bent, and what the optimisation of
# notebook 07 does to joints when this loss is left out.

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
import trimesh
from scipy.spatial.transform import Rotation

from renderih_lib import repro, viz
from renderih_lib.hand.anatomy import (
    BEND,
    SPLAY,
    TABLE_2,
    TWIST,
    angle_excess,
    angle_limits,
    angles_to_rotations,
    joint_rotations,
    rotations_to_angles,
)
from renderih_lib.hand.pair import PairPose
from renderih_lib.hand.skeleton import FINGER_JOINT_NAMES, FINGERS, LEVELS, ROOT_JOINTS
from renderih_lib.pose.library import load_pose_library
from renderih_lib.pose.losses import anatomy_loss
from renderih_lib.pose.optimize import ITERATIONS, PairTerms, optimize_pairs
from renderih_lib.pose.store import read_poses
from renderih_lib.pose.validity import EXCESS_DEG, check_pairs

run = repro.start("05_loss_anatomy", scale=scale, seed=seed, out_dir=out_dir, data_root=data_root)
pixels = 140 if scale == "tiny" else 280

# %%
library = load_pose_library()
hands = library.hands
hand, frames = hands.right, hands.frames[0]
plan, plan_rows = read_poses(run.input("poses", "plan.parquet"))
few, sources = plan[: run.sizes.study_pairs], plan_rows.source[: run.sizes.study_pairs].to_numpy()

# %% [markdown]
# ## Three axes at every joint
#
# A joint's rotation is three angles in its own frame: **twist** about the bone, **splay** sideways, **bend** towards the palm
# (notebook 01 builds the frames). A real finger joint only bends; the root joints also splay; none twists.


# %%
def posed(angles):
    """The right hand's mesh (batch of 1) for angles (15, 3)."""
    return hand(joint_rotations(angles[None].float(), frames))


def tube(start, end, color, radius=0.0012):
    rod = trimesh.creation.cylinder(radius, segment=np.array([start, end]), sections=8)
    return viz.Surface(rod.vertices, rod.faces, color)


# %%
AXIS_COLORS = {"twist": "#009E73", "splay": "#0072B2", "bend": "#CC79A7"}


def axes_of(angles, length=0.014):
    """Rods along the three axes of every joint of a posed hand; they move with the joint."""
    transforms = posed(angles).transforms[0, 1:]
    places = posed(angles).joints[0, 1:]
    directions = transforms[:, :3, :3] @ frames
    return [
        tube(place.numpy(), (place + length * direction[:, axis]).numpy(), color)
        for place, direction in zip(places, directions, strict=True)
        for axis, color in enumerate(AXIS_COLORS.values())
    ]


# %%
def look(angles, rods=(), color="#C9B8A8", view="palm", extent=0.21):
    """A right hand, pale if rods shine through it."""
    surface = viz.hand_surface(posed(angles), hand, color=color)
    options = dict(view=view, size=(pixels, pixels), extent=extent)
    options["center"] = ((hand.template.amin(0) + hand.template.amax(0)) / 2).numpy()
    skin = viz.picture([surface], **options)
    if not rods:
        return skin
    inner = viz.picture(list(rods), **options)
    return np.where(inner.min(-1, keepdims=True) < 0.97, inner, 0.45 + 0.55 * skin)


# %%
flat, hook = torch.zeros(15, 3), library.single("power_sphere")
pictures = [look(flat, axes_of(flat), view=v) for v in ("palm", "thumb")]
pictures += [look(hook, axes_of(hook), view=v) for v in ("palm", "thumb")]

# %%
run.show(
    viz.sheet(
        pictures, columns=4, titles=["flat, palm", "flat, thumb side", "grasp, palm", "grasp, thumb side"]
    ),
    "axes",
    caption="The axes of the 15 joints, on the flat hand and on a grasp. Green: twist, along the bone towards the wrist. Blue: "
    "splay, out of the back of the finger. Pink: bend, across the finger.",
    alt="Four pale hands with three short coloured rods at every finger joint.",
)

# %% [markdown]
# ## Table 2
#
# How far each joint may go, in degrees. Twist, and splay of the joints that have none, may only be zero.

# %%
limits = torch.rad2deg(angle_limits(torch.float64)).round().numpy()  # (15, 3, 2)
names = [name.replace("_", " ") for name in FINGER_JOINT_NAMES]
table_2 = pd.DataFrame(
    {
        axis: [
            f"{limits[j, k, 0]:.0f} to {limits[j, k, 1]:.0f}" if np.ptp(limits[j, k]) else "0"
            for j in range(15)
        ]
        for axis, k in (("bend", BEND), ("splay", SPLAY), ("twist", TWIST))
    },
    index=pd.Index(names, name="joint"),
)
run.table(table_2, "table_2", caption="The paper's Table 2 as the library holds it, degrees.")

# %%
extremes = []
for finger in ("index", "pinky", "thumb"):
    first = 3 * FINGERS.index(finger)
    for side in (0, 1):
        angles = torch.zeros(15, 3)
        angles[first : first + 3, BEND] = angle_limits()[first : first + 3, BEND, side]
        extremes.append(look(angles, view="thumb"))
titles = [f"{finger}: {end} bend" for finger in ("index", "pinky", "thumb") for end in ("lowest", "highest")]

# %%
run.show(
    viz.sheet(extremes, columns=6, titles=titles, width=1.8),
    "extremes",
    caption="One finger at the lowest and highest bend of all its joints; the others flat. Seen from the thumb side.",
    alt="Six hands: index, little finger and thumb stretched back a little, and folded in fully.",
)

# %% [markdown]
# ## How far outside? $\beta$
#
# $$\beta(\theta)=\max(\theta-\hat\theta,0)+\min(\theta-\check\theta,0),\qquad L_a=\sum_{i=1}^{15}\sum_{a\in\{b,s,t\}}\beta(\theta_i^a)^2$$
#
# $\beta$ is the signed distance to the range: zero inside, and the loss does not care *where* inside.

# %%
low, high = limits[FINGER_JOINT_NAMES.index("index_middle"), BEND]
theta = np.linspace(-50, 150, 401)
beta = np.maximum(theta - high, 0) + np.minimum(theta - low, 0)
figure, axes = plt.subplots(1, 2, figsize=(9, 2.6), sharex=True)
for axis, values, title in ((axes[0], beta, "β, degrees"), (axes[1], np.deg2rad(beta) ** 2, "β², rad²")):
    axis.axvspan(low, high, color="#009E73", alpha=0.15, lw=0)
    axis.plot(theta, values, color="black")
    axis.set(title=title, xlabel="bend of the index's middle joint, degrees")
run.show(
    figure,
    "beta",
    caption=f"β and β² for the middle joint of the index. Green: its range in Table 2, {low:.0f} to {high:.0f} degrees.",
    alt="A curve that is zero over a green band and rises linearly beside it, and its square.",
)

# %% [markdown]
# ## Eq. 6 from scratch
#
# A hand whose joints have been turned at random, about 35 degrees about any axis, in rotation matrices as a network or a
# file would give them. Reading the angles back and summing over bend, splay and twist:

# %%
turns = Rotation.from_rotvec(run.rng("broken").normal(0, 0.35, (15, 3)))
local = frames.double() @ torch.from_numpy(turns.as_matrix()) @ frames.double().mT
broken = rotations_to_angles(local, frames.double())  # (15, 3) radians

# %%
loss = 0.0
for j in range(15):
    ranges = TABLE_2[FINGERS[j // 3]][LEVELS[j % 3]]
    for axis, name in enumerate(("twist", "splay", "bend")):
        lowest, highest = np.deg2rad(ranges.get(name, (0, 0)))
        angle = broken[j, axis].item()
        loss += (max(angle - highest, 0) + min(angle - lowest, 0)) ** 2

# %%
both = torch.stack([broken, torch.zeros_like(broken)])[None]  # the left hand flat
assert np.isclose(loss, anatomy_loss(both).item(), rtol=1e-9)
excess = torch.rad2deg(angle_excess(broken))
print(f"L_a = {loss:.3f} rad²; {int((excess != 0).sum())} of 45 angles are outside")

# %% [markdown]
# ## Which joints are out?
#
# Each vertex takes the colour of its joints' largest excess, mixed by the skin weights.


# %%
def heat(angles, top):
    """Colours (V, 3): pale where joints are inside Table 2, dark where they are `top` degrees out."""
    out = torch.rad2deg(angle_excess(angles)).abs().amax(-1).float()
    return plt.get_cmap("RdPu")(0.05 + 0.95 * (hand.skin_weights[:, 1:] @ out / top).clamp(0, 1).numpy())[
        :, :3
    ]


top = excess.abs().max().item()
pictures = [look(broken, color=heat(broken, top), view=view) for view in ("palm", "back", "thumb")]

# %%
run.show(
    viz.sheet(pictures, columns=3, titles=["palm", "back", "thumb side"], width=2.6),
    "broken",
    caption=f"The randomly turned hand. Pale: inside Table 2. Dark: up to {top:.0f} degrees out on bend, splay or twist.",
    alt="A hand with unnaturally turned fingers, coloured pale to dark purple by joint.",
)

# %%
out = pd.DataFrame(excess.numpy(), index=pd.Index(names, name="joint"), columns=["twist", "splay", "bend"])
out = out.reindex(out.abs().max(axis=1).sort_values(ascending=False).index)
run.table(
    out.round(1).head(8), "excess", caption="The eight joints farthest out: signed degrees outside Table 2."
)

# %% [markdown]
# ## The gradient
#
# Inside there is none; outside it is $2\beta$, straight back to the nearest edge of the range, and each angle minds its own
# business.

# %%
variable = both.clone().requires_grad_()
(gradient,) = torch.autograd.grad(anatomy_loss(variable).sum(), variable)
assert torch.allclose(gradient, 2 * angle_excess(both))
assert torch.autograd.gradcheck(anatomy_loss, variable)

# %% [markdown]
# So gradient descent with step $\eta$ multiplies every excess by $1-2\eta$: a broken hand mends itself, exponentially, and
# stops at the **edge** of the range. It never gets inside: that is why notebook 07 puts angles back by the last hair at the end.

# %%
mended, states = broken.clone(), [broken]
for _ in range(40):
    mended = mended - 0.1 * 2 * angle_excess(mended)
    states.append(mended)
worst = [torch.rad2deg(angle_excess(state).abs().max()).item() for state in states]
assert worst[-1] <= EXCESS_DEG
print(
    f"largest excess after 0, 10, 20, 40 steps: {', '.join(f'{worst[i]:.2f}' for i in (0, 10, 20, 40))} degrees"
)

# %%
steps = (0, 2, 5, 10, 20, 40)
pictures = [look(states[i], color=heat(states[i], top), view=v) for v in ("palm", "thumb") for i in steps]
run.show(
    viz.sheet(
        pictures, columns=6, titles=[f"{i} steps: {worst[i]:.1f}°" for i in steps] + [""] * 6, width=1.8
    ),
    "mended",
    caption="Eq. 6 alone mends the broken hand, from palm (top) and thumb side (bottom); the number is the largest excess. "
    "The result obeys Table 2, and looks odd all the same: anatomy is not naturalness (notebook 06).",
    alt="Six stages of a hand with twisted dark fingers that turns pale and straightens.",
)

# %% [markdown]
# ## Reading splay at a bent joint
#
# Let $x$ be the first column of the joint's rotation in its frame, $x=(\cos b\cos s,\ \sin b\cos s,\ -\sin s)$ without twist.
# The library divides by the length of $x$ in the bending plane, the released code by one component of it:
#
# $$s=\operatorname{atan2}\big(-x_z,\sqrt{x_x^2+x_y^2}\big)\qquad\text{released code: } \operatorname{atan2}(-x_z,\ x_x)=\arctan\frac{\tan s}{\cos b}$$


# %%
def read_splay(bend, splay):
    """Splay in degrees as the library and as the released code read it from a rotation; arrays in degrees."""
    angles = torch.zeros(*np.broadcast(bend, splay).shape, 3, dtype=torch.float64)
    angles[..., BEND], angles[..., SPLAY] = (
        torch.as_tensor(np.deg2rad(bend)),
        torch.as_tensor(np.deg2rad(splay)),
    )
    x = angles_to_rotations(angles, torch.eye(3, dtype=torch.float64))[..., 0]
    ours = torch.atan2(-x[..., 2], torch.hypot(x[..., 0], x[..., 1]))
    released = torch.atan2(-x[..., 2], x[..., 0])
    return torch.rad2deg(ours).numpy(), torch.rad2deg(released).numpy()


# %%
at = np.array([0.0, 30, 60, 75])
ours, released = read_splay(at, np.full(4, 10.0))
assert np.allclose(ours, 10)
read = dict(zip(at.astype(int), released.round(1), strict=True))
print("a true splay of 10 degrees reads", read)

# %%
bend_range, splay_range = limits[0, BEND], limits[0, SPLAY]  # of the index's root
grid = np.meshgrid(np.linspace(*bend_range, 200), np.linspace(*splay_range, 200))
_, grid_read = read_splay(*grid)
refused = (grid_read < splay_range[0]) | (grid_read > splay_range[1])
print(f"{100 * refused.mean():.0f} % of the index root's allowed bends and splays are read as out of range")

# %%
bends = np.linspace(0, 100, 401)
figure, axes = plt.subplots(1, 2, figsize=(11, 3.8), width_ratios=(1.4, 1))
axis = axes[0]
axis.axhspan(*splay_range, color="#009E73", alpha=0.12, lw=0)
for splay, color in ((3, "#999999"), (10, "black")):
    ours, released = read_splay(bends, np.full_like(bends, splay))
    axis.plot(bends, released, color=color, label=f"true splay {splay}°")
    axis.plot(bends, ours, color=color, ls=":", lw=2)
axis.plot(at, list(read.values()), "o", color="black")
for b, value in list(read.items())[1:]:
    axis.annotate(f"{value:g}°", (b, value), xytext=(-4, 7), textcoords="offset points", ha="right")
axis.axvline(bend_range[1], color="black", lw=0.8, ls="--")
axis.set(
    xlabel="bend, degrees", ylabel="splay that is read, degrees", ylim=(0, 180), yticks=range(0, 181, 30)
)
axis.legend(frameon=False, loc="upper left")
axes[1].contourf(*grid, refused, levels=[-0.5, 0.5, 1.5], colors=["#D5EFE6", "#E7B8D2"])
axes[1].set(
    xlabel="true bend, degrees", ylabel="true splay, degrees", title="what Table 2 allows the index root"
)
axes[1].text(10, -5, "read as inside", ha="center")
axes[1].text(51, -23, "read as outside", ha="center")
axes[1].text(51, 11, "read as outside", ha="center")
figure.tight_layout()
run.show(
    figure,
    "read_splay",
    caption="Splay as it is read from the rotation of a bent joint. Left, solid: the released code's formula; dotted: the "
    "library's, which stays at the true value; green band and dashed line: what Table 2 allows the index's root. Right: "
    "the part of the index root's allowed range that the released formula reads as out of range (pink).",
    alt="Left, two solid curves climb from 3 and 10 degrees to 90 at a bend of 90, dotted lines stay level. Right, "
    "two pink corners at large bend in a green rectangle.",
)

# %% [markdown]
# What would that mean for Eq. 6? Every hand below is valid. A hand is called invalid if the released reading puts the splay
# of any of its five root joints outside Table 2.


# %%
def called_invalid(angles):
    """Share of hands (N, 15, 3) that the released reading of splay puts outside Table 2."""
    roots = np.rad2deg(angles[:, list(ROOT_JOINTS)].double().numpy())
    _, released = read_splay(roots[..., BEND], roots[..., SPLAY])
    low, high = limits[list(ROOT_JOINTS), SPLAY].T
    return ((released < low - EXCESS_DEG) | (released > high + EXCESS_DEG)).any(1).mean()


# %%
lowest, highest = angle_limits(torch.float64).unbind(-1)
draws = torch.from_numpy(run.rng("inside").random((2000, 15, 3)))
valid_hands = {
    "natural, of the library": library.natural_singles(run.seed, 2000),
    "augmented by Eq. 1, of the plan": plan.angles.flatten(0, 1),
    "uniform over Table 2": lowest + draws * (highest - lowest),
}
assert all(angle_excess(hands).abs().max() < 1e-6 for hands in valid_hands.values())
invalid = {name: 100 * called_invalid(hands) for name, hands in valid_hands.items()}

# %%
run.table(
    pd.Series(invalid, name="called invalid, %").round(1).rename_axis("valid hands").to_frame(),
    "called_invalid",
    caption="Hands inside Table 2 that the released formula calls out of range in splay.",
)

# %% [markdown]
# Eq. 6 with this reading would push them back by spreading fingers less the more they bend, and by bending them less. In the
# code's favour: real fingers, too, spread less the more they bend.
#
# ## What holds the joints in notebook 07?
#
# The optimisation moves all 45 angles of a hand freely; only Eq. 6 keeps them inside. Leave it out and see what
# penetration and attraction do to the joints. (Both runs without the discriminator.) At the end the library clamps
# angles into Table 2, so the pose *before* that is what counts here.

# %%
terms = PairTerms(hands, discriminator=None)


def before_and_after_clamp(**options):
    """Study pairs at their last iteration, and as `optimize_pairs` returns them."""
    last, done, size = [], [], run.sizes.optimise_batch

    def keep(iteration, pose, values):
        if iteration == ITERATIONS - 1:
            last.append(pose.to(torch.float32))

    for start in run.progress(range(0, len(few), size), desc="batch"):
        done.append(optimize_pairs(few[start : start + size], terms, on_step=keep, **options).pose)
    return PairPose.cat(last), PairPose.cat(done)


# %%
runs = {"all terms": before_and_after_clamp(), "without L_a": before_and_after_clamp(without=["anatomy"])}
out = {
    name: torch.rad2deg(angle_excess(last.angles)).abs() for name, (last, _) in runs.items()
}  # (B, 2, 15, 3)

# %%
rows = {}
for name, (_, clamped) in runs.items():
    check, largest = check_pairs(clamped, hands), out[name].amax((1, 2, 3))
    rows[name] = {
        "median, °": largest.median().item(),
        "95 %, °": largest.quantile(0.95).item(),
        "above 0.1° %": 100 * (largest > EXCESS_DEG).float().mean().item(),
        **{
            f"{axis}, °": out[name][..., k].amax((1, 2)).mean().item()
            for axis, k in (("twist", TWIST), ("splay", SPLAY), ("bend", BEND))
        },
        "kept %": 100 * check.valid.mean(),
        "depth, mm": check.depth_mm.mean(),
    }
effect = pd.DataFrame(rows).T.rename_axis("optimised with")

# %%
run.table(
    effect.round(2),
    "effect",
    caption=f"Largest excess of a pair before the clamp, over {len(few)} pairs: median, 95th percentile and share above the 0.1° of the "
    "acceptance; the mean of the largest by axis; and the exact check of the clamped pair.",
)

# %%
figure, axis = plt.subplots(figsize=(6, 2.8))
for name, color, style in (("all terms", "#009E73", "-"), ("without L_a", "#CC79A7", "--")):
    largest = np.sort(out[name].amax((1, 2, 3)).clamp(min=1e-3).numpy())
    axis.step(
        largest,
        np.arange(1, len(largest) + 1) / len(largest),
        color=color,
        ls=style,
        label=name,
        where="post",
    )
axis.axvline(EXCESS_DEG, color="black", lw=0.8, ls=":")
axis.set(xscale="log", xlabel="largest excess of a pair before the clamp, degrees", ylabel="share of pairs")
axis.legend(frameon=False, loc="upper center")
run.show(
    figure,
    "effect",
    caption="How far optimised pairs leave Table 2 with and without Eq. 6, before angles are clamped. Dotted: 0.1 degrees, the acceptance.",
    alt="Two step curves on a logarithmic scale, far apart: with the loss far to the left of the one without.",
)

# %%
pair, side = divmod(int(out["without L_a"].amax((2, 3)).argmax()), 2)
top = out["without L_a"][pair, side].max().item()
pictures = []
for last, _ in runs.values():
    angles = last.angles[pair, side]
    pictures += [look(angles, color=heat(angles, top), view=view) for view in ("palm", "thumb")]

# %%
run.show(
    viz.sheet(pictures, columns=4, titles=["all terms", "", "without L_a", ""], width=2.2),
    "worst",
    caption=f"The hand that goes farthest out without Eq. 6 ({sources[pair].replace('_', ' ')}; a left hand is shown as its mirror image), before the clamp. "
    f"Pale: inside Table 2; darkest: {top:.0f} degrees outside.",
    alt="A pale natural hand from two sides, and the same hand with dark joints turned too far.",
)

# %% [markdown]
# ## The paper's claims and ours

# %%
claims = {
    "after anatomic optimisation the poses become valid": f"a broken hand {worst[0]:.0f}° out ends {worst[-1]:.2f}° out by Eq. 6 alone",
    "random joint angles need it, other terms do not keep poses valid": f"above 0.1° before the clamp: "
    f"{effect.iloc[0, 2]:.0f} % of pairs with it, {effect.iloc[1, 2]:.0f} % without",
    "always keep twist = 0": f"mean largest twist {effect.iloc[0, 3]:.2f}° with it, {effect.iloc[1, 3]:.1f}° without",
}

# %%
run.table(
    pd.DataFrame({"paper": claims.keys(), "this run": claims.values()}).set_index("paper"),
    "claims",
    caption="What the paper says about Eq. 6 and what we measured.",
)

# %%
ring, pinky = (FINGER_JOINT_NAMES.index(f"{finger}_middle") for finger in ("ring", "pinky"))
bend = plan.angles[..., BEND]
uncoupled = 100 * (bend[..., ring] < 0.75 * bend[..., pinky]).float().mean().item()
print(
    f"{uncoupled:.0f} % of augmented hands bend the ring's middle joint less than 0.75 of the little finger's"
)

# %%
keys = {
    "median, °": "median_deg",
    "95 %, °": "p95_deg",
    "above 0.1° %": "outside_percent",
    "kept %": "kept_percent",
}
keys |= {"twist, °": "twist_deg", "splay, °": "splay_deg", "bend, °": "bend_deg", "depth, mm": "depth_mm"}

# %%
run.write_metrics(
    {
        "pairs": len(few),
        "with_anatomy": effect.loc["all terms"].rename(keys).to_dict(),
        "without_anatomy": effect.loc["without L_a"].rename(keys).to_dict(),
        "broken_hand_deg": {"before": worst[0], "after": worst[-1]},
        "released_splay_reads_10_deg_as": {str(b): float(value) for b, value in read.items()},
        "released_splay_calls_invalid_percent": dict(
            zip(("natural", "augmented", "uniform"), invalid.values(), strict=True)
        ),
        "uncoupled_ring_percent": uncoupled,
    }
)

# %% [markdown]
# > **Paper and released code.** *Splay* as above. *Twist*: the paper keeps it at zero everywhere; the code punishes the thumb root's
# > only beyond a sine of 0.5, so thumbs twist freely up to 30°. *Limits*: the optimiser's table is Table 2 except for the
# > thumb's middle joint, [−35, 50] instead of [−8, 50]; the augmentation has other ranges again. *More*: the code wants the ring's
# > middle joint bent at least 0.75 times as far as the little finger's, which is not in the paper (counted above). *Batch*:
# > its terms are means over the batch. *Acceptance*: it tests bend and splay, not twist.

# %% [markdown]
# ## Exercises
#
# 1. `released` is 90° at a bend of 90° whatever the splay is. Why, and what is the gradient of Eq. 6 there?
#
# <details><summary>Solution</summary>
#
# $x_x=\cos b\cos s=0$, so the quotient is infinite for any splay but zero. Near it
# $\partial/\partial s\,\arctan(\tan s/\cos b)$ is about $\cos b/\sin^2 s$, next to nothing, while the one with respect to the bend is about
# $1/\tan s$: for a small splay the loss unbends the finger instead of closing the fan.
#
# </details>
#
# 2. Eq. 6 stops at the edge of Table 2. What fraction of angles of an optimised hand lies within one degree of an edge, and of
# an augmented one?
#
# <details><summary>Solution</summary>
#
# ```python
# def at_edge(angles):
#     gap = torch.rad2deg((angles[..., None] - angle_limits()).abs().amin(-1))[..., BEND]
#     return (gap < 1).float().mean().item()
#
# at_edge(runs["all terms"][1].angles), at_edge(few.angles)
# ```
#
# </details>
#
# 3. Turn the broken hand into the nearest valid hand in one step, without any descent.
#
# <details><summary>Solution</summary>
#
# `broken - angle_excess(broken)`: clamping each angle. Nearest in angles; the finger tip may still be far from where it was.
#
# </details>
#
# ## What we saw
#
# Eq. 6 measures every joint in three angles that mean something, pulls each back on its own, and costs nothing. Limits: the ranges
# are independent boxes, while real joints depend on each other (an end joint hardly bends alone), and a valid hand may look
# odd. **Next**: notebook 06, a discriminator that has seen natural hands.
