"""The final sets for notebooks: which films, which columns, split by time; and their data card.

Lives here: the split and the card's words. Not here: files (`storage/final_set_files.py`) and the
model, which encodes the same columns itself (`model_inputs.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from ayne_dagster.domain.drift import newest_year
from ayne_dagster.domain.features import MODEL_INPUT_COLUMNS, OUTCOME_COLUMNS
from ayne_dagster.domain.tables import FEATURES

TARGET_COLUMNS: tuple[str, ...] = ("tmdb_id", "revenue_usd", "revenue_log")
INPUT_COLUMNS: tuple[str, ...] = ("tmdb_id", *MODEL_INPUT_COLUMNS)
_POPULATION = (
    "Films with a release date, a worldwide gross of at least 1,000 US dollars read at least 180 "
    "days after release, and no unit mistake: what {source}."
)
_OF_TMDB = (
    "TMDB's contributors entered. They are more famous, more American and more expensive than "
    "films are"
)
_OF_STAND_IN = (
    "a stand-in of TMDB at {address} served. **The films are invented**, unless it serves a "
    "catalogue of yours: nothing in these files says anything about real films"
)
KEPT_OUT = (
    ("films without an outcome", "no worldwide gross at TMDB, not released, or read too early"),
    ("unit mistakes", "revenue or budget of 1-999: thousands or millions typed as dollars"),
)


@dataclass(frozen=True)
class TemporalSplit:
    """Films with an outcome, those before a year apart from those of it and later.

    Attributes:
        first_test_year: First release year of the test films; None: there are too few films, and
            all are training films.
        sets: `X_train`, `X_test`, `y_train`, `y_test`, each sorted by tmdb_id; X and y of a side
            have the same films in the same order.
        release_years: Release year of each film of a set, by name of the set.
    """

    first_test_year: str | None
    sets: dict[str, pd.DataFrame]
    release_years: dict[str, pd.Series]


@dataclass(frozen=True)
class FeatureCounts:
    """What `features` holds, for the card.

    Attributes:
        films: All films.
        labelled: Those with an outcome that may be trained on.
        unit_mistakes: Those kept out as unit mistakes.
    """

    films: int
    labelled: int
    unit_mistakes: int


def split_by_time(
    labelled: pd.DataFrame, *, first_test_year: int | None, minimum_films: int
) -> TemporalSplit:
    """Split films by release year, never at random.

    A random split lets a model learn from films of the same season and flatters it (by .07 RMSLE
    on the benchmark).

    Args:
        labelled: `features` rows of films with an outcome.
        first_test_year: First release year of the test films; None: the newest year with at least
            `minimum_films` of them.
        minimum_films: See above.

    Returns:
        The four sets.
    """
    films = labelled.sort_values("tmdb_id", ignore_index=True)
    years = films["release_year"].astype(str)
    first = newest_year(films, minimum_films) if first_test_year is None else str(first_test_year)
    is_test = years >= first if first is not None else pd.Series(False, index=films.index)
    targets = films.assign(
        revenue_usd=films["revenue_usd"].astype(float),
        revenue_log=np.log1p(films["revenue_usd"].astype(float)),
    )
    sets, of_years = {}, {}
    for side, mask in (("train", ~is_test), ("test", is_test)):
        sets[f"X_{side}"] = films.loc[mask, list(INPUT_COLUMNS)].reset_index(drop=True)
        sets[f"y_{side}"] = targets.loc[mask, list(TARGET_COLUMNS)].reset_index(drop=True)
        of_years[f"X_{side}"] = of_years[f"y_{side}"] = years[mask].reset_index(drop=True)
    return TemporalSplit(first, sets, of_years)


def data_card(
    split: TemporalSplit,
    written: pd.DataFrame,
    counts: FeatureCounts,
    *,
    seed: int,
    now: datetime,
    notice: str,
    stand_in: str | None = None,
) -> str:
    """The card that lies beside the files, as markdown.

    Args:
        split: The four sets.
        written: Rows of the FINAL_SETS contract.
        counts: What `features` holds.
        seed: The seed models of these sets are trained with here.
        now: When they were written, UTC.
        notice: The terms of the data's source.
        stand_in: Address of the stand-in of TMDB that served the films; None: TMDB itself did.
    """
    source = _OF_TMDB if stand_in is None else _OF_STAND_IN.format(address=stand_in)
    lines = [
        "# Data card of the final sets",
        "",
        (
            f"Written {now:%Y-%m-%d %H:%M} UTC by the asset `final_sets` from the table "
            "`features`. Generated: the next run overwrites it."
        ),
        "",
        "## Files",
        *_table(
            ("file", "rows", "columns", "release years", "SHA-256"),
            [_file_row(written.loc[index]) for index in written.index],
        ),
        "",
        "## Population",
        _POPULATION.format(source=source),
        *_kept_out(counts),
        "",
        "## Split",
        _split_in_words(split.first_test_year),
        "",
        "## Columns",
        *_column_tables(),
        "",
        f"Seed of the platform's own models: {seed}. Nothing in these files is random.",
        "",
        "## Terms",
        notice,
        "",
    ]
    return "\n".join(lines)


def _kept_out(counts: FeatureCounts) -> list[str]:
    """Which films are in which file, and why others are not."""
    numbers = (counts.films - counts.labelled - counts.unit_mistakes, counts.unit_mistakes)
    outcomes = ", ".join(f"`{name}`" for name in OUTCOME_COLUMNS)
    return [
        "",
        (
            f"`features_v1` holds all {counts.films:,} films with a date, the other files the "
            f"{counts.labelled:,} with an outcome. Kept out of those:"
        ),
        *_table(
            ("what", "films", "why"),
            [
                (what, f"{films:,}", why)
                for (what, why), films in zip(KEPT_OUT, numbers, strict=True)
            ],
        ),
        "",
        (
            "Films without a date have no features at all. What is known only after release "
            f"({outcomes}) stands in `features_v1` only: outcomes, never inputs."
        ),
    ]


def _split_in_words(first_test_year: str | None) -> str:
    rule = (
        f"Training films were released before 1 January {first_test_year}, test films then or "
        "later. "
        if first_test_year is not None
        else "No year has enough films with an outcome for a test: all are training films. "
    )
    return (
        f"{rule}Never at random: a random split flatters. X and y of a side hold the same films "
        "in the same order; `tmdb_id` is their key and no input. Track records count films "
        "released at least 180 days before the film itself, so those of a test film may know "
        "outcomes of earlier test films, as they would have been known at its release."
    )


def _column_tables() -> list[str]:
    inputs = [(f"`{name}`", _meaning(name)) for name in INPUT_COLUMNS]
    targets = [
        ("`tmdb_id`", _meaning("tmdb_id")),
        ("`revenue_usd`", _meaning("revenue_usd")),
        ("`revenue_log`", "ln(1+revenue): what the models predict and errors are measured in."),
    ]
    return [
        "X:",
        *_table(("column", "meaning"), inputs),
        "",
        "y:",
        *_table(("column", "meaning"), targets),
    ]


def _meaning(name: str) -> str:
    return FEATURES.column(name).description


def _file_row(row: pd.Series) -> tuple[str, ...]:
    years = f"{row['first_release_year']}-{row['last_release_year']}" if row["rows"] else "none"
    return (
        f"`{row['set_name']}.parquet`",
        f"{row['rows']:,}",
        f"{row['columns']}",
        years,
        f"`{row['sha256']}`",
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    return ["", *lines, *(f"| {' | '.join(row)} |" for row in rows)]
