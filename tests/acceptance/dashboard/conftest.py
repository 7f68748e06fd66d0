"""Dashboards at free ports, and studies to look at in them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from optuna.artifacts import upload_artifact
from PIL import Image
from served import FILES, ODD_STUDY, QUEUED_STUDY, SCRIPT, STUDY, Served, make_study

from storage import locate, open_store
from storage.artifact_store import make_artifact_store
from storage.engines import without_optuna_warnings

Serve = Callable[..., Served]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts dashboards at free ports, and waits for their first line; variables are given as keywords."""
    started: list[Served] = []

    def start(*arguments: object, port: object = 0, **variables: str) -> Served:
        started.append(Served(("--port", port, *arguments), tmp_path, variables))
        return started[-1]

    yield start
    for each in started:
        each.close()


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with three studies; their trials have pictures and other files."""
    home = tmp_path_factory.mktemp("gallery")
    artifacts = make_artifact_store(home / "artifacts")
    (home / "artifacts").mkdir()
    drafts = tmp_path_factory.mktemp("drafts")
    Image.new("RGB", (64, 48), (200, 30, 30)).save(drafts / "curve.png")
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="30" height="30"><script>{SCRIPT}</script></svg>'
    (drafts / "figure.svg").write_text(svg)
    (drafts / "page.html").write_text(f"<title>a page</title><script>{SCRIPT}</script>")
    (drafts / "table.csv").write_text("epoch,accuracy\n1,0.5\n2,0.6\n")
    with open_store(locate(None, home), write=True) as store, without_optuna_warnings():
        for name in (STUDY, ODD_STUDY):
            study = store.create(name, metric="validation accuracy")
            for number in range(6):
                trial = study.ask()
                factor = trial.suggest_float("l2", 1e-4, 1e-1, log=True)
                trial.suggest_categorical("batch_norm", [True, False])
                trial.suggest_int("conv_layers", 3, 4)
                trial.set_user_attr("val_confusion_matrix", [[number] * 10] * 10)  # 300 characters
                for epoch in range(1, 4):
                    trial.report(0.5 + epoch / 10, epoch)
                if name == STUDY:
                    for file in FILES:
                        upload_artifact(artifact_store=artifacts, file_path=str(drafts / file), study_or_trial=trial)
                study.tell(trial, 0.6 + factor + number / 100)
            study.ask()
            study.enqueue_trial({"l2": 0.01})
        queued = store.create(QUEUED_STUDY, metric="validation accuracy")
        queued.enqueue_trial({"l2": 0.01})
    return home


@pytest.fixture(scope="session")
def shown(gallery: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A read-only dashboard of the gallery, for all tests that only look."""
    served = Served(("--port", 0, "--home", gallery), tmp_path_factory.mktemp("shown"), {})
    yield served
    served.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with one study, `isolated`, and its one finished trial; to be changed."""
    folder = tmp_path / "home"
    folder.mkdir()
    make_study(folder, [0.5])
    return folder
