"""The page of one or more studies: which sections, in which order."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sweep.environment import versions
from sweep.report import course, images, results, searching, terms
from sweep.report.blocks import Chapter, Page
from sweep.report.comparing import comparison
from sweep.report.confirming import confirmed
from sweep.report.data import find_data
from sweep.report.facts import StudyFacts
from sweep.report.headline import headline_of


def page_of(studies: Sequence[StudyFacts], *, data_dir: Path | None = None, now: datetime | None = None) -> Page:
    """Put studies on one page.

    Args:
        studies: At least one; several are compared first.
        data_dir: Folder that alone is searched for Fashion-MNIST's files. Defaults to None: the usual places.
        now: When it is made. Defaults to None: now.
    """
    made = (now or datetime.now().astimezone()).strftime("%Y-%m-%d %H:%M %Z").strip()
    return Page(
        title=", ".join(study.name for study in studies),
        made=f"Made {made} by sweep {versions().get('sweep', '')}".strip() + ".",
        comparison=comparison(list(studies)) if len(studies) > 1 else None,
        chapters=[_chapter(study, data_dir) for study in studies],
    )


def _chapter(study: StudyFacts, data_dir: Path | None) -> Chapter:
    found = find_data(study.identity, cache=study.home / "cache", data_dir=data_dir)
    headline = headline_of(study)
    return Chapter(
        title=study.name,
        anchor=study.key,
        headline=headline.sentence,
        box=headline.box,
        warn=headline.warn,
        sections=[
            terms.asked(study),
            images.data(study, found),
            results.baselines(study),
            results.top_trials(study),
            *confirmed(study),
            searching.history(study),
            searching.curves(study),
            searching.hyperparameters(study),
            searching.cost(study),
            images.matrices(study),
            images.mistakes(study),
            course.failures(study),
            course.spent(study),
            course.looks_at_test_images(study),
            terms.environment(study),
            terms.repeating(study),
        ],
    )
