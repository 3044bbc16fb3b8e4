"""Which faults come how often: a plan, read from plain data and checked.

Lives here: the format and its errors. Not here: files (`plan_files.py`) and what is drawn for a
request (`draws.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from ayne_dagster.sandbox.faults.cases import CASES, RETRY_AFTER, FaultCase, find_case

_FOR_ALL = ("case", "rate", "first", "services", "path", "ids")


class FaultPlanError(ValueError):
    """A plan that cannot be used.

    Attributes:
        field: where it stands, as keys and places from the top.
        problem: what is wrong and what would be right.
    """

    def __init__(self, field: Sequence[str | int], problem: str) -> None:
        self.field = tuple(field)
        self.problem = problem
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in field)
        super().__init__(f"{where.lstrip('.') or 'the plan'}: {problem}")


@dataclass(frozen=True)
class Fault:
    """One line of a plan.

    Attributes:
        case: what goes wrong.
        rate: share of the requests it fits that are hit, 0 to 1.
        first: only the first so many times that the very same request comes; None: always.
        services: who shows it.
        path: only paths of this form (`*` stands for anything); None: all.
        ids: only films with these TMDB or IMDb ids; none given: all.
        kinds: forms that come up.
        statuses: HTTP statuses that come up.
        retry_after: forms of Retry-After that come up.
        seconds: of Retry-After, of silence, or of slowness.
        place: how many lines of the same case stand before it.
    """

    case: FaultCase
    rate: float
    first: int | None
    services: tuple[str, ...]
    path: str | None
    ids: frozenset[str]
    kinds: tuple[str, ...]
    statuses: tuple[int, ...]
    retry_after: tuple[str, ...]
    seconds: float
    place: int = 0

    def fits(self, service: str, path: str, film: str | None, turn: int) -> bool:
        """Tell whether a request could be hit when it comes for the `turn`-th time (from 1)."""
        return (
            service in self.services
            and self.case.fits(service, path)
            and (self.first is None or turn <= self.first)
            and (self.path is None or fnmatchcase(path, self.path))
            and (not self.ids or film in self.ids)
        )


@dataclass(frozen=True)
class FaultPlan:
    """All faults of a sandbox; the same seed hits the same requests, in whatever order they come.

    Attributes:
        seed: of every draw.
        faults: in the order of the file; their shares add up.
    """

    seed: int
    faults: tuple[Fault, ...]

    @classmethod
    def of(cls, data: object) -> FaultPlan:
        """Read a plan from plain data: `{"seed": 1, "faults": [{"case": 7, "rate": 0.1}]}`.

        Raises:
            FaultPlanError: naming the field and what would be right.
        """
        plan = _mapping(data, ())
        _known(plan, ("seed", "faults"), ())
        seed = plan.get("seed", 0)
        if isinstance(seed, bool) or not isinstance(seed, int):
            raise FaultPlanError(("seed",), f"is a whole number, not {seed!r}")
        given = plan.get("faults")
        if not isinstance(given, Sequence) or isinstance(given, str) or not given:
            raise FaultPlanError(("faults",), "is a list with at least one fault")
        faults: list[Fault] = []
        for number, one in enumerate(given):
            fault = _fault(one, ("faults", number))
            place = sum(before.case is fault.case for before in faults)
            faults.append(_with_place(fault, place))
        return cls(seed, tuple(faults))


def _fault(data: object, field: tuple[str | int, ...]) -> Fault:
    given = _mapping(data, field)
    if "case" not in given:
        raise FaultPlanError(field, "has no case; give a name or a number of `--list-faults`")
    case = find_case(given["case"])
    if case is None:
        names = ", ".join(known.name for known in CASES)
        raise FaultPlanError(
            (*field, "case"), f"there is no case {given['case']!r}; there are {names}"
        )
    options = [
        *_FOR_ALL,
        *(["kinds"] if case.kinds else []),
        *(["statuses"] if case.statuses else []),
        *(["retry_after"] if case.has_retry_after else []),
        *(["seconds"] if case.seconds is not None else []),
    ]
    _known(given, options, field)
    return Fault(
        case=case,
        rate=_number(given, "rate", 1.0, field, most=1.0),
        first=_first(given, field),
        services=_choice(given, "services", case.services, field),
        path=_path(given, field),
        ids=frozenset(str(one) for one in _listed(given, "ids", field)),
        kinds=_choice(given, "kinds", case.kinds, field),
        statuses=_choice(given, "statuses", case.statuses, field),
        retry_after=_choice(given, "retry_after", RETRY_AFTER, field),
        seconds=_number(given, "seconds", case.seconds or 0.0, field),
    )


def _with_place(fault: Fault, place: int) -> Fault:
    return Fault(**{**vars(fault), "place": place})


def _mapping(data: object, field: tuple[str | int, ...]) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise FaultPlanError(field, f"is a mapping of names to values, not {type(data).__name__}")
    return data


def _known(given: Mapping[str, Any], names: Sequence[str], field: tuple[str | int, ...]) -> None:
    for name in given:
        if name not in names:
            whose = f" of case {given['case']}" if "case" in given else ""
            raise FaultPlanError(
                (*field, str(name)), f"is no option{whose}; there are {', '.join(names)}"
            )


def _number(
    given: Mapping[str, Any],
    name: str,
    default: float,
    field: tuple[str | int, ...],
    *,
    most: float = 86_400.0,
) -> float:
    value = given.get(name, default)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= most:
        raise FaultPlanError((*field, name), f"is a number from 0 to {most:g}, not {value!r}")
    return float(value)


def _first(given: Mapping[str, Any], field: tuple[str | int, ...]) -> int | None:
    value = given.get("first")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise FaultPlanError((*field, "first"), f"is a whole number from 1, not {value!r}")
    return value


def _path(given: Mapping[str, Any], field: tuple[str | int, ...]) -> str | None:
    value = given.get("path")
    if value is not None and not (isinstance(value, str) and value.startswith(("/", "*"))):
        raise FaultPlanError((*field, "path"), f"is a path like /3/movie/*, not {value!r}")
    return value


def _listed(given: Mapping[str, Any], name: str, field: tuple[str | int, ...]) -> list[Any]:
    """One value or a list of values."""
    value = given.get(name, [])
    return list(value) if isinstance(value, list | tuple) else [value]


def _choice(
    given: Mapping[str, Any], name: str, known: tuple[Any, ...], field: tuple[str | int, ...]
) -> tuple[Any, ...]:
    if name not in given:
        return known
    chosen = _listed(given, name, field)
    if not chosen:
        raise FaultPlanError((*field, name), f"is empty; there are {', '.join(map(str, known))}")
    for one in chosen:
        if one not in known:
            there = ", ".join(map(str, known))
            raise FaultPlanError((*field, name), f"there is no {one!r}; there are {there}")
    return tuple(chosen)
