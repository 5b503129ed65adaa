import pytest
import torch
import transformers

from renderih_lib.nets.backbone import Backbone, backbone_config, resnet_config
from renderih_lib.nets.transhand import TransHand

SMALL = resnet_config((8, 8, 8, 8), (1, 1, 1, 1), "basic", 8)
NARROW = {
    "convnextv2": {"hidden_sizes": [8, 12, 16, 24], "depths": [1, 1, 1, 1]},
    "swin": {"embed_dim": 8, "depths": [1, 1, 1, 1], "num_heads": [1, 1, 2, 2], "window_size": 2},
    "hgnet_v2": {},
    "pvt_v2": {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1], "num_attention_heads": [1, 1, 2, 2]},
    "textnet": {},
}


def draw(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1))


def narrow(model_type, folder):
    """A folder with the config of a narrow network of this type."""
    transformers.AutoConfig.for_model(model_type, **NARROW[model_type]).save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize("model_type", NARROW)
def test_any_backbone_gives_maps_at_the_strides_it_names(model_type, tmp_path):
    net = Backbone(backbone_config(narrow(model_type, tmp_path))).eval()
    assert net.strides == (4, 8, 16, 32)
    with torch.no_grad():
        maps = net(draw(1, 3, 96, 96))
    assert [m.shape[-1] for m in maps] == [24, 12, 6, 3]
    assert tuple(m.shape[1] for m in maps) == net.widths


@pytest.mark.parametrize("model_type", ["convnextv2", "swin"])
def test_transhand_learns_on_other_backbones_in_every_parameter(hands, tmp_path, model_type):
    net, same = (
        TransHand(hands, "tiny", backbone=narrow(model_type, tmp_path), dense=False) for _ in range(2)
    )
    same = same.state_dict()
    assert all(torch.equal(value, same[name]) for name, value in net.state_dict().items())
    out = net(draw(2, 3, 64, 64))
    (out.vertices_2d.square().mean() + out.relative.square().mean() + out.keypoints.abs().mean()).backward()
    assert not [name for name, p in net.named_parameters() if p.requires_grad and p.grad is None]


def test_a_model_type_alone_is_a_name():
    config = backbone_config("convnextv2")
    assert config.model_type == "convnextv2" and tuple(config.hidden_sizes) == (96, 192, 384, 768)


@pytest.mark.parametrize("name", ["resnet50", "bert", "timm_backbone", "microsoft/resnet-50"])
def test_a_name_that_would_need_a_download_is_refused(name):
    with pytest.raises(ValueError, match="neither a folder nor one of .*nothing is downloaded"):
        backbone_config(name)


def test_a_network_that_is_no_backbone_is_refused(tmp_path):
    transformers.BertConfig().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="holds a bert, which transformers cannot use"):
        backbone_config(str(tmp_path))


def test_a_backbone_with_one_resolution_is_refused(hands, tmp_path):
    transformers.VitDetConfig(hidden_size=24, num_hidden_layers=2, num_attention_heads=2).save_pretrained(
        tmp_path
    )
    with pytest.raises(ValueError, match=r"maps at strides \(16,\), TransHand needs 3"):
        TransHand(hands, "tiny", backbone=str(tmp_path))


def test_weights_come_from_a_local_folder(tmp_path):
    stored, net = Backbone(SMALL), Backbone(SMALL)
    stored.body.save_pretrained(tmp_path)
    image = draw(1, 3, 32, 32)
    assert not torch.equal(net.eval()(image)[0], stored.eval()(image)[0])
    net.load_folder(tmp_path)
    for ours, theirs in zip(net(image), stored(image), strict=True):
        assert torch.equal(ours, theirs)


def test_weights_of_a_classifier_are_taken_without_its_last_layer(tmp_path):
    classifier = transformers.ResNetForImageClassification(SMALL).eval()
    classifier.save_pretrained(tmp_path)
    net = Backbone(SMALL).eval()
    net.load_folder(tmp_path)
    image = draw(2, 3, 64, 64)
    theirs = classifier.resnet((image - net.mean) / net.std).last_hidden_state
    torch.testing.assert_close(net(image)[-1], theirs)


def test_a_folder_without_config_or_safetensors_is_refused(tmp_path):
    net = Backbone(SMALL)
    with pytest.raises(FileNotFoundError, match="no config.json"):
        net.load_folder(tmp_path)
    SMALL.save_pretrained(tmp_path)
    torch.save(net.body.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(FileNotFoundError, match="no model.safetensors"):
        net.load_folder(tmp_path)


def test_another_network_or_a_part_of_it_is_refused(tmp_path):
    from safetensors.torch import load_file, save_file

    net, path = Backbone(SMALL), tmp_path / "model.safetensors"
    Backbone(resnet_config((8, 8, 8, 16), (1, 1, 1, 1), "basic", 8)).body.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="of other sizes"):
        net.load_folder(tmp_path)
    net.body.save_pretrained(tmp_path)
    save_file({k: v for k, v in load_file(path).items() if "stages.3" not in k}, path, {"format": "pt"})
    with pytest.raises(ValueError, match="lacks the weights .*stages.3"):
        net.load_folder(tmp_path)
    narrow("textnet", tmp_path)
    with pytest.raises(ValueError, match="holds a textnet, this network has a resnet"):
        net.load_folder(tmp_path)
