"""One step of a run: its folders as the platform shows them, its programs side by side, its logs."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from submission.kit.errors import KitError

from .child import ChildResult, Program, run_programs
from .interpreter import Interpreter
from .isolation import Isolation
from .layout import child_environment, expand_command
from .limits import Limits
from .outcome import StepError
from .traceback_text import end_of_log

# kind -> folders below /app that the platform shows to it
_FOLDERS = {
    "ingestion": ("ingested_program", "input_data", "output"),
    "submission": ("input_data", "output"),
    "scoring": ("input", "output", "shared"),
}
_LOGS = {"ingestion": "prediction_ingestion", "submission": "prediction", "scoring": "scoring"}


@dataclass
class Step:
    """Prediction or scoring in `app`, the host folder that holds what /app shows; `work` is the run's folder.

    The folder of the submission's own container is `app`'s ingested_program, which it sees as /app/program.
    """

    name: str
    app: Path
    work: Path
    limits: Limits
    isolation: Isolation
    interpreter: Interpreter
    results: dict[str, ChildResult] = field(default_factory=dict)
    logs: dict[str, Path] = field(default_factory=dict)

    def run(self, commands: dict[str, str]) -> None:
        """Run programs side by side.

        Args:
            commands: kind of program -> its command, not yet expanded.

        Raises:
            StepError: a command that cannot be split, or a limit was hit.
        """
        try:
            programs = {kind: self._program(kind, command) for kind, command in commands.items()}
        except KitError as error:
            raise StepError(self.name, str(error)) from None
        # all of it can be written but /app/data, and what is there already does not count
        results = run_programs(list(programs.values()), self.limits, [self.work])
        self.results = dict(zip(programs, results, strict=True))
        for kind in commands:  # what the programs left in /tmp and in their home is nobody's
            shutil.rmtree(self.work / "containers" / kind, ignore_errors=True)
        for kind, result in self.results.items():
            if result.breach is not None:
                raise StepError(self.name, f"{self.name} {result.breach}", result.breach, self.tail(kind))

    def tail(self, kind: str) -> str:
        """The contestant's traceback, or the end of the standard error."""
        text = self.logs[f"{_LOGS[kind]}_stderr"].read_bytes().decode("utf-8", errors="replace")
        text = text.replace(str(self.app), "/app")
        return end_of_log(text, ("/app/program/",)) if kind == "submission" else end_of_log(text)

    def _program(self, kind: str, command: str) -> Program:
        scratch = self.work / "containers" / kind
        own = self.app / ("ingested_program" if kind == "submission" else "program")
        shown = {name: (self.app / name, False) for name in _FOLDERS[kind] if (self.app / name).exists()}
        shown |= {"program": (own, False), "data": (self.app / "data", True)}
        container = self.isolation.container(scratch, shown, self.interpreter.folders)
        home = Path("/root") if container else scratch / "home"
        if not container:
            home.mkdir(parents=True, exist_ok=True)
        (self.work / "logs").mkdir(exist_ok=True)
        out, err = (self.work / "logs" / f"{_LOGS[kind]}_{stream}.txt" for stream in ("stdout", "stderr"))
        self.logs |= {out.stem: out, err.stem: err}
        python = self.interpreter.executable
        words = expand_command(command, kind, None if container else self._stand_in(kind), python)
        return Program(words, own, child_environment(home, python=python), out, err, container)

    def _stand_in(self, kind: str) -> Path:
        """The folder that plays /app where there is no container."""
        if kind != "submission":
            return self.app
        # Its /app/program is another folder than that of the ingestion program beside it.
        stand_in = self.work / "submission-app"
        stand_in.mkdir(exist_ok=True)
        for name, target in (("program", "ingested_program"), ("input_data", "input_data"), ("output", "output")):
            if (self.app / target).exists() and not (stand_in / name).is_symlink():
                (stand_in / name).symlink_to(self.app / target, target_is_directory=True)
        return stand_in
