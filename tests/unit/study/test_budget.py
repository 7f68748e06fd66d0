from sweep.budget import Budget, BudgetChange, change_budget, read_budget


def test_a_study_without_rules_has_the_defaults(study):
    assert read_budget(study) == Budget(trials=20, until=None, trial_timeout=None, max_failures=10, max_retries=2)


def test_the_first_command_stores_its_rules_and_the_defaults_without_a_word(study):
    assert change_budget(study, BudgetChange(trials=5)) == []
    assert read_budget(study) == Budget(trials=5)
    assert study.user_attrs["budget.max_failures"] == 10


def test_a_rule_that_a_command_does_not_name_stays_as_stored(study):
    change_budget(study, BudgetChange(trials=5, until=0.9))
    assert change_budget(study, BudgetChange(max_retries=1)) == ["max-retries: 2 -> 1"]
    assert read_budget(study) == Budget(trials=5, until=0.9, max_retries=1)


def test_the_newest_command_wins_and_says_so(study):
    change_budget(study, BudgetChange(trials=5))
    assert change_budget(study, BudgetChange(trials=8, trial_timeout=60.0)) == [
        "trials: 5 -> 8",
        "trial-timeout: None -> 60.0",
    ]
    assert read_budget(study) == Budget(trials=8, trial_timeout=60.0)


def test_the_same_rule_again_is_no_change(study):
    change_budget(study, BudgetChange(trials=5))
    assert change_budget(study, BudgetChange(trials=5)) == []


def test_defaults_of_a_later_version_do_not_change_a_stored_study(study, monkeypatch):
    change_budget(study, BudgetChange())
    monkeypatch.setattr(Budget.__init__, "__kwdefaults__", Budget.__init__.__kwdefaults__ | {"max_failures": 99})
    assert Budget().max_failures == 99
    assert read_budget(study).max_failures == 10
