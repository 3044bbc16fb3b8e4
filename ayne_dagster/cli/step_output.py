"""What a step prints goes to the UI's logs and to the terminal, without helper processes.

Lives here: Dagster's capture of a step's output, for runs in the process of `ayne`. Not here: the
bars (`console.py`) and the run (`job_runs.py`).

Dagster mirrors captured output through child processes. They are in the terminal's process group:
Ctrl-C reached them as well, and each showed a traceback of its own.
"""

import sys
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from dagster._core.execution.compute_logs import redirect_to_file
from dagster._core.storage.compute_log_manager import CapturedLogContext, ComputeIOType
from dagster._core.storage.local_compute_log_manager import (
    IO_TYPE_EXTENSION,
    LocalComputeLogManager,
)
from dagster._serdes import ConfigurableClassData
from dagster._utils import ensure_file, touch_file

_LOOK_SECONDS = 0.2


class StepOutput(LocalComputeLogManager):
    """Keeps the output of steps where the UI looks for it; shows standard error as it grows.

    Attributes:
        show: Called with each line of standard error, from a thread of its own.
    """

    show: Callable[[str], None] | None = None

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """Made by Dagster from an instance's configuration; its own makes its own class."""
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Generator[CapturedLogContext, None, None]:
        """Send both streams of this process to files for the time of the block."""
        out, err = (
            Path(self.get_captured_local_path(log_key, IO_TYPE_EXTENSION[stream]))
            for stream in (ComputeIOType.STDOUT, ComputeIOType.STDERR)
        )
        for path in (out, err):
            ensure_file(str(path))
        with (
            _shown_as_it_grows(err, self.show),
            redirect_to_file(sys.stdout, str(out)),
            redirect_to_file(sys.stderr, str(err)),
        ):
            yield CapturedLogContext(log_key)
        # Its presence tells the UI that nothing follows.
        touch_file(self.complete_artifact_path(log_key))


@contextmanager
def _shown_as_it_grows(
    path: Path, show: Callable[[str], None] | None
) -> Generator[None, None, None]:
    """Hand every new line of a file to `show` until the block ends, the last ones included."""
    if show is None:
        yield
        return
    ended = threading.Event()

    def follow() -> None:
        with path.open(encoding="utf-8", errors="replace") as lines:
            begun = ""
            while True:
                # Asked before reading: what was written before the end is still read.
                is_last = ended.wait(_LOOK_SECONDS)
                for line in lines:
                    begun += line
                    if begun.endswith("\n"):
                        show(begun.rstrip("\n"))
                        begun = ""
                if is_last:
                    if begun:
                        show(begun)
                    return

    follower = threading.Thread(target=follow, name="step output", daemon=True)
    follower.start()
    try:
        yield
    finally:
        ended.set()
        follower.join()
