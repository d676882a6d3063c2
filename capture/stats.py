"""A table of everything the stage detector measured of every frame, so that thresholds can be tuned offline."""

import csv
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from capture.stages import Decision
from sakigake.errors import UsageError

# Of the detector, in the order of its work; a frame has only those that were asked about it.
METRICS = (
    "idle",
    "residue",
    "lines",
    "lines_kept",
    "lines_left",
    "searched",
    "inliers",
    "pose_lines",
    "known",
    "zoom",
    "moved",
    "area",
    "held",
    "page",
    "doubts",
    "lost",
    "pending",
    "quiet",
    "unlike_last",
)
COLUMNS = ("frame", "seconds", "label", "stage", "changed", "reverts_to", "why", "cpu_ms", *METRICS)


class StatsTable:
    """Writes one row per frame as CSV; every row is in the file when `add` returns."""

    def __init__(self, path: Path) -> None:
        try:
            self._file: IO[str] = path.open("x", encoding="utf-8", newline="")
        except FileExistsError as error:
            raise UsageError("stats-taken", path=path) from error
        except OSError as error:
            raise UsageError("stats-unwritable", path=path, why=error.strerror) from error
        self._path = path
        self._rows = 0
        self._writer = csv.writer(self._file)
        self._writer.writerow(COLUMNS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add(self, frame: str, seconds: float, said: Decision, cpu_ms: float) -> None:
        """Write what the detector said of a frame; `seconds` counts from the first one."""
        values = (said.metrics.get(name) for name in METRICS)
        row: list[Any] = [frame, f"{seconds:.3f}", said.label, int(said.stage), f"{said.changed:.5f}"]
        row += ["" if said.reverts_to is None else said.reverts_to, said.why, f"{cpu_ms:.2f}"]
        self._writer.writerow([*row, *("" if value is None else f"{value:.5g}" for value in values)])
        self._file.flush()
        self._rows += 1

    def close(self) -> None:
        """Close the file; one without a row goes, so that a start that failed does not bar the next."""
        if self._file.closed:
            return
        self._file.close()
        if not self._rows:
            self._path.unlink(missing_ok=True)
