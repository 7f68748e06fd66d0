"""What optuna-dashboard shows beside the trials: notes and plots, kept in the study's system attributes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import optuna
from optuna.trial import FrozenTrial

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def write_note(study: optuna.Study, body: str) -> None:
    """Make a text the study's note, unless it is already.

    Args:
        study: The study.
        body: Markdown.
    """
    from optuna_dashboard import get_note, save_note  # a second of imports, and only workers write notes

    if get_note(study) != body:
        save_note(study, body)


def write_trial_notes(study: optuna.Study, notes: Mapping[int, str]) -> None:
    """Write the notes of trials that have none yet: what a person wrote there stays.

    Args:
        study: The study.
        notes: Markdown by trial number.
    """
    from optuna_dashboard import save_note

    known = study._storage.get_study_system_attrs(study._study_id)
    trials: list[FrozenTrial] = study.get_trials(deepcopy=False)
    for number, body in notes.items():
        trial_id = trials[number]._trial_id
        if f"dashboard:{trial_id}:note_ver" not in known:
            save_note(optuna.Trial(study, trial_id), body)


def write_plot(study: optuna.Study, name: str, figure: "Figure") -> None:
    """Show an interactive plot on the study's page, in place of the one of that name.

    Args:
        study: The study.
        name: A valid HTML id.
        figure: A Plotly figure.
    """
    from optuna_dashboard import save_plotly_graph_object

    save_plotly_graph_object(study, figure, graph_object_id=name)
