"""Plans of faults in files, YAML or JSON, and the ones that come along.

Lives here: reading, with the line of what is wrong. Not here: the format (`plan.py`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from ayne_dagster.sandbox.faults.plan import FaultPlan, FaultPlanError

_FILES = Path(__file__).parent / "files"
Field = tuple[str | int, ...]


class FaultFileError(FaultPlanError):
    """A file that holds no usable plan; the message names the file and, where known, the line."""

    def __init__(self, message: str) -> None:
        # Not the plan's own opening: the file and the line say where.
        ValueError.__init__(self, message)
        self.field = ()
        self.problem = message


def shipped_plans() -> dict[str, Path]:
    """Return the plans that come along, by name."""
    return {path.stem: path for path in sorted(_FILES.glob("*.yaml"))}


def read_plan(where: str | Path) -> dict[str, Any]:
    """Read a plan as plain data, checked.

    Args:
        where: a file, or the name of a plan that comes along (`rough_day`).

    Raises:
        FaultFileError: naming file, line and field, and what would be right.
        OSError: when the file cannot be read.
    """
    path = Path(where)
    if not path.exists() and str(where) in shipped_plans():
        path = shipped_plans()[str(where)]
    text = path.read_text(encoding="utf-8")
    data, lines = _parse_json(path, text) if path.suffix == ".json" else _parse_yaml(path, text)
    if data is None:
        raise FaultFileError(f"{path.name} is empty; a plan is a mapping with a list `faults`")
    try:
        FaultPlan.of(data)
    except FaultPlanError as error:
        words = str(error) if error.field else f"a plan {error.problem}"
        raise FaultFileError(f"{_place(path, error.field, lines)}{words}") from None
    return data


def _parse_json(path: Path, text: str) -> tuple[Any, dict[Field, int]]:
    try:
        return json.loads(text), {}
    except json.JSONDecodeError as error:
        raise FaultFileError(f"{path.name}, line {error.lineno}: {error.msg}") from error


def _parse_yaml(path: Path, text: str) -> tuple[Any, dict[Field, int]]:
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise FaultFileError(f"{path.name}{line}: {error.problem}") from error
    except yaml.YAMLError as error:
        raise FaultFileError(f"{path.name}: {error}") from error
    lines: dict[Field, int] = {}
    if node is not None:
        _note_lines(node, (), lines, path)
    return data, lines


def _note_lines(node: yaml.Node, field: Field, lines: dict[Field, int], path: Path) -> None:
    """Note the line of every field; of a field given twice YAML would silently take the last."""
    lines[field] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            name = (*field, str(key.value))
            if name in lines:
                line = key.start_mark.line + 1
                raise FaultFileError(f"{path.name}, line {line}: {key.value} is given twice")
            _note_lines(value, name, lines, path)
            lines[name] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            _note_lines(value, (*field, number), lines, path)


def _place(path: Path, field: Field, lines: dict[Field, int]) -> str:
    """Say file and line of a field, or of the nearest one around it that was written."""
    for length in range(len(field), -1, -1):
        if field[:length] in lines:
            return f"{path.name}, line {lines[field[:length]]}: "
    return f"{path.name}: "
