"""Plans of faults: what can be written, and what is said about what cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ayne_dagster.cli.sandbox import command
from ayne_dagster.sandbox.config import SandboxConfig
from ayne_dagster.sandbox.faults.cases import CASES
from ayne_dagster.sandbox.faults.plan import FaultPlan, FaultPlanError
from ayne_dagster.sandbox.faults.plan_files import read_plan, shipped_plans


def test_a_case_has_a_name_and_a_number_and_everything_else_a_default() -> None:
    plan = FaultPlan.of({"faults": [{"case": "server_error"}, {"case": 7, "statuses": 502}]})
    first, second = plan.faults
    assert first.case is second.case
    assert (first.rate, first.first, first.services) == (1.0, None, ("tmdb",))
    assert (first.statuses, second.statuses) == ((500, 502, 503, 504), (502,))
    assert (first.place, second.place) == (0, 1)


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ([], "the plan: is a mapping"),
        ({}, "faults: is a list with at least one fault"),
        ({"faults": []}, "faults: is a list with at least one fault"),
        ({"faults": [7]}, r"faults\[0\]: is a mapping"),
        ({"faults": [{"rate": 1}]}, r"faults\[0\]: has no case"),
        ({"faults": [{"case": 24}]}, r"faults\[0\].case: there is no case 24; there are bad_cred"),
        ({"faults": [{"case": True}]}, "there is no case True"),
        ({"faults": [{"case": 7}, {"case": 7, "rate": 3}]}, r"faults\[1\].rate: is a number from"),
        ({"faults": [{"case": 7, "rate": "half"}]}, "not 'half'"),
        (
            {"faults": [{"case": 7, "kind": "html"}]},
            r"\.kind: is no option of case 7; there are case",
        ),
        ({"faults": [{"case": 7, "seconds": 1}]}, "seconds: is no option"),
        ({"faults": [{"case": 7, "kinds": ["pdf"]}]}, "no 'pdf'; there are json, html, empty"),
        ({"faults": [{"case": 7, "kinds": []}]}, "is empty; there are json"),
        ({"faults": [{"case": 7, "statuses": 418}]}, "no 418; there are 500, 502"),
        ({"faults": [{"case": 3, "retry_after": "soon"}]}, "there are absent, zero, seconds"),
        ({"faults": [{"case": 8, "services": "imdb"}]}, "no 'imdb'; there are tmdb, omdb"),
        ({"faults": [{"case": 7, "first": 0}]}, "first: is a whole number from 1, not 0"),
        ({"faults": [{"case": 7, "path": "movie"}]}, "is a path like /3/movie/*, not 'movie'"),
        ({"seed": "x", "faults": [{"case": 7}]}, "seed: is a whole number, not 'x'"),
        ({"sed": 1, "faults": [{"case": 7}]}, "sed: is no option"),
    ],
)
def test_a_wrong_plan_is_refused_with_the_field_and_what_would_be_right(
    plan: Any, words: str
) -> None:
    with pytest.raises(FaultPlanError, match=words.replace("*", r"\*")):
        FaultPlan.of(plan)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seed: 1\nfaults:\n  - case: 7\n    rate: 2\n", "plan.yaml, line 4: faults[0].rate:"),
        ("faults:\n  - case: 7\n  - {case: 7, kinds: [pdf]}\n", "line 3: faults[1].kinds:"),
        ("faults:\n  - rate: 1\n", "line 2: faults[0]: has no case"),
        ("faults:\n  - case: 7\n    rate: 0.1\n    rate: 0.2\n", "line 4: rate is given twice"),
        ("faults: [\n", "plan.yaml, line 2: "),
        ("", "plan.yaml is empty; a plan is a mapping with a list `faults`"),
        ("# nothing yet\n", "plan.yaml is empty; a plan is"),
        ("- case: 7\n", "plan.yaml, line 1: a plan is a mapping of names to values, not list"),
    ],
)
def test_a_wrong_file_is_refused_with_the_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FaultPlanError) as raised:
        read_plan(path)
    assert words in str(raised.value)
    # Every message once opened with "the plan: ", whatever came after it.
    assert str(raised.value).startswith("plan.yaml")


def test_a_plan_may_be_json_too(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text('{"seed": 3,\n\t"faults": [{"case": 7}]}', encoding="utf-8")
    assert FaultPlan.of(read_plan(path)).seed == 3
    path.write_text('{"seed": 3,\n"faults" [1]}', encoding="utf-8")
    with pytest.raises(FaultPlanError, match=r"plan\.json, line 2"):
        read_plan(path)


@pytest.mark.parametrize("name", shipped_plans())
def test_every_plan_that_comes_along_is_good_and_travels_to_another_process(name: str) -> None:
    config = SandboxConfig(faults=read_plan(name))
    assert SandboxConfig.from_json(config.to_json()) == config


def test_a_sandbox_refuses_a_plan_that_is_none() -> None:
    with pytest.raises(ValueError, match="faults"):
        SandboxConfig(faults={"faults": "all"})


def test_the_command_lists_every_fault_with_its_number() -> None:
    shown = CliRunner().invoke(command, ["--list-faults"])
    assert shown.exit_code == 0
    for case in CASES:
        assert case.name in shown.output
    assert "rough_day" in shown.output
    assert shown.output.count("not served") == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [("faults:\n  - case: 77\n", "line 2: faults[0].case"), (None, "there are bulk_files")],
)
def test_the_command_refuses_a_wrong_plan_before_it_serves(
    tmp_path: Path, text: str | None, words: str
) -> None:
    path = tmp_path / "plan.yaml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    refused = CliRunner().invoke(command, ["--faults", str(path), "--port", "0"])
    assert refused.exit_code == 2
    assert words in refused.output
