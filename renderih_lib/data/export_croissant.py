"""A Croissant 1.0 description (JSON-LD) of finished shards: which files there are, and what their columns hold.

Nothing is copied: `croissant.json` lies in a folder around the shards and names them by relative paths and SHA-256.
"""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from renderih_lib.repro import write_json

LICENCE = "https://creativecommons.org/publicdomain/zero/1.0/"
_FORMATS = {".parquet": "application/x-parquet", ".tar": "application/x-tar"}
_TERMS = ("citeAs", "column", "equivalentProperty", "extract", "field", "fileObject", "fileProperty", "fileSet", "format",
          "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex",
          "repeated", "replace", "samplingRate", "separator", "source", "subField", "transform")  # fmt: skip
#: Croissant's standard context.
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "data": {"@id": "cr:data", "@type": "@json"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in _TERMS},
}

#: What columns hold; the others are the plan's, by their names.
DESCRIPTIONS = {
    "image_id": "number of the image in its dataset",
    "key": "name of the image's members in the tar, before the first dot",
    "pose_id": "which optimised pair of hands is shown; images of one pair share it",
    "raw_id": "which natural pair it was augmented from",
    "split": "train or test",
    "K": "(3, 3) intrinsics, pixels; pixel centres at integers + 0.5",
    "R": "(3, 3) rotation, world to camera: x_cam = R x_world + t, OpenCV axes",
    "t": "(3) metres",
    "angles": "(2, 15, 3) radians: right and left hand; joints in MANO's order; twist, splay, bend",
    "wrist": "(2, 3, 3) rotation of each wrist, world",
    "translation": "(2, 3) metres, world",
    "shape": "(2, S) standard deviations",
    "keypoints_3d": "(2, 21, 3) metres, camera; wrist, thumb, index, middle, ring, pinky, each root to tip",
    "keypoints_2d": "(2, 21, 2) pixels",
    "keypoint_visible": "(2, 21) whether the picture shows the skin over the keypoint",
    "hand_iou": "intersection over union of the two hands' masks, each as if alone",
    "exposure_ev": "exposure that the meter chose, stops",
    "tone_hue": "shift of the skin's hue",
    "environment_yaw": "turn of the light about the vertical, radians",
}


def write_croissant(folders: list[Path], out: Path) -> Path:
    """Write `out/croissant.json` about one or more folders of shards, which lie in `out`.

    Raises:
        ValueError: if a folder lies elsewhere, has no finished shard, or two have the same name.
    """
    datasets = {}
    for folder in folders:
        if not folder.resolve().is_relative_to(out.resolve()):
            raise ValueError(
                f"{folder} is not inside {out}; for croissant, --out is a folder around the shards"
            )
        place = folder.resolve().relative_to(out.resolve())
        markers = sorted(folder.glob("shard-*.json"))
        if not markers:
            raise ValueError(f"{folder} has no finished shard (shard-*.json); run the render worker first")
        datasets[place] = markers
    plans = sorted({json.loads(marker.read_text())["plan_hash"] for m in datasets.values() for marker in m})
    names = [_name(markers) for markers in datasets.values()]
    if len(set(names)) < len(names):
        raise ValueError(f"two folders hold dataset {max(names, key=names.count)!r}; describe them apart")
    count = sum(json.loads(marker.read_text())["count"] for m in datasets.values() for marker in m)
    description = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": "-".join(names),
        "description": f"{count} rendered images of two interacting hands with masks, depth and exact labels: "
        f"{', '.join(names)}. Made by the RenderIH companion. An axis of length 2 holds the right hand, then the left.",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "citeAs": "RenderIH companion, after Li et al., RenderIH: A Large-scale Synthetic Dataset for 3D Interacting "
        "Hand Pose Estimation, ICCV 2023",
        "license": LICENCE,
        "url": f"urn:sha256:{plans[0]}",
        "version": "1.0.0",
        "distribution": [entry for place, markers in datasets.items() for entry in _files(place, markers)],
        "recordSet": [
            _records(name, markers) for name, markers in zip(names, datasets.values(), strict=True)
        ],
    }
    write_json(out / "croissant.json", description)
    return out / "croissant.json"


def _name(markers: list[Path]) -> str:
    return pq.read_table(markers[0].with_suffix(".parquet"), columns=["dataset"])["dataset"][0].as_py()


def _files(place: Path, markers: list[Path]) -> list[dict]:
    """The files of one dataset, and the set of its tables."""
    name, entries = _name(markers), []
    for marker in markers:
        info = json.loads(marker.read_text())
        for suffix, kind in _FORMATS.items():
            path = place / marker.with_suffix(suffix).name
            entry = {"@type": "cr:FileObject", "@id": str(path), "name": path.name, "contentUrl": str(path)}
            entry |= {"contentSize": f"{marker.with_suffix(suffix).stat().st_size} B", "encodingFormat": kind}
            entries.append(entry | {"sha256": info[f"{suffix[1:]}_sha256"]})
    tables = {"@type": "cr:FileSet", "@id": f"{name}-tables", "name": f"{name}-tables"}
    tables |= {"includes": str(place / "shard-*.parquet"), "encodingFormat": _FORMATS[".parquet"]}
    return [*entries, tables]


def _records(name: str, markers: list[Path]) -> dict:
    schema = pq.read_schema(markers[0].with_suffix(".parquet"))
    fields = [_field(name, column) for column in schema]
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": "one per image",
        "field": fields,
    }


def _field(records: str, column: pa.Field) -> dict:
    is_list = pa.types.is_fixed_size_list(column.type)
    field = {
        "@type": "cr:Field",
        "@id": f"{records}/{column.name}",
        "name": column.name,
        "description": DESCRIPTIONS.get(column.name, column.name.replace("_", " ")),
        "dataType": _data_type(column.type.value_type if is_list else column.type),
        "source": {"fileSet": {"@id": f"{records}-tables"}, "extract": {"column": column.name}},
    }
    return field | {"repeated": True} if is_list else field


def _data_type(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_integer(kind):
        return "sc:Integer"
    return "sc:Float" if pa.types.is_floating(kind) else "sc:Text"
