import numpy as np
import pytest
from matplotlib.patches import FancyBboxPatch
from matplotlib.text import Text

from search_spaces import BACKBONES, find_space
from sweep.figures.architecture import architecture
from sweep.figures.curves import learning_curves
from sweep.figures.features import features
from sweep.figures.images import sample_images, worst_confusions
from sweep.figures.matrices import confusion_matrices, confusion_matrix
from sweep.figures.rendering import render

TIMES = "\N{MULTIPLICATION SIGN}"
NAN, INF = float("nan"), float("inf")
RESIDUAL = find_space("residual").parse(["stem_filters=64", "stem_kernel=5", "stages=2x32"])


def test_curves_show_training_and_validation(make_history, by_label, texts):
    history = make_history(4)
    figure = learning_curves(history, title="trial 3", best_epoch=4)
    accuracy, loss = by_label(figure, "validation")
    assert accuracy.get_ydata() == pytest.approx(100 * np.array(history["val_accuracy"]))
    assert loss.get_ydata() == pytest.approx(history["val_loss"])
    assert len(by_label(figure, "training")) == 2
    assert {"trial 3", "accuracy in %", "loss", "training", "validation", "4 epochs, 2.5 s each"} <= set(texts(figure))


def test_the_best_epoch_is_marked_in_both_panels(make_history, by_label, texts):
    figure = learning_curves(make_history(4), title="t", best_epoch=2)
    assert [marker.get_xdata()[0] for marker in by_label(figure, "best")] == [2, 2]
    assert [marker.get_ydata()[0] for marker in by_label(figure, "best")] == pytest.approx([70, 1.05])
    assert texts(figure).count("best epoch: 2 (70.0 %)") == 1


def test_where_a_trial_resumed_and_was_pruned_can_be_seen(make_history, by_label, texts):
    figure = learning_curves(make_history(7), title="t", best_epoch=7, resumed_after=3, pruned_at=7)
    assert {"resumed after epoch 3", "pruned at epoch 7"} <= set(texts(figure))
    assert by_label(figure, "resumed")[0].get_xdata()[0] == 3.5
    assert by_label(figure, "pruned")[0].get_xdata()[0] == 7


def test_a_retry_that_began_again_did_not_resume(make_history, by_label):
    assert not by_label(learning_curves(make_history(2), title="t", best_epoch=1, resumed_after=0), "resumed")


def test_one_epoch_is_a_point(make_history, by_label):
    figure = learning_curves(make_history(1), title="t", best_epoch=1)
    for line in (*by_label(figure, "validation"), *by_label(figure, "training")):
        assert line.get_marker() in ("o", "s")
        assert line.get_markevery() == [0]


def test_an_epoch_between_two_gaps_is_a_point_in_a_long_curve_too(make_history, by_label):
    history = make_history(50)
    history["val_loss"][9] = history["val_loss"][11] = NAN
    _, loss = by_label(learning_curves(history, title="t", best_epoch=1), "validation")
    assert loss.get_markevery() == [10]


@pytest.mark.parametrize("value", [NAN, INF, -INF, 1e300, None])
def test_what_cannot_be_drawn_is_marked(make_history, by_label, texts, value):
    history = make_history(5)
    history["loss"][2] = history["val_loss"][4] = value
    figure = learning_curves(history, title="t", best_epoch=1)
    (crosses,) = by_label(figure, "not finite")
    assert crosses.get_xdata().tolist() == [3, 5]
    assert "not finite" in texts(figure)
    assert render(figure)


def test_a_trial_that_was_nan_from_the_start_is_drawn(texts):
    history = {"epoch": [1], "loss": [NAN], "accuracy": [0.1], "val_loss": [NAN], "val_accuracy": [NAN]}
    figure = learning_curves(history, title="t", best_epoch=1)
    assert render(figure)
    assert "best epoch: 1" in texts(figure)


def test_a_loss_that_fell_far_gets_a_logarithmic_axis(make_history, texts):
    history = make_history(5)
    assert "loss" in texts(learning_curves(history, title="t", best_epoch=1))
    history["loss"][0] = 3e5
    figure = learning_curves(history, title="t", best_epoch=1)
    assert "loss (logarithmic)" in texts(figure)
    assert [axes.get_yscale() for axes in figure.axes] == ["linear", "log"]


@pytest.mark.parametrize("history", [{}, {"epoch": [], "loss": []}])
def test_no_epoch_is_said(history, texts):
    assert "No epoch was finished." in texts(learning_curves(history, title="t", best_epoch=None))


def test_a_matrix_shows_counts_and_shares_of_the_true_class(texts):
    found = texts(confusion_matrix([[1500, 500], [1, 999]], ["cat", "dog"], title="t"))
    assert {"1,500", "500", "1", "999", "75 %", "25 %", "<1 %", ">99 %"} <= set(found)
    assert "83.30 % of 3,000 images are classified correctly" in found
    assert found.count("cat") == found.count("dog") == 2


@pytest.mark.parametrize(("share", "text"), [(5, "1 %"), (4, "<1 %"), (25, "3 %"), (995, ">99 %"), (994, "99 %")])
def test_shares_are_rounded_half_up(texts, share, text):
    found = texts(confusion_matrix([[share, 1000 - share], [0, 1]], ["a", "b"], title="t"))
    assert text in found


def test_a_class_without_images_has_zeros(texts):
    found = texts(confusion_matrix([[0, 0], [0, 0]], ["a", "b"], title="t"))
    assert found.count("0") == 4
    assert "no images" in found


@pytest.mark.parametrize(("classes", "cells"), [(2, 8), (10, 200), (14, 392), (15, 225), (26, 676), (27, 0), (40, 0)])
def test_cells_hold_what_there_is_room_for(texts, classes, cells):
    names = [f"name-{index}" for index in range(classes)]
    figure = confusion_matrix(np.full((classes, classes), 7), names, title="t")
    # Both axes' names, both axes' captions, title, subtitle; beyond 26 classes five numbers beside a colour bar.
    assert len(texts(figure)) == cells + 2 * classes + 4 + (5 if classes > 26 else 0)


def test_ten_classes_are_900_pixels_wide(labels):
    with_names = confusion_matrix(np.eye(10, dtype=int), labels, title="t")
    assert 850 < with_names.get_figwidth() * 150 < 1000


def test_matrices_stand_side_by_side(labels, texts):
    figure = confusion_matrices(
        [("reported", np.eye(10, dtype=int)), ("best, trial 7", 2 * np.eye(10, dtype=int))], labels, title="t"
    )
    left, right = figure.axes
    assert left.get_position().x1 < right.get_position().x0
    assert left.get_position().y0 == right.get_position().y0
    assert {"reported", "best, trial 7", "100.00 % of 20 images are classified correctly"} <= set(texts(figure))
    assert texts(figure).count("Trouser") == 3  # the rows' names stand once


@pytest.mark.parametrize(("matrix", "names"), [([[1, 2]], ["a", "b"]), ([[1]], ["a", "b"]), ([], [])])
def test_a_matrix_that_does_not_fit_its_labels_is_refused(matrix, names):
    with pytest.raises(ValueError, match="a row and a column for each class"):
        confusion_matrix(matrix, names, title="t")


def test_no_matrix_is_refused(labels):
    with pytest.raises(ValueError, match="at least one confusion matrix"):
        confusion_matrices([], labels, title="t")


@pytest.mark.parametrize("channels", [1, 3])
def test_confusions_say_what_was_taken_for_what(random, labels, texts, channels):
    images = random.integers(0, 256, (2, 28, 28, channels), dtype=np.uint8)
    figure = worst_confusions(images, [6, 0], [4, 6], [0.984, NAN], labels, title="t")
    assert {"Shirt", "→ Coat  98 %", "T-shirt/top", "→ Shirt"} <= set(texts(figure))
    drawn = [image.get_array() for image in figure.axes[0].images]
    assert len(drawn) == 2
    assert (drawn[0][..., :channels] == images[0]).all()


def test_sixteen_confusions_are_shown(random, labels):
    images = random.integers(0, 256, (20, 8, 4, 1), dtype=np.uint8)
    figure = worst_confusions(images, [0] * 20, [1] * 20, [0.9] * 20, labels, title="t")
    assert len(figure.axes[0].images) == 16
    left, right, bottom, top = figure.axes[0].images[0].get_extent()
    assert top - bottom == pytest.approx(2 * (right - left))  # in its own proportions


@pytest.mark.parametrize("shape", [(0,), (0, 28, 28, 1)])
def test_no_confusion_is_said(labels, texts, shape):
    figure = worst_confusions(np.empty(shape, dtype=np.uint8), [], [], [], labels, title="t")
    assert "There are none: every image is classified correctly." in texts(figure)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((1, 8, 8), np.uint8), r"uint8 of shape \(1, 8, 8\)"),
        (np.zeros((1, 8, 8, 2), np.uint8), "channels 1 or 3"),
        (np.zeros((1, 8, 8, 1)), "Received: float64"),
        (np.zeros((2, 8, 8, 1), np.uint8), "Received: 2 images, 1, 1 and 1"),
    ],
)
def test_images_that_do_not_fit_are_refused(labels, images, message):
    with pytest.raises(ValueError, match=message):
        worst_confusions(images, [0], [1], [0.5], labels, title="t")


def test_each_class_has_a_row_of_samples(random, labels, texts):
    groups = [random.integers(0, 256, (size, 28, 28, 1), dtype=np.uint8) for size in (12, 1, 0)]
    figure = sample_images(groups, labels[:3], title="t")
    assert len(figure.axes[0].images) == 10 + 1
    assert {"T-shirt/top", "Trouser", "Pullover", "no image"} <= set(texts(figure))


def test_samples_without_their_labels_are_refused(labels):
    with pytest.raises(ValueError, match="Received: 0 for 10"):
        sample_images([], labels, title="t")


def test_each_class_has_its_points_a_legend_entry_and_a_name_at_its_median(labels, texts, by_label):
    points = np.array([[0, 0], [1, 1], [2, 2], [100, 100]])
    figure = features(points, [1, 1, 1, 4], labels, title="t", method="PCA")
    (trousers,) = by_label(figure, "class-1")
    assert trousers.get_xydata().tolist() == [[0, 0], [1, 1], [2, 2]]
    assert texts(figure).count("Trouser") == texts(figure).count("Coat") == 2
    assert "Dress" not in texts(figure)  # no image of it
    assert [tuple(text.xy) for text in figure.axes[0].texts] == [(1, 1), (100, 100)]
    assert "PCA of 4 images" in texts(figure)


def test_what_is_classified_wrongly_gets_a_ring(labels, texts, by_label):
    points = np.array([[0, 0], [1, 1], [2, 2]])
    figure = features(points, [0, 1, 2], labels, title="t", method="PCA", predicted=[0, 1, 1])
    (rings,) = by_label(figure, "wrong")
    assert rings.get_xydata().tolist() == [[2, 2]]
    assert {"classified wrongly", "PCA of 3 images, 1 classified wrongly"} <= set(texts(figure))


def test_names_of_classes_do_not_stand_upon_each_other(random):
    names = [f"class {index}" for index in range(40)]
    figure = features(random.normal(size=(800, 2)), np.arange(800) % 40, names, title="t", method="t-SNE")
    render(figure)
    boxes = [Text.get_window_extent(text) for text in figure.axes[0].texts]
    assert len(boxes) == 40
    assert not any(a.overlaps(b) for index, a in enumerate(boxes) for b in boxes[:index])


def test_points_that_are_not_finite_are_left_out(labels, by_label, texts):
    points = np.array([[0, 0], [NAN, 1], [INF, 2]])
    assert len(by_label(features(points, [0, 0, 0], labels, title="t", method="PCA"), "class-0")[0].get_xydata()) == 1
    assert "There are no images." in texts(features(points[1:], [0, 0], labels, title="t", method="PCA"))


@pytest.mark.parametrize(
    ("shape", "true", "predicted"),
    [((2, 3), [0, 0], None), ((2, 2), [0], None), ((2, 2), [0, 0], [0]), ((4,), [0], None)],
)
def test_features_that_do_not_fit_are_refused(labels, shape, true, predicted):
    with pytest.raises(ValueError, match="two coordinates"):
        features(np.zeros(shape), true, labels, title="t", method="PCA", predicted=predicted)


def test_every_layer_says_what_comes_out_and_what_it_costs(make_plan, texts):
    plan = make_plan("isolated", conv_layers=3, l2=0.01, batch_norm=True, dropout=0.25)
    found = texts(architecture(plan, title="isolated-3"))
    assert found.count(f"max pooling 2{TIMES}2") == 3
    assert found.count("batch normalisation") == found.count("dropout 0.25") == 5
    assert {f"convolution 3{TIMES}3, 512 filters", f"7 {TIMES} 7 {TIMES} 512", "1,180,160", "57.8"} <= set(found)
    assert {"flatten", "4,608", "dense, 384 units, L2 0.01", "dense, 10 classes, softmax"} <= set(found)
    total = f"{plan.parameters:,} parameters ({plan.trainable_parameters:,} trained), 118.6 MMACs for one image"
    assert f"{len(plan.layers)} layers, {total}" in found


def test_the_layers_together_cost_what_the_plan_costs(make_plan, texts):
    plan = make_plan("grouped", batch_norm=True)
    figure = architecture(plan, title="t")
    (axes,) = figure.axes
    columns = {text.get_text(): text.get_position()[0] for text in axes.texts}
    numbers = [
        text.get_text().replace(",", "") for text in axes.texts if text.get_position()[0] == columns["parameters"]
    ]
    assert sum(int(number) for number in numbers if number != "parameters") == plan.parameters


def test_a_backbone_is_one_layer(make_plan, texts):
    found = texts(architecture(make_plan("pretrained", backbone="vgg16"), title="t"))
    assert {
        f"VGG16 at 32{TIMES}32, frozen",
        f"1 {TIMES} 1 {TIMES} 512",
        f"{BACKBONES['vgg16'].parameters:,}",
        "313.2",
    } <= set(found)
    assert "global average pooling" in found


def test_a_residual_block_is_drawn_as_one_and_counted_apart(texts):
    plan = RESIDUAL.plan((28, 28, 1), 10)
    figure = architecture(plan, title="t")
    found = texts(figure)
    assert f"convolution 5{TIMES}5, 64 filters, normed" in found
    assert found.count(f"residual 3{TIMES}3, 128 filters") == found.count(f"residual 3{TIMES}3, 128 filters, stride 2")
    assert found.count(f"4 {TIMES} 4 {TIMES} 128") == 2
    assert any(text.startswith("3 layers and 6 residual blocks, ") for text in found)
    groups = [patch for patch in figure.axes[0].patches if isinstance(patch, FancyBboxPatch)]
    assert len(groups) == 5  # the stem, three stages, the mean with the softmax


@pytest.mark.parametrize("family", ["isolated", "grouped", "pretrained", "residual"])
def test_no_words_of_an_architecture_overlap(make_plan, family):
    if family == "residual":
        plan = RESIDUAL.plan((28, 28, 1), 10)
    else:
        more = {"isolated": {"conv_layers": 4}, "grouped": {}, "pretrained": {"backbone": "inception_v3"}}[family]
        plan = make_plan(family, l2=0.00012345, batch_norm=True, dropout=0.1234, **more)
    figure = architecture(plan, title="t")
    render(figure)
    boxes = [Text.get_window_extent(text) for text in figure.axes[0].texts]
    assert not any(a.overlaps(b) for index, a in enumerate(boxes) for b in boxes[:index])
    assert all(box.x0 >= 0 and box.x1 <= 150 * figure.get_figwidth() for box in boxes)
