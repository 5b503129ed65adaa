"""Things with screens and keys that stand on desks: each stands on z = 0 around the origin and faces +y."""

from renderih_lib.render.blender import surfaces
from renderih_lib.render.blender.places.forms import Thing, box, cushion, panel
from renderih_lib.render.blender.places.palettes import BRIGHT, DARK, PALE, Finishes, pick, screen_image


def laptop(rng, f: Finishes) -> Thing:
    """An open laptop, its screen towards -y... +y is the user's side."""
    tint = pick(rng, [(0.5, 0.5, 0.52), (0.08, 0.08, 0.09), (0.35, 0.34, 0.33)])
    thing = Thing().add(box((0.33, 0.23, 0.014)), f.iron, tint)
    for row in range(5):
        for key in range(14):
            thing.add(
                box((0.0185, 0.0165, 0.0025), (-0.143 + 0.022 * key, -0.07 + 0.02 * row, 0.0135), 0),
                f.satin,
                (0.02, 0.02, 0.022),
            )
    thing.add(box((0.1, 0.06, 0.0006), (0, 0.075, 0.014), 0), f.iron, tuple(0.8 * c for c in tint))
    lean = rng.uniform(0.2, 0.5)
    lid = box((0.33, 0.006, 0.22)).turned(lean, "x").at(0, -0.115, 0.012)
    shown = panel(0.31, 0.195).at(0, 0.0035, 0.015).turned(lean, "x").at(0, -0.115, 0.012)
    return thing.add(lid, f.iron, tint).add(shown, surfaces.pixels(screen_image(rng), f.screen, 0.2))


def monitor(rng, f: Finishes) -> Thing:
    """A screen on its foot; faces +y."""
    width = rng.uniform(0.5, 0.7)
    height = 0.57 * width
    thing = (
        Thing()
        .add(box((0.24, 0.18, 0.012)), f.satin, DARK[0])
        .add(box((0.04, 0.03, 0.2), (0, -0.03, 0.01)), f.satin, DARK[0])
    )
    thing.add(box((width, 0.03, height), (0, 0, 0.12)), f.satin, DARK[0])
    return thing.add(
        panel(width - 0.02, height - 0.03).at(0, 0.0155, 0.14),
        surfaces.pixels(screen_image(rng), f.screen, 0.2),
    )


def keyboard(rng, f: Finishes) -> Thing:
    """Keyboard and mouse."""
    tint, key_tint = (DARK[0], (0.03, 0.03, 0.03)) if rng.random() < 0.6 else (PALE[2], PALE[0])
    thing = Thing().add(box((0.44, 0.14, 0.015)), f.satin, tint)
    for row in range(5):
        for key in range(20):
            thing.add(
                box((0.018, 0.018, 0.006), (-0.2 + 0.021 * key, -0.045 + 0.0225 * row, 0.014), 0.002),
                f.satin,
                key_tint,
            )
    return thing.add(cushion((0.062, 0.11, 0.036), (-0.3, 0.0, 0), 0.8), f.satin, tint)


def phone(rng, f: Finishes) -> Thing:
    """A telephone that lies on its back."""
    thing = Thing().add(box((0.073, 0.15, 0.008), chamfer=0.003), f.gloss, DARK[0])
    return thing.add(
        box((0.068, 0.144, 0.0004), (0, 0, 0.008), 0),
        f.gloss,
        pick(rng, [(0.01, 0.01, 0.012), BRIGHT[2], BRIGHT[10]]),
    )
