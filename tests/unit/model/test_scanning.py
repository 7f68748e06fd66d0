import pytest
import tensorflow as tf

from sweep.model.scanning import scan_saved_model


@pytest.fixture
def hostile(tmp_path, evidence):
    """Write a SavedModel whose signature does more than computing."""

    def write(action, path=tmp_path / "hostile"):
        module = tf.Module()
        module.variable = tf.Variable(1.0)

        @tf.function(input_signature=[tf.TensorSpec((None, 28, 28, 1), tf.uint8, name="images")])
        def serve(images):
            action(str(evidence))
            return {"probabilities": tf.zeros((tf.shape(images)[0], 10)) * module.variable}

        tf.saved_model.save(module, str(path), signatures={"serving_default": serve})
        return path

    return write


def test_an_exported_saved_model_holds_nothing_suspect(exported):
    assert scan_saved_model(exported / "saved_model") == []


def python(path):
    tf.py_function(lambda: len(path), [], tf.int32)


def save(path):
    tf.raw_ops.SaveV2(prefix=path, tensor_names=["a"], shape_and_slices=[""], tensors=[tf.constant(1)])


def in_a_branch(path):
    tf.cond(tf.random.uniform(()) < 2, lambda: tf.io.write_file(path, "text"), tf.no_op)


@pytest.mark.parametrize(
    ("action", "operation"),
    [
        (lambda path: tf.io.write_file(path, "text"), "WriteFile"),
        (lambda path: tf.io.read_file(path), "ReadFile"),
        (lambda path: tf.io.matching_files(path), "MatchingFiles"),
        (lambda path: tf.print("text", output_stream=f"file://{path}"), "PrintV2"),
        (lambda path: tf.raw_ops.RestoreV2(prefix=path, tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.int32]),
         "RestoreV2"),
        (python, "EagerPyFunc"),
        (save, "SaveV2"),
        (in_a_branch, "WriteFile"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_an_operation_that_touches_more_than_numbers_is_named(hostile, action, operation):
    assert f"the operation {operation}" in scan_saved_model(hostile(action))


def test_a_table_read_from_a_file_is_named(tmp_path):
    (tmp_path / "words.txt").write_text("a\nb\n")
    module = tf.Module()
    initializer = tf.lookup.TextFileInitializer(
        str(tmp_path / "words.txt"), tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER, tf.string,
        tf.lookup.TextFileIndex.WHOLE_LINE,
    )  # fmt: skip
    module.table = tf.lookup.StaticHashTable(initializer, "")
    module.look_up = tf.function(
        lambda index: module.table.lookup(index), input_signature=[tf.TensorSpec((), tf.int64)]
    )
    tf.saved_model.save(module, str(tmp_path / "model"), signatures={"serving_default": module.look_up})
    complaints = " ".join(scan_saved_model(tmp_path / "model"))
    assert "assets" in complaints
    assert "InitializeTableFromTextFileV2" in complaints


@pytest.mark.parametrize("content", [b"text", b"\xff" * 100])
def test_a_damaged_file_is_said(tmp_path, content):
    (tmp_path / "saved_model.pb").write_bytes(content)
    with pytest.raises(ValueError, match=r"saved_model\.pb is damaged"):
        scan_saved_model(tmp_path)


def test_scanning_runs_nothing(hostile, evidence):
    path = hostile(lambda path: tf.io.write_file(path, "text"))
    scan_saved_model(path)
    assert not evidence.exists()
    tf.saved_model.load(str(path)).signatures["serving_default"](images=tf.zeros((1, 28, 28, 1), tf.uint8))
    assert evidence.exists()
