"""One training of a sweep, before it has a run directory."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Unit:
    """recipe, fold, seed; changes: fields of the recipe; limit, steps: a quick try, or None."""

    recipe: str
    fold: int
    seed: int
    changes: dict[str, Any] = field(default_factory=dict)
    limit: int | None = None
    steps: int | None = None

    def argv(self, artifacts: Path) -> list[str]:
        """Arguments of `training.train`: the same run as by hand."""
        fields = [f"{name}={json.dumps(value)}" for name, value in self.changes.items()]
        quick = [
            part
            for name, value in (("--limit", self.limit), ("--steps", self.steps))
            if value is not None
            for part in (name, str(value))
        ]
        what = ["--recipe", self.recipe, "--fold", str(self.fold), "--seed", str(self.seed), "--set", *fields]
        return ["--artifacts", str(artifacts), *what, *quick]

    def told(self) -> str:
        """For messages."""
        changes = " ".join(f"{name}={json.dumps(value)}" for name, value in self.changes.items())
        return f"{self.recipe} fold {self.fold} seed {self.seed} {changes}".strip()
