"""Stock optuna-dashboard reads our studies: Optuna's schema is the only schema."""


def test_the_stock_dashboard_shows_a_study_and_its_trials(known_experiments, workplace, free_port, answer_of):
    original, _ = known_experiments
    dashboard = workplace.start(
        f"sqlite:///{original.home / 'sweep.db'}", "--port", free_port, program="optuna-dashboard"
    ).process
    (study,) = answer_of(f"http://127.0.0.1:{free_port}/api/studies", dashboard)["study_summaries"]
    assert study["study_name"] == "isolated-quick"
    detail = answer_of(f"http://127.0.0.1:{free_port}/api/studies/{study['study_id']}", dashboard)
    assert [trial["state"] for trial in detail["trials"]] == ["Complete"] * 11
    values = [trial["values"][0] for trial in detail["trials"]]
    assert values == [trial["value"] for trial in original.json("trials", "isolated-quick")]
    assert detail["directions"] == ["maximize"]
