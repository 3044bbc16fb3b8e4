"""`python -m benchmarks [NAME ...]`: run benchmarks; exit 1 where a goal is missed."""

import argparse
import importlib
import json
import sys
from dataclasses import asdict

from ayne_dagster.cli.console import console
from benchmarks import NAMES
from benchmarks.reporting import Report, print_report

LEAST_RUNS = 5


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmarks asked for.

    Returns:
        0 where every goal is met, 1 where one is missed.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--list", action="store_true", help="name the benchmarks and their goals")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument(
        "--runs", type=int, default=7, help=f"interleaved runs per figure, {LEAST_RUNS} or more"
    )
    modules = {name: importlib.import_module(f"benchmarks.{name}") for name in NAMES}
    for module in modules.values():
        if hasattr(module, "add_options"):
            module.add_options(parser)
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in NAMES]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}; there are {', '.join(NAMES)}")
    if options.runs < LEAST_RUNS:
        parser.error(f"a median of fewer than {LEAST_RUNS} runs says nothing here")
    if options.list:
        for name, module in modules.items():
            print(f"{name}: {module.GOAL}")
        return 0
    screen = console()
    reports: list[Report] = []
    for name in options.names or NAMES:
        module = modules[name]
        # A benchmark with options of its own is given them.
        own = (options,) if hasattr(module, "add_options") else ()
        report = module.measure(options.runs, *own)
        reports.append(report)
        if not options.json:
            print_report(report, screen)
    if options.json:
        print(json.dumps([{**asdict(r), "is_met": r.is_met} for r in reports], indent=2))
    return 0 if all(report.is_met for report in reports) else 1


if __name__ == "__main__":
    sys.exit(main())
