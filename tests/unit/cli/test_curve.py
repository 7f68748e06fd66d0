import math

from sweep.cli.curve import HEIGHT, WIDTH, curve_lines


def history(*values, accuracy=None):
    return {
        "epoch": list(range(1, len(values) + 1)),
        "accuracy": list(accuracy or values),
        "val_accuracy": list(values),
    }


def test_the_best_epoch_is_on_the_first_line_and_the_worst_on_the_last():
    lines = curve_lines(history(0.25, 0.75, 0.5))
    assert len(lines) == HEIGHT + 2
    assert lines[0] == " 75.0 % │    ●"
    assert lines[HEIGHT - 1] == " 25.0 % │●"


def test_training_is_drawn_too_and_validation_lies_on_top():
    text = "\n".join(curve_lines(history(0.1, 0.2, accuracy=[0.1, 0.9]))[:HEIGHT])
    assert text.count("●") == 2
    assert text.count("·") == 1


def test_one_epoch_is_one_point():
    assert sum("●" in line for line in curve_lines(history(0.5))[:HEIGHT]) == 1


def test_many_epochs_stay_within_the_terminal():
    values = [abs(math.sin(epoch)) for epoch in range(200)]
    assert max(map(len, curve_lines(history(*values))[:HEIGHT])) <= WIDTH + 9


def test_values_that_are_no_numbers_are_left_out():
    assert curve_lines(history(math.nan, math.inf)) == []
    assert any("●" in line for line in curve_lines(history(math.nan, 0.5)))


def test_a_history_without_accuracies_is_not_drawn():
    assert curve_lines({"epoch": [1, 2], "loss": [2.0, 1.0]}) == []
