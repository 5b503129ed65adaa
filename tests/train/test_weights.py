import pytest
import torch

from renderih_lib.nets.transhand import TransHand
from renderih_lib.train.weights import FILE, load_model, load_weights, save_weights


@pytest.fixture
def kept(hands, tmp_path):
    """A network with norms that have seen images, and the folder where it is kept."""
    model = TransHand(hands, "tiny", seed=3, lateral=False)
    model.train()(torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    save_weights(model, tmp_path / FILE, hands, preset="tiny", changes={"lateral": False})
    return model, tmp_path


def test_a_kept_network_comes_back_within_half_precision(kept, hands):
    model, folder = kept
    again = load_model(folder, hands)
    assert not again.training and again.sizes == model.sizes
    for name, value in model.state_dict().items():
        stored = again.state_dict()[name]
        torch.testing.assert_close(stored, value, rtol=1e-3, atol=1e-6)
        assert stored.dtype == value.dtype
    assert torch.equal(again.keypoint_map, model.keypoint_map)


def test_keeping_again_changes_nothing(kept, hands, tmp_path):
    _, folder = kept
    before = (folder / FILE).read_bytes()
    save_weights(load_model(folder, hands), folder / FILE, hands, preset="tiny", changes={"lateral": False})
    assert (folder / FILE).read_bytes() == before


def test_another_network_is_refused(kept, hands):
    with pytest.raises(ValueError, match="another network"):
        load_weights(TransHand(hands, "tiny"), kept[1] / FILE)


@pytest.mark.parametrize("content", [None, b"", b"no weights at all"])
def test_a_missing_or_damaged_file_says_what_to_do(hands, tmp_path, content):
    if content is not None:
        (tmp_path / FILE).write_bytes(content)
    with pytest.raises(ValueError, match="cannot be read.*run its experiment"):
        load_model(tmp_path, hands)
