"""How trials are claimed, repeated and given back, by one process and by many."""

import multiprocessing
import os
import signal
from collections import Counter
from pathlib import Path

import optuna
import pytest
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState
from sqlalchemy.exc import OperationalError

from search_spaces import find_space
from storage import open_store
from storage.engines import GRACE_SECONDS, without_optuna_warnings
from sweep.budget import BudgetChange, change_budget
from sweep.creation import create_or_resume
from sweep.data.dataset import DataReference
from sweep.failures import FailureKind
from sweep.messages import Evaluation, Result
from sweep.preparation import Prepared
from sweep.queueing import enqueue_configuration
from sweep.samplers import make_sampler
from sweep.standing import CONFIRMS, End
from sweep.worker import bookkeeper, claiming, ledger
from sweep.worker.bookkeeper import Bookkeeper
from sweep.worker.claiming import Claim, Ended, Wait, claim
from sweep.worker.liveness import WorkerMark
from tests.identities import make_identity

SPACE = find_space("isolated")
REPORTED = [SPACE.from_dict(experiment.configuration) for experiment in SPACE.reported]
IDENTITY = make_identity(dataset="digits", sampler="random", sampler_settings={})
PREPARED = Prepared(
    name="isolated",
    space=SPACE,
    identity=IDENTITY,
    data=DataReference(name="digits", cache_dir=Path("unused")),
    found_data="nowhere",
    images=(90, 10, 10),
    backbone_weights={},
)
TRIALS = len(REPORTED) + 16


def history_of(claimed):
    """What a trial brought along, without the mark of the worker that claimed it."""
    return {name: value for name, value in claimed.attributes.items() if name != "worker"}


@pytest.fixture
def mark(tmp_path):
    """The mark of a worker of this host."""
    with WorkerMark(tmp_path / "workers") as made:
        yield made


@pytest.fixture
def claim_next(store, study, mark):
    """Claim as a worker does."""
    return lambda **options: claim(store, study, SPACE, IDENTITY, mark, **options)


@pytest.fixture
def give_back(study):
    def end(claimed, kind=FailureKind.INTERRUPTED, max_retries=2):
        return ledger.give_back(study, claimed.trial, kind, "a test", max_retries=max_retries)

    return end


@pytest.fixture
def result():
    evaluation = Evaluation(confusion_matrix=((9, 1), (0, 10)), cross_entropy=0.2, loss=0.3)
    return Result(
        trial=0,
        best_epoch=1,
        validation=evaluation,
        test=None,
        train_seconds=1.0,
        images_per_second=100.0,
        dtype_policy="float32",
        history=(),
    )


@pytest.fixture
def books(monkeypatch):
    monkeypatch.setattr(bookkeeper, "RETRY_SECONDS", (0,))
    books = Bookkeeper(lambda: None)
    yield books
    books.close(10)


def params_of_draw(draw):
    """What one process alone would draw."""
    study = optuna.create_study(sampler=make_sampler("random", {}, seed=IDENTITY.seed, draw=draw))
    trial = study.ask()
    SPACE.suggest(trial)
    return trial.params


def waiting(study):
    return study.get_trials(states=(TrialState.WAITING,))


# The queue


def _create(start, location):
    with open_store(location, write=True) as store:
        start.wait()
        create_or_resume(PREPARED, store, BudgetChange(trials=TRIALS))


def test_four_processes_create_a_study_with_each_baseline_once(at_once, location):
    at_once(4, _create, location)
    with open_store(location) as reader:
        trials = reader.load("isolated").trials
    assert [trial.user_attrs["baseline"] for trial in trials] == [experiment.id for experiment in SPACE.reported]


def test_a_study_taken_up_again_gets_no_baseline_twice(store):
    for trials in (5, 6, 7):
        study, changes = create_or_resume(PREPARED, store, BudgetChange(trials=trials))
    assert changes == ["trials: 6 -> 7"]
    assert len(waiting(study)) == len(REPORTED)


def test_a_creation_that_was_cut_short_is_completed(store):
    study = store.create("isolated", metric="validation accuracy")
    study.enqueue_trial({}, user_attrs={"baseline": SPACE.reported[0].id})
    create_or_resume(PREPARED, store, BudgetChange())
    assert len(waiting(study)) == len(REPORTED)


def test_baselines_come_first_as_reported_then_draws_by_number(store, mark):
    study, _ = create_or_resume(PREPARED, store, BudgetChange(trials=100))
    claims = []
    for _ in range(len(REPORTED) + 3):
        claims.append(claim(store, study, SPACE, IDENTITY, mark))
        study.tell(claims[-1].trial, 0.5)
    baselines, drawn = claims[: len(REPORTED)], claims[len(REPORTED) :]
    assert [each.configuration for each in baselines] == REPORTED
    assert [each.trial.params for each in baselines] == [SPACE.to_params(configuration) for configuration in REPORTED]
    assert [each.attributes["baseline"] for each in baselines] == [experiment.id for experiment in SPACE.reported]
    assert all("draw" not in each.attributes for each in baselines)
    assert [each.attributes["draw"] for each in drawn] == [1, 2, 3]
    assert [each.trial.params for each in drawn] == [params_of_draw(draw) for draw in (1, 2, 3)]
    assert [each.finished for each in claims] == list(range(len(claims)))


# The budget


def _work(start, location, marks):
    finished = 0
    with open_store(location, write=True) as store, WorkerMark(marks) as mark:
        study = store.load("isolated")
        start.wait()
        while not isinstance(answer := claim(store, study, SPACE, IDENTITY, mark), Ended):
            if isinstance(answer, Claim):
                study.tell(answer.trial, answer.trial.number / 1000)
                finished += 1
    return finished


def test_eight_processes_finish_exactly_what_the_budget_allows_and_draw_what_one_would(
    at_once, location, store, tmp_path
):
    study, _ = create_or_resume(PREPARED, store, BudgetChange(trials=TRIALS))
    assert sum(at_once(8, _work, location, tmp_path / "workers")) == TRIALS
    trials = study.get_trials()
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * TRIALS
    baselines = Counter(trial.user_attrs["baseline"] for trial in trials if "baseline" in trial.user_attrs)
    assert baselines == {experiment.id: 1 for experiment in SPACE.reported}
    drawn = {trial.user_attrs["draw"]: trial.params for trial in trials if "draw" in trial.user_attrs}
    assert drawn == {draw: params_of_draw(draw) for draw in range(1, TRIALS - len(REPORTED) + 1)}


@pytest.fixture
def between(store, monkeypatch):
    """Have something happen once, after a claim has read the trials and before it has the study's lock."""

    def have(happen):
        lock, pending = store.lock, [happen]

        def late_lock(name):
            if pending:
                pending.pop()()
            return lock(name)

        monkeypatch.setattr(store, "lock", late_lock)

    return have


def test_a_draw_that_another_worker_made_while_this_one_waited_for_the_lock_is_not_made_again(
    study, claim_next, between
):
    change_budget(study, BudgetChange(trials=9))
    others = []
    between(lambda: others.append(claim_next()))
    ours = claim_next()
    assert [each.attributes["draw"] for each in (*others, ours)] == [1, 2]


def test_a_draw_of_a_trial_that_was_seen_before_it_had_one_and_ended_meanwhile_is_not_made_again(
    store, study, claim_next, between
):
    change_budget(study, BudgetChange(trials=9))
    theirs = store.begin_trial(study)
    theirs.set_user_attr("worker", "elsewhere.1.0123456789ab")

    def draw_and_end():
        theirs.set_user_attr("draw", 1)
        study.tell(theirs, 0.5)

    between(draw_and_end)
    assert claim_next().attributes["draw"] == 2


def test_a_draw_of_a_trial_that_another_tool_enqueued_and_that_ended_meanwhile_is_not_made_again(
    study, claim_next, between
):
    change_budget(study, BudgetChange(trials=9))
    study.enqueue_trial({})
    others = []

    def claim_and_end():
        others.append(claim_next())
        study.tell(others[0].trial, 0.5)

    between(claim_and_end)
    ours = claim_next()
    assert [each.attributes["draw"] for each in (*others, ours)] == [1, 2]


def test_a_trial_that_another_worker_began_meanwhile_takes_its_place_in_the_budget(study, claim_next, between):
    change_budget(study, BudgetChange(trials=1))
    others = []
    between(lambda: others.append(claim_next()))
    assert claim_next() == Wait()
    between(lambda: study.tell(others[0].trial, 0.5))
    assert claim_next() == Ended(reason=End.TRIALS)
    assert len(study.get_trials()) == 1


def test_a_trial_that_another_worker_finished_meanwhile_counts(study, claim_next, between):
    change_budget(study, BudgetChange(trials=2))
    between(lambda: study.tell(claim_next().trial, 0.5))
    assert claim_next().finished == 1


def test_a_trial_that_is_enqueued_meanwhile_goes_first(study, claim_next, between):
    change_budget(study, BudgetChange(trials=9))
    between(lambda: study.enqueue_trial(SPACE.to_params(REPORTED[0]), user_attrs={"baseline": "isolated-1"}))
    assert claim_next().attributes["baseline"] == "isolated-1"


def test_a_worker_waits_while_the_last_trial_runs_elsewhere(study, claim_next):
    change_budget(study, BudgetChange(trials=1))
    running = claim_next()
    assert claim_next() == Wait()
    study.tell(running.trial, 0.5)
    assert claim_next() == Ended(reason=End.TRIALS)


def test_a_failed_trial_gives_its_place_back(study, claim_next):
    change_budget(study, BudgetChange(trials=1))
    study.tell(claim_next().trial, state=TrialState.FAIL)
    assert isinstance(claim_next(), Claim)


def test_a_budget_changed_by_another_command_holds_at_the_next_claim(store, study, claim_next):
    change_budget(study, BudgetChange(trials=1))
    study.tell(claim_next().trial, 0.5)
    change_budget(store.load("isolated"), BudgetChange(trials=2))
    assert claim_next().budget.trials == 2


# Confirmations


def _confirming(study, *pairs):
    """Let finalists wait with seeds, in a study that confirms another one and has room for more."""
    study.set_user_attr(CONFIRMS, "original")
    change_budget(study, BudgetChange(trials=99))
    for finalist, seed in pairs:
        attributes = {"confirms": finalist, "seed": seed, "attempt": 1}
        study.enqueue_trial(SPACE.to_params(REPORTED[finalist]), user_attrs=attributes)


def test_eight_processes_confirm_each_pair_once_and_draw_nothing(at_once, location, study, tmp_path):
    pairs = [(finalist, seed) for finalist in range(3) for seed in (43, 44, 45, 46)]
    _confirming(study, *pairs)
    assert sum(at_once(8, _work, location, tmp_path / "workers")) == len(pairs)
    trials = study.get_trials()
    done = Counter((trial.user_attrs["confirms"], trial.user_attrs["seed"]) for trial in trials)
    assert done == dict.fromkeys(pairs, 1)
    assert all("draw" not in trial.user_attrs for trial in trials)


def test_a_worker_of_a_confirming_study_waits_for_what_runs_elsewhere_and_never_draws(study, claim_next):
    _confirming(study, (0, 43))
    running = claim_next()
    assert running.configuration == REPORTED[0]
    assert claim_next() == Wait()
    study.tell(running.trial, state=TrialState.FAIL)
    assert claim_next() == Ended(reason=End.EXHAUSTED)
    assert len(study.get_trials()) == 1


def test_a_confirmation_given_back_keeps_finalist_and_seed(study, claim_next, give_back):
    _confirming(study, (2, 45))
    first = claim_next()
    assert give_back(first)
    second = claim_next()
    assert second.configuration == first.configuration
    expected = {"confirms": 2, "seed": 45, "attempt": 2, "retry_of": first.trial.number, "interruptions": 1}
    assert history_of(second) == expected


def test_another_seed_of_a_configuration_is_no_repeat_and_the_same_seed_is(study, claim_next, result):
    _confirming(study, (0, 43), (0, 44), (0, 43))
    first = claim_next()
    first.trial.set_user_attr("seed", 43)
    ledger.write_result(study, first.trial, result, confirms=True)
    assert claim_next().repeat_of is None
    assert claim_next().repeat_of.number == first.trial.number


# Repeats


@pytest.fixture
def end_with(study, claim_next, result):
    """Train a configuration to an end of some kind; returns its number."""

    def train(ending):
        enqueue_configuration(study, SPACE, REPORTED[0])
        trial = claim_next().trial
        if ending == "complete":
            ledger.write_result(study, trial, result)
        elif ending == "pruned":
            trial.report(0.4, step=1)
            trial.set_user_attr("pruned_because", "slow")
            study.tell(trial, state=TrialState.PRUNED)
        else:
            ledger.write_failure(study, trial, FailureKind(ending), "a test")
        return trial.number

    return train


@pytest.fixture
def repeat(study, claim_next):
    """Claim the same configuration again and end it by its earlier trial."""

    def end():
        enqueue_configuration(study, SPACE, REPORTED[0])
        claimed = claim_next()
        ledger.write_repeat(study, claimed.trial, claimed.repeat_of)
        return study.get_trials()[claimed.trial.number]

    return end


def test_a_finished_configuration_is_not_trained_again(study, end_with, repeat):
    earlier = end_with("complete")
    repeated = repeat()
    assert repeated.state is TrialState.COMPLETE
    assert repeated.value == study.get_trials()[earlier].value == 0.95
    assert repeated.user_attrs["reused_from"] == earlier
    assert repeated.user_attrs["val_f1"] == study.get_trials()[earlier].user_attrs["val_f1"]
    assert "train_seconds" not in repeated.user_attrs


def test_a_pruned_configuration_is_pruned_again(end_with, repeat):
    earlier = end_with("pruned")
    repeated = repeat()
    assert (repeated.state, repeated.value) == (TrialState.PRUNED, 0.4)
    assert repeated.user_attrs["reused_from"] == earlier
    assert repeated.user_attrs["pruned_because"] == "slow"


@pytest.mark.parametrize("kind", ["memory", "nan", "invalid", "time"])
def test_a_lasting_failure_is_not_met_again(end_with, repeat, kind):
    end_with(kind)
    repeated = repeat()
    assert repeated.state is TrialState.FAIL
    assert repeated.user_attrs["failure"] == "repeat"
    assert "reused_from" not in repeated.user_attrs


@pytest.mark.parametrize("kind", ["crash", "interrupted", "repeat"])
def test_a_passing_failure_does_not_keep_a_configuration_from_being_trained(study, claim_next, end_with, kind):
    end_with(kind)
    enqueue_configuration(study, SPACE, REPORTED[0])
    assert claim_next().repeat_of is None


@pytest.mark.parametrize("location", ["sqlite"], indirect=True)  # what is asked of the store others ask of both
def test_a_search_that_comes_back_to_the_best_configuration_goes_on_with_others(store, study, mark):
    change_budget(study, BudgetChange(trials=80))
    searched = make_identity(dataset="digits")
    while not isinstance(claimed := claim(store, study, SPACE, searched, mark), Ended):
        if claimed.repeat_of is not None:
            ledger.write_repeat(study, claimed.trial, claimed.repeat_of)
        else:
            config = claimed.configuration.to_dict()
            study.tell(claimed.trial, 0.5 + 0.1 * sum(config[name] is None for name in ("l2", "dropout")))
    assert claimed.reason is End.TRIALS
    repeats = [trial.number for trial in study.get_trials() if "reused_from" in trial.user_attrs]
    assert len(repeats) <= 2, repeats  # of the first draws, which are made at random


def test_another_configuration_is_no_repeat(study, claim_next, end_with):
    end_with("complete")
    enqueue_configuration(study, SPACE, REPORTED[1])
    assert claim_next().repeat_of is None


def test_a_configuration_that_still_runs_is_no_repeat(study, claim_next):
    for _ in range(2):
        enqueue_configuration(study, SPACE, REPORTED[0])
    claim_next()
    assert claim_next().repeat_of is None


# Given back


def test_a_trial_given_back_is_claimed_with_its_parameters_and_history(study, claim_next, give_back):
    first = claim_next()
    assert give_back(first)
    second = claim_next()
    failed = study.get_trials()[first.trial.number]
    assert (failed.state, failed.user_attrs["failure"]) == (TrialState.FAIL, "interrupted")
    assert second.configuration == first.configuration
    assert history_of(second) == {"attempt": 2, "retry_of": first.trial.number, "draw": 1, "interruptions": 1}


def test_a_retry_takes_no_draw(study, claim_next, give_back):
    give_back(claim_next())
    claim_next()
    assert claim_next().attributes["draw"] == 2


def test_crashes_are_charged_until_none_is_left(claim_next, give_back):
    waits = [give_back(claim_next(), FailureKind.CRASH, max_retries=2) for _ in range(3)]
    assert waits == [True, True, False]


def test_a_lost_trial_without_parameters_draws_what_it_would_have_drawn(study, claim_next, monkeypatch):
    def die(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(claiming, "make_sampler", die)
        with pytest.raises(KeyboardInterrupt):
            claim_next()
    lost = optuna.Trial(study, study.get_trials(deepcopy=False)[0]._trial_id)
    assert lost.params == {}
    ledger.give_back(study, lost, FailureKind.INTERRUPTED, "a test", max_retries=2)
    claimed = claim_next()
    assert claimed.attributes["retry_of"] == lost.number
    assert claimed.trial.params == params_of_draw(1)


def test_a_retry_that_is_enqueued_between_counting_and_asking_is_next_with_its_history(study, claim_next, monkeypatch):
    counted = claiming.standing_by

    def count_before_the_retry(*arguments):
        now = counted(*arguments)
        study.enqueue_trial({}, user_attrs={"attempt": 2, "draw": 5})
        return now

    with monkeypatch.context() as patch:
        patch.setattr(claiming, "standing_by", count_before_the_retry)
        assert history_of(claim_next()) == {"attempt": 1, "draw": 1}
    assert history_of(claim_next()) == {"attempt": 2, "draw": 5}


def test_a_silent_worker_s_trial_is_failed_and_waits_again(study, claim_next, fall_silent):
    lost = claim_next()
    fall_silent(lost.trial, GRACE_SECONDS + 1)
    lost.trial.set_user_attr("host", "far")
    taken = claim_next()
    assert taken.attributes["retry_of"] == lost.trial.number
    assert (taken.before, taken.host_before) == ((lost.trial.number,), "far")
    assert taken.trial.params == lost.trial.params
    failed = study.get_trials()[lost.trial.number]
    assert (failed.state, failed.user_attrs["failure"]) == (TrialState.FAIL, "interrupted")


def test_a_retry_knows_all_attempts_before_it(claim_next, give_back):
    numbers = []
    for _ in range(3):
        claimed = claim_next()
        assert claimed.before == tuple(reversed(numbers))
        numbers.append(claimed.trial.number)
        give_back(claimed, FailureKind.INTERRUPTED)


def test_a_beating_worker_s_trial_is_left_alone(study, claim_next, fall_silent):
    fall_silent(claim_next().trial, GRACE_SECONDS - 20)
    assert "retry_of" not in claim_next().attributes
    assert [trial.state for trial in study.get_trials()] == [TrialState.RUNNING] * 2


def test_the_budget_is_not_overspent_by_a_trial_that_was_lost(study, claim_next, fall_silent):
    change_budget(study, BudgetChange(trials=1))
    fall_silent(claim_next().trial, GRACE_SECONDS + 1)
    taken = claim_next()
    assert isinstance(taken, Claim)
    assert claim_next() == Wait()


# Late results and outages


@pytest.fixture
def given_up(claim_next, fall_silent):
    """A trial that another worker gave up while its own still trains; the retry runs."""
    lost = claim_next()
    fall_silent(lost.trial, GRACE_SECONDS + 1)
    claim_next()
    return lost.trial


def test_a_late_result_is_refused_by_the_store_and_dropped_by_the_bookkeeper(study, given_up, result, books):
    with pytest.raises(UpdateFinishedTrialError):
        ledger.write_result(study, given_up, result)
    assert books.submit(lambda: ledger.write_result(study, given_up, result)).result() is None
    assert study.get_trials()[given_up.number].state is TrialState.FAIL


def test_a_late_return_does_not_make_a_second_retry(study, given_up, books):
    late = books.submit(lambda: ledger.give_back(study, given_up, FailureKind.CRASH, "late", max_retries=2))
    assert late.result() is None
    assert [trial.user_attrs.get("retry_of") for trial in study.get_trials()] == [None, given_up.number]


@pytest.mark.parametrize("step", ["requeue", "write_failure"])
def test_an_outage_while_a_trial_is_given_back_loses_no_retry(study, claim_next, give_back, books, monkeypatch, step):
    claimed, really, outages = claim_next(), getattr(ledger, step), [1, 2]

    def after_two_outages(*arguments, **options):
        if outages:
            outages.pop()
            raise OperationalError("UPDATE", {}, Exception("the server is away"))
        return really(*arguments, **options)

    monkeypatch.setattr(ledger, step, after_two_outages)
    assert books.submit(lambda: give_back(claimed)).result() is True
    assert [trial.state for trial in study.get_trials()] == [TrialState.FAIL, TrialState.WAITING]


def test_a_result_is_written_after_an_outage_in_mid_sentence(study, claim_next, result, books, monkeypatch):
    trial, tell, outages = claim_next().trial, study.tell, [1, 2]

    def tell_after_two_outages(*arguments, **options):
        if outages:
            outages.pop()
            raise OperationalError("UPDATE", {}, Exception("the server is away"))
        return tell(*arguments, **options)

    monkeypatch.setattr(study, "tell", tell_after_two_outages)
    assert books.submit(lambda: ledger.write_result(study, trial, result)).result() == 0.95
    assert study.get_trials()[trial.number].value == 0.95


# Workers that died on this host


def _claim_and_die(location, marks):
    """A worker that is killed with a trial in its hands; nothing of it is tidied up."""
    store = open_store(location, write=True)
    claim(store, store.load("isolated"), SPACE, IDENTITY, WorkerMark(marks))
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def killed_worker(location, study, tmp_path):
    change_budget(study, BudgetChange(trials=9))
    worker = multiprocessing.get_context("spawn").Process(target=_claim_and_die, args=(location, tmp_path / "workers"))
    worker.start()
    worker.join()
    assert worker.exitcode == -signal.SIGKILL


def test_a_trial_whose_worker_was_killed_here_is_given_back_at_the_next_claim(study, claim_next, killed_worker):
    claimed = claim_next()
    lost, retry = study.get_trials()
    assert lost.state is TrialState.FAIL
    assert lost.user_attrs["failure"] == "interrupted"
    assert claimed.trial.number == retry.number
    assert retry.user_attrs["retry_of"] == lost.number
    assert claimed.configuration.to_dict() == lost.user_attrs["config"]


def test_a_trial_of_a_worker_that_lives_is_left_to_it(study, claim_next, store, tmp_path):
    change_budget(study, BudgetChange(trials=9))
    with WorkerMark(tmp_path / "workers") as other:
        theirs = claim(store, study, SPACE, IDENTITY, other)
        ours = claim_next()
    assert ours.trial.number != theirs.trial.number
    assert study.get_trials()[theirs.trial.number].state is TrialState.RUNNING


def test_a_trial_of_a_worker_elsewhere_is_left_until_its_heartbeats_are_missed(study, claim_next, store, tmp_path):
    change_budget(study, BudgetChange(trials=9))
    with WorkerMark(tmp_path / "another host's home") as other:
        theirs = claim(store, study, SPACE, IDENTITY, other)
    claim_next()
    assert study.get_trials()[theirs.trial.number].state is TrialState.RUNNING


def test_after_an_outage_the_silent_are_not_given_up(study, claim_next, fall_silent):
    change_budget(study, BudgetChange(trials=9))
    silent = claim_next().trial
    fall_silent(silent, 300)
    claim_next(trust_heartbeats=False)
    assert study.get_trials()[silent.number].state is TrialState.RUNNING
    claim_next()
    assert study.get_trials()[silent.number].state is TrialState.FAIL


@pytest.mark.parametrize("written", ["nothing", "draw", "attempt"])
def test_a_trial_whose_worker_died_before_it_gave_its_name_is_given_back_at_once(study, claim_next, written):
    change_budget(study, BudgetChange(trials=1))
    with without_optuna_warnings():
        nameless = study.ask()
    if written != "nothing":
        nameless.set_user_attr("draw", 1)
    if written == "attempt":
        nameless.set_user_attr("attempt", 1)
    claimed = claim_next()
    assert study.get_trials()[0].user_attrs["failure"] == "interrupted"
    assert (claimed.attributes["retry_of"], claimed.attributes["draw"]) == (0, 1)
    assert claimed.trial.params == params_of_draw(1)


@pytest.mark.parametrize("lost", ["draw", "worker", "config"])
def test_a_claim_whose_answer_the_store_lost_is_made_again_and_leaves_nothing_running(
    study, claim_next, books, monkeypatch, lost
):
    change_budget(study, BudgetChange(trials=1))
    written, cut = optuna.Trial.set_user_attr, []

    def write_and_be_cut(trial, name, value):
        written(trial, name, value)
        if name == lost and not cut:
            cut.append(name)
            raise OperationalError("UPDATE", {}, Exception("the server closed the connection"))

    monkeypatch.setattr(optuna.Trial, "set_user_attr", write_and_be_cut)
    claimed = books.submit(claim_next).result()
    assert cut == [lost]
    assert [trial.state for trial in study.get_trials()] == [TrialState.FAIL, TrialState.RUNNING]
    assert (claimed.attributes["retry_of"], claimed.trial.number) == (0, 1)
    assert claimed.trial.params == params_of_draw(1)


def test_a_worker_that_left_nothing_behind_leaves_no_mark(tmp_path):
    with WorkerMark(tmp_path) as mark:
        mark.is_settled = True
    assert list(tmp_path.iterdir()) == []
    with WorkerMark(tmp_path) as other:
        assert not other.is_dead(mark.name)
