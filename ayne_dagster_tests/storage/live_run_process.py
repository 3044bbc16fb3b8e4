"""A process that holds a run until it is killed: `python -m ... FOLDER RUN_ID`."""

import sys
import time
from pathlib import Path

from ayne_dagster.storage.live_runs import LiveRuns

if __name__ == "__main__":
    with LiveRuns(Path(sys.argv[1])).hold(sys.argv[2]):
        sys.stdout.write("held\n")
        sys.stdout.flush()
        time.sleep(60)
