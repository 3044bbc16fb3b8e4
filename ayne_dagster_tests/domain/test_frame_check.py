"""A frame that breaks its contract is refused whole, with every reason, and no value is bent."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ayne_dagster.domain.frame_check import (
    ContractViolation,
    arrow_schema,
    check_frame,
    empty_frame,
)
from ayne_dagster.domain.tables import TABLES
from ayne_dagster.domain.tables.contract import (
    Column,
    ColumnType,
    TableContract,
    WriteMode,
    release_year_column,
    tmdb_id_column,
)

T = ColumnType
AT = datetime(2026, 5, 20, 12, 0, tzinfo=UTC)
NAIVE = AT.replace(tzinfo=None)
FILMS = TableContract(
    name="films",
    title="Films",
    grain="one film",
    key=("tmdb_id",),
    write_mode=WriteMode.MERGE,
    columns=(
        tmdb_id_column(),
        release_year_column(),
        Column("imdb_id", T.VARCHAR, "Id.", pattern=r"tt\d{7,9}"),
        Column("status", T.VARCHAR, "Status.", one_of=("out", "planned")),
        Column("runtime_minutes", T.INTEGER, "Minutes.", minimum=1),
        Column("rating", T.DOUBLE, "Rating.", minimum=0, maximum=10),
        Column("is_adult", T.BOOLEAN, "Adult."),
        Column("released_on", T.DATE, "Date."),
        Column("seen_at", T.TIMESTAMPTZ, "Seen.", nullable=False),
        Column("gone_at", T.TIMESTAMPTZ, "Gone."),
        Column("genres", T.VARCHAR_LIST, "Genres.", nullable=False),
        Column("cast_ids", T.BIGINT_LIST, "Cast."),
    ),
)
GOOD: dict[str, Any] = {
    "tmdb_id": 7,
    "release_year": "2001",
    "imdb_id": "tt0000007",
    "status": "out",
    "runtime_minutes": 90,
    "rating": 7.5,
    "is_adult": False,
    "released_on": date(2001, 3, 2),
    "seen_at": AT,
    "gone_at": AT,
    "genres": ["Drama"],
    "cast_ids": [1, 2],
}


def frame(*changes: dict[str, Any]) -> pd.DataFrame:
    """Good rows with these changes, ids counted up, as the platform builds them: all objects."""
    rows = [{**GOOD, "tmdb_id": 7 + n, **change} for n, change in enumerate(changes)]
    return pd.DataFrame(rows, columns=FILMS.column_names, dtype=object)


def problems(given: pd.DataFrame, **options: Any) -> list[str]:
    with pytest.raises(ContractViolation) as caught:
        check_frame(given, FILMS, **options)
    return caught.value.problems


def test_a_good_frame_comes_back_with_the_types_of_the_contract_unchanged():
    table = check_frame(frame({}), FILMS, years=["2001"])
    assert [(f.name, f.type) for f in table.schema] == [
        (f.name, f.type) for f in arrow_schema(FILMS)
    ]
    assert table.to_pylist() == [GOOD]


def test_columns_are_matched_by_name_in_any_order():
    """The stock manager inserts by position: swapped columns were stored silently."""
    backwards = frame({})[FILMS.column_names[::-1]]
    assert check_frame(backwards, FILMS).to_pylist() == [GOOD]


def test_missing_and_unknown_columns_are_named_together():
    given = frame({}).drop(columns=["genres", "status"]).assign(colour="red")
    assert problems(given) == [
        "columns missing: status, genres",
        "columns the contract does not know: colour",
    ]


def test_all_violations_are_named_at_once():
    """One reason per attempt costs a run of an hour for each of ten mistakes."""
    found = problems(
        frame(
            {"rating": 11, "imdb_id": "tt1", "status": "lost", "runtime_minutes": 0},
            {"rating": -1, "seen_at": None, "is_adult": "no"},
        )
    )
    words = "\n".join(found)
    for expected in (
        "rating: 1 rows below 0",
        "rating: 1 rows above 10",
        "imdb_id: 1 rows not like",
        "status: 1 rows outside",
        "runtime_minutes: 1 rows below 1",
        "seen_at: 1 rows without a value",
        "is_adult: not BOOLEAN",
    ):
        assert expected in words
    assert len(found) == 7


def test_the_message_names_the_table_and_says_that_nothing_was_written():
    with pytest.raises(ContractViolation, match=r"contract of 'films'; nothing was written") as e:
        check_frame(frame({"rating": 99.5}), FILMS)
    assert "99.5" in str(e.value)
    assert e.value.table == "films"


NEVER_CAST = [
    ("runtime_minutes", "300"),
    ("runtime_minutes", 3.7),
    ("runtime_minutes", 2**40),
    ("runtime_minutes", True),
    ("tmdb_id", 2**70),
    ("tmdb_id", 7.5),
    ("rating", "7.5"),
    ("rating", True),
    ("rating", np.True_),
    ("rating", 2**60 + 1),
    ("is_adult", 1),
    ("is_adult", 0.0),
    ("is_adult", "true"),
    ("status", 5),
    ("status", b"out"),
    ("status", date(2001, 1, 1)),
    ("released_on", "2001-03-02"),
    ("released_on", 11383),
    ("released_on", NAIVE),
    ("released_on", datetime(2001, 3, 2, 23, 0, tzinfo=timezone(timedelta(hours=-5)))),
    ("seen_at", "2026-05-20"),
    ("seen_at", 1),
    ("seen_at", date(2026, 5, 20)),
    ("seen_at", NAIVE),
    ("genres", "Drama"),
    ("genres", [1]),
    ("genres", {"Drama": 1}),
    ("cast_ids", ["1"]),
    ("cast_ids", [1.5]),
    ("cast_ids", [True]),
]


@pytest.mark.parametrize(("name", "value"), NEVER_CAST)
def test_types_are_never_cast_silently(name: str, value: Any):
    """3.7 minutes in a column of objects became 3, a time became a date, 5 became 1970-01-06."""
    found = problems(frame({name: value}))
    assert len(found) == 1
    assert found[0].startswith(f"{name}: ")


@pytest.mark.parametrize(("name", "value"), NEVER_CAST)
def test_types_are_not_cast_silently_next_to_good_values_either(name: str, value: Any):
    """Kinds are judged value by value: the first row must not vouch for the second."""
    assert problems(frame({}, {name: value}))[0].startswith(f"{name}: ")


@pytest.mark.parametrize(
    ("name", "series"),
    [
        ("is_adult", pd.Series([1], dtype="int64")),
        ("is_adult", pd.Series([1.0], dtype="float64")),
        ("runtime_minutes", pd.Series([True], dtype="bool")),
        ("rating", pd.Series([True], dtype="boolean")),
        ("runtime_minutes", pd.Series([3.7], dtype="float64")),
        ("released_on", pd.Series([pd.Timestamp("2001-03-02 05:00")])),
        ("released_on", pd.Series([pd.Timestamp("2001-03-02", tz="UTC")])),
        ("released_on", pd.Series([11383], dtype="int64")),
        ("seen_at", pd.Series([5], dtype="int64")),
        ("seen_at", pd.Series([pd.Timestamp("2026-05-20")])),
        ("genres", pd.Series(["Drama"], dtype="string")),
        ("status", pd.Series([5], dtype="int64")),
    ],
)
def test_columns_of_the_wrong_pandas_type_are_refused(name: str, series: pd.Series):
    assert problems(frame({}).assign(**{name: series}))[0].startswith(f"{name}: not ")


@pytest.mark.parametrize(
    ("name", "series", "stored"),
    [
        ("runtime_minutes", pd.Series([90], dtype="Int32"), 90),
        ("runtime_minutes", pd.Series([90.0], dtype="float64"), 90),
        ("runtime_minutes", pd.Series([np.int64(90)], dtype=object), 90),
        ("rating", pd.Series([7], dtype="int64"), 7.0),
        ("is_adult", pd.Series([True], dtype="boolean"), True),
        ("status", pd.Series(["out"], dtype="category"), "out"),
        ("released_on", pd.Series([pd.Timestamp("2001-03-02")]), date(2001, 3, 2)),
        ("seen_at", pd.Series([pd.Timestamp(AT)]), AT),
        ("genres", pd.Series([np.array(["Drama"], dtype=object)]), ["Drama"]),
        ("genres", pd.Series([("Drama",)]), ["Drama"]),
        ("cast_ids", pd.Series([np.array([1, 2])]), [1, 2]),
    ],
)
def test_forms_that_say_the_same_are_taken(name: str, series: pd.Series, stored: Any):
    given = frame({}).assign(**{name: series})
    assert check_frame(given, FILMS).to_pylist()[0][name] == stored


@pytest.mark.parametrize("name", [c.name for c in FILMS.columns if c.nullable])
@pytest.mark.parametrize("missing", [None, np.nan, pd.NaT, pd.NA], ids=repr)
def test_missing_is_missing_in_every_spelling(name: str, missing: Any):
    """A column without any value once made a column of type NULL that refused all later ones."""
    stored = check_frame(frame({name: missing}, {name: missing}), FILMS).to_pylist()
    assert [row[name] for row in stored] == [None, None]
    mixed = check_frame(frame({name: missing}, {}), FILMS).to_pylist()
    assert [row[name] for row in mixed] == [None, GOOD[name]]


@pytest.mark.parametrize("name", [c.name for c in FILMS.columns if not c.nullable])
def test_required_values_are_required(name: str):
    assert f"{name}: 1 rows without a value" in problems(frame({}, {name: None}))


def test_timestamps_of_any_zone_become_utc():
    tokyo = AT.astimezone(timezone(timedelta(hours=9)))
    stored = check_frame(frame({"seen_at": tokyo}), FILMS)["seen_at"][0].as_py()
    assert stored == AT
    assert stored.utcoffset() == timedelta(0)


def test_one_naive_timestamp_among_aware_ones_is_refused():
    """Mixed, they were stored hours apart from each other without a word."""
    found = problems(frame({}, {"seen_at": NAIVE}))
    assert "without a time zone" in found[0]


def test_not_a_number_is_unknown_and_infinity_is_refused():
    assert check_frame(frame({"rating": np.nan}), FILMS)["rating"].to_pylist() == [None]
    assert "rating: 1 rows not a finite number, for example [inf]" in problems(
        frame({"rating": float("inf")})
    )


def test_a_pattern_must_match_the_whole_text():
    for text in ("tt0000007 ", "xtt0000007", "tt0000007\n", "nm0000007"):
        assert problems(frame({"imdb_id": text}))[0].startswith("imdb_id: 1 rows not like")


def test_a_repeated_key_is_refused_with_the_key():
    found = problems(frame({}, {"tmdb_id": 7}, {"tmdb_id": 9}))
    assert found == ["key tmdb_id: 1 repeated, for example [{'tmdb_id': 7}]"]


def test_mistake_4_one_duplicate_id_in_a_batch_is_named_before_anything_is_written():
    """One duplicate id in a batch once left 0 rows: the delete had run, the insert had not."""
    batch = frame(*({} for _ in range(50)), {"tmdb_id": 20})
    with pytest.raises(ContractViolation, match="nothing was written") as caught:
        check_frame(batch, FILMS)
    assert caught.value.problems == ["key tmdb_id: 1 repeated, for example [{'tmdb_id': 20}]"]


def test_rows_of_years_outside_the_run_are_refused():
    """Under the stock manager such rows doubled with every run."""
    given = frame({}, {"release_year": "2002"}, {"release_year": "undated"})
    assert problems(given, years=["2001"]) == [
        "release_year: 2 rows of years outside this run, for example ['2002', 'undated']"
    ]
    assert check_frame(given, FILMS, years=["2001", "2002", "undated"]).num_rows == 3
    assert check_frame(given, FILMS, years=None).num_rows == 3


def test_rows_may_move_to_another_year_where_the_contract_says_so():
    movable = TableContract(
        **{**{f: getattr(FILMS, f) for f in FILMS.__dataclass_fields__}, "rows_may_move": True}
    )
    assert check_frame(frame({"release_year": "2002"}), movable, years=["2001"]).num_rows == 1


@pytest.mark.parametrize("contract", TABLES.values(), ids=list(TABLES))
def test_an_empty_frame_fulfils_every_contract(contract: TableContract):
    """A year without films is a fact, not a failure."""
    for empty in (empty_frame(contract), pd.DataFrame(columns=contract.column_names)):
        table = check_frame(empty, contract, years=["2001"] if contract.year_column else None)
        assert table.num_rows == 0
        assert table.schema.names == contract.column_names


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "runtime_minutes": st.none() | st.integers(1, 2**31 - 1),
                "rating": st.none() | st.floats(0, 10),
                "is_adult": st.none() | st.booleans(),
                "released_on": st.none() | st.dates(),
                "seen_at": st.datetimes(
                    NAIVE.replace(year=1970), NAIVE.replace(year=2200), timezones=st.just(UTC)
                ),
                "genres": st.lists(st.text(max_size=8), max_size=3),
                "cast_ids": st.none() | st.lists(st.integers(-(2**63), 2**63 - 1), max_size=3),
            }
        ),
        min_size=1,
        max_size=5,
    )
)
def test_whatever_fits_the_contract_survives_to_the_last_bit(rows: list[dict[str, Any]]):
    given = frame(*rows)
    assert check_frame(given, FILMS).to_pylist() == [
        {**GOOD, "tmdb_id": 7 + n, **row} for n, row in enumerate(rows)
    ]
