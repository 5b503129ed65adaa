import igl
import numpy as np
import pytest

from renderih_lib.render.bodies.garments import COLUMNS, FABRICS, garment, sleeve_rings
from renderih_lib.render.bodies.mesh import FOREARM, FOREARM_LABELS
from renderih_lib.render.bodies.sleeves import BARE, Sleeve


@pytest.fixture(scope="module")
def cage(smooth_arms, poses):
    return smooth_arms.cage_vertices(poses[:1])[0]


@pytest.fixture(scope="module")
def sleeve():
    return Sleeve()


def arm_distance(arms, cage, points) -> np.ndarray:
    """Signed distances of points (M, 3) from both arms."""
    return igl.signed_distance(points, cage.reshape(-1, 3), arms.cage.triangles)[0]


@pytest.mark.parametrize("seed", range(6))
def test_cloth_is_five_to_nine_millimetres_off_the_skin_and_never_touches_it(smooth_arms, cage, sleeve, seed):
    worn = garment(seed)
    inner = sleeve_rings(worn).layer == 0
    surface = sleeve.surface(cage, 0.08, seed).reshape(2, -1, COLUMNS, 3)
    away = arm_distance(smooth_arms, cage, surface[:, inner, ::6].reshape(-1, 3))
    assert away.min() > 0.002
    assert 0.004 < np.median(away) < 0.009
    assert 0.005 <= worn.cuff_gap <= worn.gap <= 0.009


def test_the_cuff_has_a_rim_as_thick_as_the_cloth(cage, sleeve):
    worn = garment(4)
    rings = sleeve_rings(worn)
    surface = sleeve.surface(cage, 0.08, 4).reshape(2, -1, COLUMNS, 3)
    edge = np.flatnonzero(rings.layer == 0)[-1]
    outer = edge + 4  # the rim has five rings
    assert rings.layer[outer] == 1 and rings.along[outer] == pytest.approx(rings.along[edge])
    thickness = np.linalg.norm(surface[:, outer] - surface[:, edge], axis=-1)
    np.testing.assert_allclose(thickness, worn.thickness + worn.step, rtol=0.02)


def test_the_forearm_is_bare_for_as_long_as_asked(smooth_arms, cage, sleeve, poses):
    wrists = smooth_arms.hands(poses[:1]).joints[0, :, 0].numpy()
    for bare in (0.05, 0.12):
        surface = sleeve.surface(cage, bare, 1).reshape(2, -1, COLUMNS, 3)
        nearest = np.linalg.norm(surface.mean(2) - wrists[:, None], axis=-1).min(1)
        np.testing.assert_allclose(nearest, bare, atol=0.006)


def test_a_sleeve_covers_the_forearm_to_its_end(smooth_arms, cage, sleeve):
    end = cage[:, smooth_arms.arm.cut].mean(1)
    for bare in BARE:
        surface = sleeve.surface(cage, bare, 2)
        solid = np.concatenate([sleeve.quads[:, :3], sleeve.quads[:, [0, 2, 3]]])
        winding = igl.winding_number(surface, solid, end)
        assert (winding > 0.5).all()


def test_folds_run_along_the_arm(cage, sleeve):
    """Cloth varies three times as fast around the arm as along it, by a millimetre or so."""
    worn = garment(1)
    rings = sleeve_rings(worn)
    far = (rings.along > worn.cuff + 0.12) & (rings.radius == 1)
    surface = sleeve.surface(cage, 0.08, 1).reshape(2, -1, COLUMNS, 3)[0][far]
    radius = np.linalg.norm(surface - surface.mean(1, keepdims=True), axis=-1)
    spectrum = np.fft.rfft(radius, axis=1)
    spectrum[:, :6] = 0  # the arm's own shape
    folds = np.fft.irfft(spectrum, COLUMNS, axis=1)
    assert 1e-4 < folds.std() < 1.5e-3
    spacing = np.linalg.norm(surface[:, 1] - surface[:, 0], axis=-1).mean(), 0.006
    around, along = (
        np.abs(np.diff(folds, axis=1)).mean() / spacing[0],
        np.abs(np.diff(folds, axis=0)).mean() / spacing[1],
    )
    assert around > 2 * along


def test_both_arms_wear_the_same_garment_and_a_seed_gives_the_same_bytes(cage, sleeve):
    first, again = (sleeve.surface(cage, 0.07, 0).tobytes() for _ in range(2))
    assert first == again and first != sleeve.surface(cage, 0.07, 1).tobytes()
    assert {garment(seed).fabric for seed in range(60)} == set(FABRICS)


def test_sleeves_face_outwards_and_count_as_forearms(cage, sleeve):
    surface = sleeve.surface(cage, 0.07, 3)
    for side, quads in enumerate(np.split(sleeve.quads, 2)):
        corners = surface[quads] - surface[quads].mean((0, 1))
        assert np.linalg.det(np.concatenate([corners[:, :3], corners[:, [0, 2, 3]]])).sum() > 0
        assert set(sleeve.quad_labels[side * len(quads) : (side + 1) * len(quads)]) == {FOREARM_LABELS[side]}
    body = sleeve.body(surface)
    assert len(body.triangles) < len(sleeve.quads) / 3 and set(body.labels) == set(FOREARM_LABELS)
    middles = surface[body.triangles].mean(1)
    solid = np.concatenate([sleeve.quads[:, :3], sleeve.quads[:, [0, 2, 3]]])
    away = igl.signed_distance(middles, surface, solid)[0]
    assert np.abs(away).max() < 0.003 and np.abs(away).mean() < 5e-4


def test_a_sleeve_that_would_cover_the_wrist_is_refused(cage, sleeve):
    with pytest.raises(ValueError, match="bare must be within"):
        sleeve.surface(cage, 0.0, 0)


def test_sleeves_keep_the_arms_shape_when_it_changes(smooth_arms, poses, sleeve):
    """Every person's arm fits into the sleeve."""
    for k in range(len(poses)):
        cage = smooth_arms.cage_vertices(poses[k : k + 1])[0]
        surface = sleeve.surface(cage, 0.06, k).reshape(2, -1, COLUMNS, 3)
        inner = sleeve_rings(garment(k)).layer == 0
        assert arm_distance(smooth_arms, cage, surface[:, inner, ::9].reshape(-1, 3)).min() > 0.0015
    assert FOREARM == 16
