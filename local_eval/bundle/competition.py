"""The text of competition.yaml."""

from typing import Any

import yaml

from .columns import leaderboard
from .contest import Contest
from .settings import SUBMISSIONS, Settings

_HEADER = """\
# Codabench competition bundle, version 2. Dates are UTC; keep their quotes: unquoted ones lose their time of day.
# Check after every change: python -m local_eval.bundle --check BUNDLE.zip
"""


def title_of(contest: Contest, settings: Settings) -> str:
    """The contest's title."""
    return settings.title or f"Image classification under shift, {len(contest.class_names)} classes"


def competition_yaml(contest: Contest, settings: Settings) -> str:
    """competition.yaml, version 2.

    Folders are named with a slash at the end: only then does the platform put the zip that it makes of each beside the
    folder; otherwise it lands in a place that all uploads share (unpackers/utils.py, `zip_if_directory`).
    """
    development, final = settings.phase_dates()
    value = {
        "version": 2,
        "title": title_of(contest, settings),
        "description": f"Name the class of each image, one of {len(contest.class_names)}; hidden images are altered.",
        "image": "logo.png",
        "terms": "pages/terms.md",
        "registration_auto_approve": True,
        "docker_image": settings.docker_image,
        "enable_detailed_results": True,
        "make_programs_available": True,
        "make_input_data_available": False,
        "pages": [
            {"title": name.capitalize(), "file": f"pages/{name}.md"} for name in ("overview", "evaluation", "data")
        ],
        "tasks": [_task(0, "development"), _task(1, "final")],
        "phases": [
            _phase(0, "development", development, settings, "Try out and compare; scores come at once."),
            # what a program prints could show the hidden images: of the final ones nothing is shown
            _phase(1, "final", final, settings, "Images that nobody has scored on before decide.")
            | {"hide_output": True, "hide_prediction_output": True},
        ],
        "leaderboards": [leaderboard(contest.suites)],
    }
    return _HEADER + yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=110)


def _task(index: int, phase: str) -> dict[str, Any]:
    return {
        "index": index,
        "name": f"{phase.capitalize()} task",
        "description": f"Hidden images of the {phase} phase",
        "ingestion_program": "ingestion_program/",
        "scoring_program": "scoring_program/",
        "input_data": f"{phase}/input_data/",
        "reference_data": f"{phase}/reference_data/",
    }


def _phase(index: int, name: str, dates: tuple[str, str], settings: Settings, description: str) -> dict[str, Any]:
    a_day, in_all = SUBMISSIONS[name]
    phase: dict[str, Any] = {
        "index": index,
        "name": name.capitalize(),
        "description": description,
        "start": dates[0],
        "end": dates[1],
        "execution_time_limit": settings.limit_s,
        "max_submissions_per_day": a_day,
        "max_submissions": in_all,
        "tasks": [index],
        "starting_kit": "starting_kit/",
    }
    return phase | ({"public_data": "public_data/"} if settings.training_data else {})
