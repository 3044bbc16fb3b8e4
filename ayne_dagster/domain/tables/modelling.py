"""Contracts of what models said of films whose outcome is known.

Lives here: the back-test and the columns of scores. Not here: features, models, forecasts
(`derived.py`).
"""

from ayne_dagster.domain.tables.contract import (
    Column,
    ColumnType,
    TableContract,
    WriteMode,
    release_year_column,
    tmdb_id_column,
)

T = ColumnType
RIVALS: dict[str, str] = {
    "budget_rule": "budget rule",
    "ols": "regression on the budget",
    "leak_marker": "leak marker",
}
"""What every model is scored beside, by the ending of its columns."""


def score_columns(
    names: tuple[str, str, str, str],
    description: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
) -> tuple[Column, ...]:
    """The column of a score of the model, and one of each rival in the order of `RIVALS`.

    The names are written out, so that a search for a column finds it.
    """
    of_rivals = (f"The same of the {words}." for words in RIVALS.values())
    return tuple(
        Column(name, T.DOUBLE, words, minimum=minimum, maximum=maximum)
        for name, words in zip(names, (description, *of_rivals), strict=True)
    )


def _dollars(name: str, description: str, *, nullable: bool = False) -> Column:
    return Column(name, T.DOUBLE, description, nullable=nullable, minimum=0)


BACK_TEST = TableContract(
    name="back_test",
    title="What each year's model had said of the films whose outcome is known by now",
    grain="one film with an outcome",
    key=("tmdb_id",),
    write_mode=WriteMode.REPLACE,
    columns=(
        tmdb_id_column(),
        release_year_column(),
        Column("title", T.VARCHAR, "For people; not a feature."),
        Column("genres", T.VARCHAR_LIST, "Genre names.", nullable=False),
        Column("main_country", T.VARCHAR, "First producing country, ISO 3166-1."),
        _dollars("budget_usd", "Budget known before release, US dollars.", nullable=True),
        _dollars("revenue_usd", "Outcome: worldwide gross, US dollars."),
        _dollars("predicted_revenue_usd", "What the year's model says, US dollars."),
        _dollars("lower_usd", "Lower end of its 80 % interval."),
        _dollars("upper_usd", "Upper end of its 80 % interval."),
        _dollars("budget_rule_usd", "Budget times the median multiple of the last five years."),
        _dollars("ols_usd", "Regression on the budget and whether it is missing."),
        _dollars(
            "leak_marker_usd",
            "What a model would say that also saw votes, popularity and ratings, as they were when "
            "the year was scored: no forecast.",
        ),
        Column(
            "outcomes_fingerprint",
            T.VARCHAR,
            "Hash of the films of the year it was scored on, and of the baselines.",
            nullable=False,
        ),
        Column("model_uri", T.VARCHAR, "Address of the model in MLflow.", nullable=False),
    ),
)

FINAL_SET_NAMES = ("features_v1", "X_train", "X_test", "y_train", "y_test")

FINAL_SETS = TableContract(
    name="final_sets",
    title="The files for notebooks: what each holds",
    grain="one file",
    key=("set_name",),
    write_mode=WriteMode.REPLACE,
    year_column=None,
    columns=(
        Column(
            "set_name",
            T.VARCHAR,
            "Name of the file, without its ending.",
            nullable=False,
            one_of=FINAL_SET_NAMES,
        ),
        Column("rows", T.BIGINT, "Films in it.", nullable=False, minimum=0),
        Column("columns", T.INTEGER, "Columns in it.", nullable=False, minimum=1),
        Column("first_release_year", T.VARCHAR, "Earliest release year in it."),
        Column("last_release_year", T.VARCHAR, "Latest release year in it."),
        Column("sha256", T.VARCHAR, "Hash of the file's bytes.", nullable=False),
        Column("written_at", T.TIMESTAMPTZ, "When.", nullable=False, is_bookkeeping=True),
    ),
)
