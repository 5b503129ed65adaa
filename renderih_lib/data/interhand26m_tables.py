"""The annotations of one InterHand2.6M split as compact arrays, read once from JSON files of up to a gigabyte.

One pass over `data` of the training split makes 1.4 million small objects and takes a few gigabytes for as long as
it lasts; the arrays that remain take about 150 bytes an image.
"""

import hashlib
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from renderih_lib.hand.skeleton import KEYPOINT_COUNT, SIDES
from renderih_lib.metrics.protocols import checked_choice
from renderih_lib.render.shards import write_atomic
from renderih_lib.tree import Tree

#: Whose labels: "H" people's, "M" the machine's, "H+M" all of v1.0, people's where there are both; "all" is its other name.
ANNOTATIONS = ("H", "M", "H+M", "all")
#: Which images; each choice asks for what those before it ask for. "any": all, single hands too. "valid": two hands whose
#: type is certain. "fitted": MANO fits of both. "released": a mean pixel of at least `DARK`, the choice of the released code.
INTERACTING = ("any", "valid", "fitted", "released")
DARK = 10.0  # of 255

JOINTS = 2 * KEYPOINT_COUNT
FIT = {"pose": 48, "shape": 10, "trans": 3}
_FIT_COUNT = sum(FIT.values())
_KINDS = ("data", "camera", "joint_3d", "MANO_NeuralAnnot")


@dataclass(frozen=True)
class Tables:
    """N images, C cameras and F moments; joints in InterHand2.6M's order, right hand first; world frame in metres."""

    names: np.ndarray  # (N,) bytes, files below images/<split>
    sizes: np.ndarray  # (N, 2) int32, width and height that K is for
    joint_valid: np.ndarray  # (N, 42) bool, of the image's annotation
    frame: np.ndarray  # (N,) int32, which of the moments
    camera: np.ndarray  # (N,) int32
    K: np.ndarray  # (C, 3, 3) float64, pixels
    R: np.ndarray  # (C, 3, 3) float64, world to camera
    t: np.ndarray  # (C, 3) float64, metres
    joints: np.ndarray  # (F, 42, 3) float32
    frame_valid: np.ndarray  # (F, 42) bool
    fits: np.ndarray  # (F, 2, 61) float32, MANO's `FIT`, hand axis (right, left); zeros without a fit
    fitted: np.ndarray  # (F, 2) bool

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, kept: np.ndarray) -> "Tables":
        """The same with fewer images."""
        return replace(self, **{name: getattr(self, name)[kept] for name in _PER_IMAGE})


_PER_IMAGE = ("names", "sizes", "joint_valid", "frame", "camera")


def read_tables(
    tree: Tree, split: str, annotation: str, interacting: str, cache: str | Path | None = None
) -> Tables:
    """The images that the choices leave, in the order of the annotations.

    Args:
        cache: a folder for an .npz of the result, found again as long as the files and choices are the same.

    Raises:
        ValueError: if a choice is unknown, leaves no image, or a file is not as expected.
        FileNotFoundError: if a file is missing.
    """
    checked_choice("annotation", annotation, ANNOTATIONS)
    checked_choice("interacting", interacting, INTERACTING)
    path = cache and Path(cache) / f"interhand26m-{split}-{_digest(tree, split, annotation, interacting)}.npz"
    if path and (kept := _cached(path)):
        return kept
    tables = _read(tree, split, annotation, INTERACTING.index(interacting))
    if not len(tables):
        raise ValueError(
            f"no image of InterHand2.6M's {split} split has annotation {annotation} and is {interacting!r}"
        )
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        np.savez(buffer, **vars(tables))
        write_atomic(path, buffer.getvalue())
    return tables


def annotation_file(split: str, kind: str) -> str:
    """Name of one of the four JSON files, relative to the dataset's folder."""
    return f"annotations/{split}/InterHand2.6M_{split}_{kind}.json"


def human_list(split: str) -> str:
    """Name of the list of annotation ids that people made."""
    return f"annotations/aid_human_annot_{split}.txt"


def _read(tree: Tree, split: str, annotation: str, strictness: int) -> Tables:
    images, labels = _data(tree, split)
    kept = np.ones(len(labels["id"]), bool)
    if annotation in ("H", "M"):
        kept &= np.isin(labels["id"], _human_ids(tree, split)) == (annotation == "H")
    if strictness >= INTERACTING.index("valid"):
        kept &= labels["interacting"]
    labels = {name: values[kept] for name, values in labels.items()}
    rows = _rows_of(tree, split, images["id"], labels["image_id"])
    images = {name: values[rows] for name, values in images.items()}
    cameras, camera = np.unique(images["camera"], axis=0, return_inverse=True)
    frames, frame = np.unique(images["frame"], axis=0, return_inverse=True)
    K, R, t = _cameras(tree, annotation_file(split, "camera"), cameras)
    joints, frame_valid = _joints(tree, annotation_file(split, "joint_3d"), frames)
    fits, fitted = _fits(tree, annotation_file(split, "MANO_NeuralAnnot"), frames)
    tables = Tables(
        names=images["name"],
        sizes=images["size"],
        joint_valid=labels["joint_valid"],
        frame=frame.reshape(-1).astype(np.int32),
        camera=camera.reshape(-1).astype(np.int32),
        **{"K": K, "R": R, "t": t, "joints": joints, "frame_valid": frame_valid},
        **{"fits": fits, "fitted": fitted},
    )
    if strictness >= INTERACTING.index("fitted"):
        tables = tables[fitted[tables.frame].all(1)]
    if strictness >= INTERACTING.index("released"):
        tables = tables[_bright(tree, f"images/{split}", tables.names)]
    return tables


def _data(tree: Tree, split: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Columns of the images, and of their annotations."""
    name = annotation_file(split, "data")
    images, labels, flags = [], [], []
    for keys, entry in tree.records(name, 2):
        try:
            if keys[:1] == ("images",):
                names = [str(entry[key]) for key in ("file_name", "capture", "camera", "frame_idx")]
                images.append((int(entry["id"]), int(entry["width"]), int(entry["height"]), *names))
            elif keys[:1] == ("annotations",):
                both = entry["hand_type"] == "interacting" and bool(entry["hand_type_valid"])
                labels.append((int(entry["id"]), int(entry["image_id"]), both))
                flags.append(np.asarray(entry["joint_valid"]).reshape(JOINTS).astype(bool))
        except (KeyError, TypeError, ValueError) as error:
            problem = f"{' '.join(map(str, keys))} is not as in v1.0 ({type(error).__name__}: {error})"
            raise tree.error(name, problem) from None
    if not images or not labels:
        raise tree.error(name, "expected the lists 'images' and 'annotations' of v1.0")
    ids, widths, heights, files, captures, cameras, frames = zip(*images, strict=True)
    columns = {
        "id": np.array(ids),
        "size": np.array([widths, heights], np.int32).T,
        "name": np.array([file.encode() for file in files]),
        "camera": np.array([captures, cameras], "S").T,
        "frame": np.array([captures, frames], "S").T,
    }
    ids, image_ids, both = zip(*labels, strict=True)
    annotations = {"id": np.array(ids), "image_id": np.array(image_ids), "interacting": np.array(both)}
    return columns, annotations | {"joint_valid": np.stack(flags)}


def _human_ids(tree: Tree, split: str) -> np.ndarray:
    name = human_list(split)
    text = tree.text(name)
    try:
        return np.array(text.split(), np.int64)
    except ValueError:
        raise tree.error(name, "expected annotation ids, one a line") from None


def _rows_of(tree: Tree, split: str, ids: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Places of wanted (M,) among ids (N,)."""
    order = np.argsort(ids)
    places = order[np.searchsorted(ids, wanted, sorter=order).clip(max=len(ids) - 1)]
    if (lost := ids[places] != wanted).any():
        problem = f"annotations name image {wanted[lost][0]}, which is not among the images"
        raise tree.error(annotation_file(split, "data"), problem)
    return places


def _cameras(tree: Tree, name: str, cameras: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """K, R and t in metres of each (capture, camera)."""
    content = tree.json(name, dict)
    K, R, t = (
        np.tile(np.eye(3), (len(cameras), 1, 1)),
        np.empty((len(cameras), 3, 3)),
        np.empty((len(cameras), 3)),
    )
    for row, (capture, camera) in enumerate(cameras.astype(str)):
        found = {}
        for key, shape in {"focal": (2,), "princpt": (2,), "camrot": (3, 3), "campos": (3,)}.items():
            values = content.get(capture, {}).get(key, {}).get(camera)
            found[key] = tree.numbers(name, f"{capture}/{key}/{camera}", values, shape)
        K[row, (0, 1), (0, 1)], K[row, :2, 2] = found["focal"], found["princpt"]
        R[row], t[row] = found["camrot"], -found["camrot"] @ found["campos"] / 1000
    return K, R, t


def _joints(tree: Tree, name: str, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """World places in metres (F, 42, 3), zeros where not valid, and validity (F, 42)."""
    joints, valid = np.zeros((len(frames), JOINTS, 3), np.float32), np.zeros((len(frames), JOINTS), bool)
    missing = np.ones(len(frames), bool)
    for row, entry, value in _moments(tree, name, frames):
        world = tree.numbers(name, f"{entry}/world_coord", value.get("world_coord"), (JOINTS, 3))
        flags = tree.numbers(name, f"{entry}/joint_valid", value.get("joint_valid"), JOINTS)
        valid[row], missing[row] = flags != 0, False
        joints[row] = np.where(valid[row, :, None], world / 1000, 0)
    if missing.any():
        capture, frame = frames[missing][0].astype(str)
        raise tree.error(name, f"{capture}/{frame} is missing, which an image in the data file shows")
    return joints, valid


def _fits(tree: Tree, name: str, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """MANO parameters (F, 2, 61) in the world, and which hands have them (F, 2)."""
    fits, fitted = np.zeros((len(frames), 2, _FIT_COUNT), np.float32), np.zeros((len(frames), 2), bool)
    for row, entry, value in _moments(tree, name, frames):
        for side, side_name in enumerate(SIDES):
            if (hand := value.get(side_name)) is None:
                continue
            tree.checked(name, f"{entry}/{side_name}", hand, dict)
            numbers = [
                tree.numbers(name, f"{entry}/{side_name}/{key}", hand.get(key), (count,))
                for key, count in FIT.items()
            ]
            fits[row, side], fitted[row, side] = np.concatenate(numbers), True
    return fits, fitted


def _moments(tree: Tree, name: str, frames: np.ndarray) -> Iterator[tuple[int, str, dict]]:
    """Row among frames, name and content of each of them in a file [capture][frame]."""
    rows = {tuple(frame): row for row, frame in enumerate(frames.astype(str).tolist())}
    for keys, value in tree.records(name, 2):
        if (row := rows.get(keys)) is not None:
            entry = "/".join(keys)
            yield row, entry, tree.checked(name, entry, value, dict)


def _bright(tree: Tree, folder: str, names: np.ndarray) -> np.ndarray:
    """Which pictures have a mean pixel of at least `DARK`."""
    with ThreadPoolExecutor() as pool:  # decoding leaves Python's lock to others
        means = pool.map(lambda name: _mean_pixel(tree, f"{folder}/{name.decode()}"), names)
        return np.fromiter(means, float, len(names)) >= DARK


def _mean_pixel(tree: Tree, name: str) -> float:
    """Mean over pixels and channels; of a picture that is clearly bright or dark, of its smallest JPEG preview."""
    rough = float(tree.image(name, preview=True).mean())
    return rough if abs(rough - DARK) > 2 else float(tree.image(name).mean())


def _digest(tree: Tree, split: str, *choices: str) -> str:
    """Twelve hex digits of the choices, and of the sizes and times of the files that are there."""
    digest = hashlib.sha256("|".join(choices).encode())
    for name in (*(annotation_file(split, kind) for kind in _KINDS), human_list(split)):
        if tree.has(name):
            stat = tree.path(name).stat()
            digest.update(f"{name}|{stat.st_size}|{stat.st_mtime_ns}".encode())
    return digest.hexdigest()[:12]


def _cached(path: Path) -> Tables | None:
    # Any fault of the cache only means that the files are read again.
    try:
        with np.load(path, allow_pickle=False) as archive:
            return Tables(**{field.name: archive[field.name] for field in fields(Tables)})
    except Exception:
        return None
