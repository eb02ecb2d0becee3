"""The texts that participants read, made from the data."""

from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from .competition import title_of
from .contest import PHASE_PARTS, Contest
from .settings import SUBMISSIONS, Settings

_TEMPLATES = Path(__file__).with_name("templates")


def render_pages(contest: Contest, settings: Settings) -> dict[str, str]:
    """Name in the bundle -> Markdown: the three pages, the terms, and the starting kit's README."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=False,  # Markdown; the platform cleans what it shows
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["cell"] = _cell
    context = _context(contest, settings)
    pages = {f"pages/{name}.md": name for name in ("overview", "evaluation", "data", "terms")}
    pages["starting_kit/README.md"] = "starting_kit"
    return {path: environment.get_template(f"{name}.md.j2").render(context) for path, name in pages.items()}


def _context(contest: Contest, settings: Settings) -> dict[str, Any]:
    counts = np.bincount(contest.data.labels[contest.training_rows], minlength=len(contest.class_names))
    return {
        "title": title_of(contest, settings),
        "class_names": contest.class_names,
        "shape": contest.data.image_shape,
        "suites": contest.suites,
        "limit_s": settings.limit_s,
        "docker_image": settings.docker_image,
        "training_counts": counts.tolist() if settings.training_data else None,
        "phases": [
            {
                "name": phase.capitalize(),
                "start": dates[0],
                "end": dates[1],
                "images": contest.size(phase),
                "a_day": SUBMISSIONS[phase][0],
                "in_all": SUBMISSIONS[phase][1],
            }
            for phase, dates in zip(PHASE_PARTS, settings.phase_dates(), strict=True)
        ],
    }


def _cell(name: str) -> str:
    """A class name in a Markdown table."""
    return name.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
