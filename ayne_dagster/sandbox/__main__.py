"""The sandbox's process: `python -m ayne_dagster.sandbox [CONFIG.json]`.

With --child it is run by a program: the config is the first line of standard input, and it
ends when that input closes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ayne_dagster.sandbox.config import SandboxConfig
from ayne_dagster.sandbox.server import serve, serve_child


def main(arguments: list[str] | None = None) -> None:
    """Start a sandbox as the command line asks."""
    parser = argparse.ArgumentParser(prog="python -m ayne_dagster.sandbox", description=__doc__)
    parser.add_argument("config", nargs="?", type=Path, help="JSON file with sandbox settings")
    parser.add_argument("--child", action="store_true", help="run by a program, see above")
    options = parser.parse_args(arguments)
    try:
        if options.child:
            config = SandboxConfig.from_json(sys.stdin.readline())
            # A child never takes a port of its own choice.
            serve_child(config.on_free_port(), sys.stdin)
        elif options.config is not None:
            serve(SandboxConfig.from_json(options.config.read_text(encoding="utf-8")))
        else:
            serve(SandboxConfig())
    except (OSError, ValueError) as error:
        raise SystemExit(f"The sandbox cannot start: {error}") from error
    except KeyboardInterrupt:
        raise SystemExit(0) from None


if __name__ == "__main__":
    main()
