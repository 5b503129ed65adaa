import importlib
import pickle
from pathlib import Path

import numpy as np
import pytest

from renderih_lib.data.export import export
from renderih_lib.data.manifest import load_manifest
from renderih_lib.data.reader import Reader
from renderih_lib.data.sources import (
    ROLES,
    asset_folder,
    hands_of,
    role_by_name,
    source_of,
    standin_name,
)
from renderih_lib.data.stream import crops
from renderih_lib.hand.mano import is_mano
from renderih_lib.scales import DATASETS, STAND_INS
from tests.data.trees import LAYOUTS


@pytest.fixture(autouse=True)
def nothing_named(monkeypatch):
    for asset in load_manifest().assets:
        if asset.env:
            monkeypatch.delenv(asset.env, raising=False)


@pytest.fixture
def datasets(tmp_path, write_noise_shard):
    """A folder of rendered datasets with one shard each."""
    for name in set(STAND_INS.values()):
        (tmp_path / "datasets" / name).mkdir(parents=True)
        write_noise_shard(tmp_path / "datasets" / name, 2)
    return tmp_path / "datasets"


@pytest.fixture
def data_root(tmp_path, labelled_shards, mano_folder):
    """Folder of gated datasets with InterHand2.6M's test split alone, and MANO."""
    root = tmp_path / "data"
    export("interhand", [labelled_shards("studio-test")], root / "interhand26m")
    (root / "mano").symlink_to(mano_folder)
    return root


def test_each_role_has_a_rendered_dataset_and_a_reader_of_an_asset():
    assets = {asset.id for asset in load_manifest().assets}
    assert set(ROLES) == set(STAND_INS) and set(STAND_INS.values()) <= set(DATASETS)
    for name, role in ROLES.items():
        if role.asset is None:
            assert name == "renderih-test"
            continue
        module, reader = role.reader.split(":")
        found = getattr(importlib.import_module(f"renderih_lib.data.{module}"), reader)
        assert role.asset in assets and issubclass(found, Reader)


@pytest.mark.parametrize("role", ROLES)
def test_without_the_real_data_the_stand_in_is_named_as_one(role, datasets, hands):
    source = source_of(role, "", datasets, hands)
    assert not source.real and len(source.dataset) == 2 and source.name == standin_name(role)
    assert ("stand-in" in source.name) == (not role.startswith("renderih"))


def test_a_table_reads_stand_in_for_the_real_title():
    assert standin_name("interhand26m-test") == "studio (stand-in for InterHand2.6M)"


@pytest.mark.parametrize("how", ["data root", "variable"])
def test_real_data_are_taken_where_the_user_has_them(how, datasets, data_root, hands, monkeypatch):
    root = str(data_root)
    if how == "variable":
        monkeypatch.setenv("RENDERIH_INTERHAND", str(data_root / "interhand26m"))
        root = ""
    with pytest.raises(ValueError, match="no image .* is 'released'"):  # this tree has no MANO fits
        source_of("interhand26m-test", root, datasets, hands)
    with pytest.raises(FileNotFoundError, match="InterHand2.6M_train_data.json"):  # and no training split
        source_of("interhand26m-train", root, datasets, hands)
    assert not source_of("tzionas-test", root, datasets, hands).real


def test_the_release_of_renderih_is_read(datasets, labelled_shards, tmp_path, hands):
    export("renderih", [labelled_shards("renderih-train")], tmp_path / "data" / "renderih")
    source = source_of("renderih-train", str(tmp_path / "data"), datasets, hands)
    assert source.real and source.name == "RenderIH" and len(source.dataset) == 4
    assert not source_of("renderih-test", str(tmp_path / "data"), datasets, hands).real


def test_manos_hands_are_for_experiments_on_real_data_alone(data_root):
    assert is_mano(hands_of(["interhand26m-test"], str(data_root)).left)
    for roles in ([], ["interhand26m-test", "renderih-test"], ["tzionas-test"]):
        assert not is_mano(hands_of(roles, str(data_root)).right)
    assert not is_mano(hands_of(["interhand26m-test"], "").right)


def test_rendered_images_have_no_mesh_for_manos_hands(data_root, datasets):
    mano = hands_of(["interhand26m-test"], str(data_root))
    assert source_of("tzionas-test", "", datasets, mano).dataset[0].vertices is None


def test_an_asset_is_looked_for_only_where_the_user_says(tmp_path, monkeypatch):
    assert asset_folder("imagenet_weights", "") is None and asset_folder(None, str(tmp_path)) is None
    monkeypatch.setenv("RENDERIH_BACKBONE", str(tmp_path))
    assert asset_folder("imagenet_weights", "") == tmp_path


def test_an_unknown_role_is_refused():
    with pytest.raises(ValueError, match="role is 'studio'; choose one of interhand26m-train"):
        role_by_name("studio")


@pytest.mark.parametrize("asset", ["h2o3d", "ego3dhands"])
def test_a_frame_in_which_no_hand_counts_is_left_out(asset, datasets, tmp_path, hands, mano_hands):
    """It would stop the training that comes to it."""
    root = tmp_path / "data" / asset
    LAYOUTS[asset].write(root, mano_hands, count=3)
    whole = [sample.sample_id for sample in LAYOUTS[asset].reader(root, hands)]
    EMPTIED[asset](root / LAYOUTS[asset].labels)
    source = source_of(f"{asset}-train", str(tmp_path / "data"), datasets, hands)
    assert source.real and [sample.sample_id for sample in source.dataset] == whole[1:]
    assert len(crops(source.dataset, 32)) == 2


@pytest.mark.parametrize("asset", ["h2o3d", "ego3dhands"])
def test_a_dataset_in_which_no_hand_counts_says_so(asset, datasets, tmp_path, hands, mano_hands):
    root = tmp_path / "data" / asset
    LAYOUTS[asset].write(root, mano_hands, count=1)
    EMPTIED[asset](root / LAYOUTS[asset].labels)
    with pytest.raises(
        ValueError, match=f"{asset}: labels: expected a hand that counts.*docs/data/{asset}.md"
    ):
        source_of(f"{asset}-train", str(tmp_path / "data"), datasets, hands)


def _without_valid_joints(meta: Path) -> None:
    content = pickle.loads(meta.read_bytes())
    content |= {"leftHandJoints3D": None, "jointValidRight": np.zeros(21)}
    meta.write_bytes(pickle.dumps(content, protocol=2))


EMPTIED = {"h2o3d": _without_valid_joints, "ego3dhands": lambda labels: np.save(labels, np.zeros((2, 22, 3)))}
