"""The commands that repeat a study: what people asked for is among them, what comes by itself is not."""

from search_spaces import find_space
from sweep.affordable import within_limits
from sweep.report.commands import enqueue_commands, start_command


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


def test_a_study_of_some_reported_experiments_is_repeated_with_these_alone(make_study, told):
    chosen = [
        told(hits=None, config={}, state="FAIL", attributes={"baseline": "isolated-6"}),
        told(config={}, attributes={"baseline": "isolated-6", "retry_of": 0}),
        told(config={}, attributes={"baseline": "isolated-3"}),
        told(config={"l2": 0.02}),
    ]
    assert "--experiment isolated-3 --experiment isolated-6" in start_command(make_study(chosen))


def test_a_study_of_all_experiments_that_its_limits_let_in_is_repeated_without_naming_them(make_study, told):
    experiments = find_space("isolated").experiments
    all_of_them = [told(config=dict(each.configuration), attributes={"baseline": each.id}) for each in experiments]
    assert "--experiment" not in start_command(make_study(all_of_them))
    limits = {"max_parameters": 4_000_000}
    within = within_limits(experiments, find_space("isolated"), make_study([], **limits).identity)
    assert 0 < len(within) < len(experiments)
    of_within = [told(config=dict(each.configuration), attributes={"baseline": each.id}) for each in within]
    assert "--experiment" not in start_command(make_study(of_within, **limits))


def test_a_chosen_first_trial_is_named_too(make_study, told):
    wide = {"family": "residual", "stem_filters": 16, "stem_kernel": 3, "stages": "3x16"}
    began = told(config=wide, attributes={"enqueued": True, "first_trial": "residual-wide"})
    assert "--experiment residual-wide" in start_command(make_study([began], family="residual"))
