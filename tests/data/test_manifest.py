"""The asset manifest: its schema, the state of an asset, and its pages."""

import hashlib
import shutil
from pathlib import Path

import pytest
import yaml

from renderih_lib.data import manifest
from renderih_lib.data.manifest import Asset, HashCache, check_asset, load_manifest

ROOT = Path(__file__).parents[2]
ASSETS = load_manifest(ROOT / manifest.MANIFEST).assets

THING = {
    "id": "thing",
    "title": "A thing",
    "access": "open",
    "licence": "CC0 1.0",
    "licence_verified": True,
    "landing_page": "https://example.org/thing",
    "env": "RENDERIH_THING",
    "folder": "thing",
    "layout": ["a.txt"],
    "notebooks": ["01_hand_model"],
    "needed_for": "a test",
    "instead": "nothing",
    "steps": ["Download it."],
}


@pytest.fixture(autouse=True)
def no_assets_of_the_user(monkeypatch):
    for asset in ASSETS:
        if asset.env:
            monkeypatch.delenv(asset.env, raising=False)
    monkeypatch.delenv("RENDERIH_THING", raising=False)


def asset(**fields):
    return Asset.model_validate(THING | fields)


def state(tmp_path, **fields):
    return check_asset(asset(**fields), str(tmp_path))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "thing").mkdir()
    (tmp_path / "thing" / "a.txt").write_text("hello")
    return tmp_path / "thing"


def test_every_asset_of_the_five_papers_is_listed():
    ids = {asset.id for asset in ASSETS}
    assert ids >= {
        "mano",
        "interhand26m",
        "freihand",
        "dexycb",
        "tzionas",
        "h2o3d",
        "ego3dhands",
        "renderih",
        "ho3d",
    }
    assert ids >= {
        "mow",
        "rhd",
        "stb",
        "haggling",
        "nimble",
        "dart",
        "polyhaven_hdris",
        "imagenet_weights",
        "open_hand",
    }


def test_the_shipped_hand_is_there():
    shipped = next(asset for asset in ASSETS if asset.access == "shipped")
    assert check_asset(shipped).status == "ok"


@pytest.mark.parametrize("one", ASSETS, ids=lambda asset: asset.id)
def test_an_absent_asset_is_missing_with_the_next_step(one, tmp_path):
    if one.access != "shipped":
        found = check_asset(one, str(tmp_path))
        assert found.status == "missing"
        assert one.steps[0] in found.detail and one.env in found.detail


def test_a_complete_asset_is_ok(folder, tmp_path):
    assert state(tmp_path, required=["a.txt"], probe={"pattern": "*.txt", "at_least": 1}).status == "ok"


def test_the_variable_wins_over_the_data_root(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("RENDERIH_THING", str(tmp_path / "nowhere"))
    assert state(tmp_path).status == "missing"
    monkeypatch.setenv("RENDERIH_THING", str(folder))
    assert check_asset(asset()).path == folder


@pytest.mark.parametrize(
    ("fields", "expected", "found"),
    [
        ({"required": ["b.txt"]}, "expected b.txt", "found none"),
        ({"files": [{"path": "a.txt", "bytes": 6, "sha256": ["0"]}]}, "a.txt with 6 bytes", "found 5 bytes"),
        (
            {"files": [{"path": "a.txt", "bytes": 5, "sha256": ["0" * 64]}]},
            "sha256 000000000000",
            "found 2cf24dba5fb0",
        ),
        ({"probe": {"pattern": "*.txt", "at_least": 3}}, "at least 3 of *.txt", "found 1"),
    ],
)
def test_a_wrong_asset_says_what_was_expected_and_found(folder, tmp_path, fields, expected, found):
    wrong = state(tmp_path, **fields)
    assert wrong.status == "wrong" and expected in wrong.detail and found in wrong.detail


def test_any_of_several_known_hashes_is_right(folder, tmp_path):
    known = {"path": "a.txt", "bytes": 5, "sha256": ["0" * 64, hashlib.sha256(b"hello").hexdigest()]}
    assert state(tmp_path, files=[known]).status == "ok"


def test_hashes_are_remembered_until_the_file_changes(folder, tmp_path, monkeypatch):
    reads = []
    monkeypatch.setattr(manifest, "sha256", lambda path: reads.append(path) or "hash")
    path = folder / "a.txt"
    for _ in range(2):
        assert HashCache(tmp_path / "cache.json").sha256(path) == "hash"
    assert len(reads) == 1
    path.write_text("hello again")
    HashCache(tmp_path / "cache.json").sha256(path)
    assert len(reads) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text + "unknown: 1\n", "unknown: Extra inputs are not permitted"),
        (
            lambda text: text.replace("title: A thing", "title: A thing\n  title: Another"),
            "key given twice: title",
        ),
        (lambda text: text.replace("  licence: CC0 1.0\n", ""), "licence: Field required"),
        (lambda text: text.replace("  env: RENDERIH_THING\n", ""), "asset thing needs env and folder"),
        (lambda text: text.replace("schema: 1", "schema: 2"), "schema"),
        (lambda text: text + "- !!python/object/apply:os.system [exit]\n", "manifest.yaml"),
    ],
)
def test_a_faulty_manifest_is_refused_by_name(tmp_path, change, message):
    text = yaml.safe_dump({"schema": 1, "assets": [THING]}, sort_keys=False)
    (tmp_path / "manifest.yaml").write_text(text)
    assert load_manifest(tmp_path / "manifest.yaml").assets == [asset()]
    (tmp_path / "manifest.yaml").write_text(change(text))
    with pytest.raises(ValueError) as error:
        load_manifest(tmp_path / "manifest.yaml")
    assert message in str(error.value)


def test_two_assets_with_one_id_are_refused(tmp_path):
    (tmp_path / "manifest.yaml").write_text(yaml.safe_dump({"schema": 1, "assets": [THING, THING]}))
    with pytest.raises(ValueError, match="twice: thing"):
        load_manifest(tmp_path / "manifest.yaml")


@pytest.mark.parametrize(("found", "code"), [("ok", 0), ("missing", 0), ("wrong", 1)])
def test_only_a_wrong_asset_fails_the_check(tmp_path, monkeypatch, capsys, found, code):
    needs = {"required": ["b.txt"]} if found == "wrong" else {}
    (tmp_path / manifest.MANIFEST).write_text(yaml.safe_dump({"schema": 1, "assets": [THING | needs]}))
    (tmp_path / "Snakefile").touch()
    monkeypatch.chdir(tmp_path)
    if found != "missing":
        (tmp_path / "data" / "thing").mkdir(parents=True)
        (tmp_path / "data" / "thing" / "a.txt").touch()
    assert manifest.main(["--data-root", str(tmp_path / "data")]) == code
    printed = capsys.readouterr().out
    assert printed.startswith(found) and f"1 {found}" in printed
    assert ("affects 01_hand_model" in printed) == (found != "ok")


@pytest.mark.parametrize(
    ("downloads", "message"),
    [
        ({"url": "https://example.org/a.hdr", "names": ["a"]}, "downloads.url"),
        ({"url": "file:///{name}", "names": ["a"]}, "downloads.url"),
        ({"url": "https://example.org/{name}.hdr", "names": ["a", "a"]}, "a name twice"),
        ({"url": "https://example.org/{name}.hdr", "names": []}, "downloads.names"),
    ],
)
def test_downloads_need_an_address_and_different_names(tmp_path, downloads, message):
    text = yaml.safe_dump({"schema": 1, "assets": [THING | {"downloads": downloads}]})
    (tmp_path / "manifest.yaml").write_text(text)
    with pytest.raises(ValueError, match=message):
        load_manifest(tmp_path / "manifest.yaml")


def test_panoramas_to_fetch_are_many_and_openly_licensed():
    hdris = next(asset for asset in ASSETS if asset.id == "polyhaven_hdris")
    assert len(hdris.downloads.names) >= 60 and hdris.licence.startswith("CC0")
    assert hdris.downloads.names == list(dict.fromkeys(hdris.downloads.names))
    assert all(name in manifest.page(hdris) for name in hdris.downloads.names)


def test_the_pages_say_what_the_manifest_says(tmp_path):
    assets = load_manifest(ROOT / manifest.MANIFEST)
    committed = {path.name: path.read_text() for path in (ROOT / "docs" / "data").iterdir()}
    assert set(committed) == {"README.md", *(f"{asset.id}.md" for asset in assets.assets)}
    shutil.copytree(ROOT / "docs" / "data", tmp_path / "pages")
    manifest.write_pages(assets, tmp_path / "pages")
    assert {path.name: path.read_text() for path in (tmp_path / "pages").iterdir()} == committed


def test_notes_written_by_hand_stay_in_their_page(tmp_path):
    page = tmp_path / "thing.md"
    things = manifest.Manifest.model_validate({"schema": 1, "assets": [THING]})
    manifest.write_pages(things, tmp_path)
    assert page.read_text() == manifest.page(asset())
    page.write_text(f"an older page\n{manifest.NOTES}\n\n## Traps\n\nMany.\n")
    for _ in range(2):
        manifest.write_pages(things, tmp_path)
        assert page.read_text() == f"{manifest.page(asset())}\n{manifest.NOTES}\n\n## Traps\n\nMany.\n"
