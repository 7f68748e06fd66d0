import hashlib
from dataclasses import replace

import pytest

from search_spaces.backbones import BACKBONES
from sweep import backbone_weights
from sweep.backbone_weights import BackboneWeights, WeightsError, find_weights

CONTENT = {"vgg16": b"weights of vgg16", "vgg19": b"weights of vgg19"}


@pytest.fixture
def backbones(monkeypatch, host):
    """Two backbones whose published files are small and stand on the test's own host."""
    small = {
        name: replace(
            BACKBONES[name],
            weights_url=f"{host.url}{BACKBONES[name].weights_file}",
            weights_md5=hashlib.md5(content, usedforsecurity=False).hexdigest(),
        )
        for name, content in CONTENT.items()
    }
    monkeypatch.setattr(backbone_weights, "BACKBONES", small)
    return small


def write(folder, backbones, **contents):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / backbones[name].weights_file).write_bytes(content)


def test_random_weights_need_no_file():
    assert find_weights("none", ["vgg16"]) == {}


def test_kerass_cache_is_used_without_the_network(tmp_path, backbones, host):
    write(tmp_path / "models", backbones, **CONTENT)
    found = find_weights("imagenet", ["vgg19", "vgg16"], keras_dir=tmp_path)
    assert list(found) == ["vgg19", "vgg16"]
    assert found["vgg16"] == BackboneWeights(
        path=tmp_path / "models" / backbones["vgg16"].weights_file,
        md5=backbones["vgg16"].weights_md5,
        is_imagenet=True,
    )
    assert host.requests == []


def test_kerass_home_is_the_default(tmp_path, backbones, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    write(tmp_path / "models", backbones, **CONTENT)
    assert find_weights("imagenet", ["vgg16"])["vgg16"].path.parent == tmp_path / "models"


def test_what_the_cache_lacks_is_downloaded_into_it(tmp_path, backbones, host):
    host.files = {backbones[name].weights_file: content for name, content in CONTENT.items()}
    write(tmp_path / "models", backbones, vgg16=CONTENT["vgg16"])
    find_weights("imagenet", ["vgg16", "vgg19"], keras_dir=tmp_path)
    assert host.requests == [backbones["vgg19"].weights_file]
    assert (tmp_path / "models" / backbones["vgg19"].weights_file).read_bytes() == CONTENT["vgg19"]


def test_one_error_names_every_missing_file_after_one_refused_download(tmp_path, backbones, host):
    with pytest.raises(WeightsError) as caught:
        find_weights("imagenet", ["vgg16", "vgg19"], keras_dir=tmp_path)
    for backbone in backbones.values():
        assert f"{tmp_path / 'models' / backbone.weights_file} is missing: MD5 {backbone.weights_md5}" in str(
            caught.value
        )
    assert "HTTP 404" in str(caught.value)
    assert "--weights none" in str(caught.value)
    assert len(host.requests) == 1


def test_an_altered_file_in_kerass_cache_is_an_error_and_is_kept(tmp_path, backbones, host):
    write(tmp_path / "models", backbones, vgg16=b"fine-tuned")
    with pytest.raises(WeightsError, match=rf"altered: Expected MD5 {backbones['vgg16'].weights_md5}"):
        find_weights("imagenet", ["vgg16"], keras_dir=tmp_path)
    assert (tmp_path / "models" / backbones["vgg16"].weights_file).read_bytes() == b"fine-tuned"
    assert host.requests == []


def test_an_altered_download_is_not_kept(tmp_path, backbones, host):
    host.files[backbones["vgg16"].weights_file] = b"something else"
    with pytest.raises(WeightsError, match=r"is missing.*\n.*is not the file expected"):
        find_weights("imagenet", ["vgg16"], keras_dir=tmp_path)
    assert not (tmp_path / "models" / backbones["vgg16"].weights_file).exists()


def test_without_fetching_a_missing_file_is_an_error_at_once(tmp_path, backbones, host):
    with pytest.raises(WeightsError, match="downloads are off"):
        find_weights("imagenet", ["vgg16"], keras_dir=tmp_path, fetch=False)
    assert host.requests == []


def test_in_a_users_folder_any_md5_is_taken_and_told(tmp_path, backbones):
    write(tmp_path, backbones, vgg16=b"fine-tuned", vgg19=CONTENT["vgg19"])
    found = find_weights(str(tmp_path), ["vgg16", "vgg19"])
    assert not found["vgg16"].is_imagenet
    assert found["vgg16"].md5 == hashlib.md5(b"fine-tuned", usedforsecurity=False).hexdigest()
    assert found["vgg19"].is_imagenet


def test_a_users_folder_without_a_file_is_one_error(tmp_path, backbones):
    with pytest.raises(WeightsError) as caught:
        find_weights(str(tmp_path), ["vgg16", "vgg19"])
    assert str(tmp_path / backbones["vgg16"].weights_file) in str(caught.value)
    assert str(tmp_path / backbones["vgg19"].weights_file) in str(caught.value)


def test_a_folder_that_is_not_there_is_told_with_the_other_choices(tmp_path, backbones):
    with pytest.raises(WeightsError, match=r"nowhere is no folder\. Expected 'imagenet', 'none', or a folder"):
        find_weights(str(tmp_path / "nowhere"), ["vgg16"])
