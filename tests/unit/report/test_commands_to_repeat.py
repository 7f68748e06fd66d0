"""The commands that repeat a study: what people asked for is among them, what comes by itself is not."""

from sweep.report.commands import enqueue_commands


def test_a_familys_first_trials_come_with_the_study_and_what_people_enqueued_does_not(make_study, told):
    asked, began = {"enqueued": True}, {"enqueued": True, "first_trial": "residual-wide"}
    study = make_study(
        [
            told(hits=None, config={"conv_layers": 4}, state="FAIL", attributes=asked),
            told(config={"conv_layers": 4}, attributes=asked | {"retry_of": 0}),
            told(config={"l2": 0.02}, attributes=began),
        ]
    )
    assert enqueue_commands(study) == [
        "sweep enqueue isolated family=isolated conv_layers=4 l2=off batch_norm=off dropout=off"
    ]
