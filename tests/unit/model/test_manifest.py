import hashlib
import json
import os

import pytest

from sweep.model.manifest import ManifestError, check_manifest, listed_files, require_unchanged, write_manifest

FILES = (
    "MODEL_CARD.md",
    "config.json",
    "confusion_matrix.csv",
    "confusion_matrix.png",
    "labels.json",
    "metrics.json",
    "model.keras",
    "model.onnx",
    "model.tflite",
    "predict.py",
    "proof.npz",
    "requirements.txt",
    "saved_model/fingerprint.pb",
    "saved_model/saved_model.pb",
    "saved_model/variables/variables.data-00000-of-00001",
    "saved_model/variables/variables.index",
)


def found(folder):
    return [(problem.file, problem.kind.value) for problem in check_manifest(folder)]


def change_byte(path, position):
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def rewrite_manifest(folder, edit):
    """Write a manifest that fits its own hash, as whoever made the folder up would."""
    path = folder / "MANIFEST.json"
    document = json.loads(path.read_text())
    del document["sha256"]
    edit(document)
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    document["sha256"] = hashlib.sha256(canonical).hexdigest()
    path.write_text(json.dumps(document, sort_keys=True, indent=2) + "\n")


def test_an_exported_folder_is_as_its_manifest_says(exported):
    assert found(exported) == []
    assert listed_files(exported) == sorted(FILES)


@pytest.mark.parametrize("where", [0, -1], ids=["first", "last"])
@pytest.mark.parametrize("name", FILES)
def test_one_changed_byte_of_any_file_is_named(folder, name, where):
    change_byte(folder / name, where)
    assert found(folder) == [(name, "changed")]


def test_any_changed_byte_of_the_manifest_is_noticed(folder):
    path = folder / "MANIFEST.json"
    original = path.read_bytes()
    unnoticed = []
    for position in range(len(original)):
        change_byte(path, position)
        if found(folder) not in ([("MANIFEST.json", "changed")], [("MANIFEST.json", "refused")]):
            unnoticed.append(position)
        path.write_bytes(original)
    assert unnoticed == []


@pytest.mark.parametrize("end", [b"", b"\n", b" ", b"\0"], ids=repr)
def test_a_shorter_or_longer_manifest_is_noticed(folder, end):
    path = folder / "MANIFEST.json"
    path.write_bytes(path.read_bytes()[:-1] + 2 * end)
    assert found(folder) == [("MANIFEST.json", "changed")]


def test_missing_and_additional_files_are_named_together(folder):
    (folder / "proof.npz").unlink()
    (folder / "saved_model" / "assets").mkdir(exist_ok=True)
    (folder / "saved_model" / "assets" / "words.txt").write_text("one")
    assert found(folder) == [("proof.npz", "missing"), ("saved_model/assets/words.txt", "additional")]


def test_a_cut_file_is_told_with_both_sizes(folder):
    (folder / "labels.json").write_text("[]")
    size = json.loads((folder / "MANIFEST.json").read_text())["files"]["labels.json"]["bytes"]
    (problem,) = check_manifest(folder)
    assert str(problem) == f"labels.json: changed, expected {size} bytes, found 2"


def test_a_link_is_refused_even_to_the_same_content(folder, exported):
    (folder / "labels.json").unlink()
    (folder / "labels.json").symlink_to(exported / "labels.json")
    assert found(folder) == [("labels.json", "refused")]


def test_a_linked_folder_is_refused(folder, exported):
    (folder / "more").symlink_to(exported)
    assert found(folder) == [("more", "refused")]


def test_a_linked_manifest_is_refused(folder, exported):
    (folder / "MANIFEST.json").unlink()
    (folder / "MANIFEST.json").symlink_to(exported / "MANIFEST.json")
    assert found(folder) == [("MANIFEST.json", "refused")]


def test_what_is_no_file_is_refused(folder):
    os.mkfifo(folder / "pipe")
    assert found(folder) == [("pipe", "refused")]


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../labels.json", "a/../../b", "./labels.json", "a\\..\\b", "a//b", ""]
)
def test_a_name_outside_of_the_folder_is_refused(folder, name):
    rewrite_manifest(folder, lambda document: document["files"].update({name: {"sha256": "0", "bytes": 1}}))
    assert found(folder) == [(name, "refused")]


def test_a_manifest_of_a_newer_version_names_the_way_out(folder):
    rewrite_manifest(folder, lambda document: document.update(schema_version=2))
    with pytest.raises(ManifestError, match="schema version 2; this version of sweep reads 1"):
        check_manifest(folder)


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", "null", "[" * 5000, '{"schema_version": 1, "sha256": "0"}'], ids=len
)
def test_a_manifest_that_is_none_is_noticed(folder, content):
    (folder / "MANIFEST.json").write_text(content)
    assert found(folder) == [("MANIFEST.json", "changed")]


def test_what_is_no_exported_folder_is_said_with_the_way_out(tmp_path):
    for path, message in (
        (tmp_path, "no exported model"),
        (tmp_path / "none", "does not exist"),
        (tmp_path / "file", "is a file"),
    ):
        (tmp_path / "file").write_text("text")
        with pytest.raises(ManifestError, match=rf"{message}.*sweep export STUDY --out DIR"):
            check_manifest(path)


def test_only_the_files_asked_for_are_hashed(folder):
    change_byte(folder / "model.onnx", 0)
    (folder / "more.txt").write_text("more")
    require_unchanged(folder, only=("labels.json", "model.keras"))
    change_byte(folder / "labels.json", 0)
    with pytest.raises(ManifestError, match=r"labels\.json: changed"):
        require_unchanged(folder, only=("labels.json", "model.keras"))


def test_a_file_asked_for_that_the_manifest_does_not_have_is_missing(folder):
    rewrite_manifest(folder, lambda document: document["files"].pop("labels.json"))
    with pytest.raises(ManifestError, match=r"labels\.json: missing"):
        require_unchanged(folder, only=("labels.json",))


def test_a_folder_with_a_link_gets_no_manifest(tmp_path):
    (tmp_path / "link").symlink_to("/etc/passwd")
    with pytest.raises(ManifestError, match="link: refused"):
        write_manifest(tmp_path)


def test_names_in_any_script_are_kept(tmp_path):
    (tmp_path / "größe-数.txt").write_text("text")
    write_manifest(tmp_path)
    assert found(tmp_path) == []
    assert listed_files(tmp_path) == ["größe-数.txt"]
