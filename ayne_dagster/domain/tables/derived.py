"""Contracts of the tables computed from what was fetched.

Lives here: flags, features, model scores, forecasts. Each is replaced year by year.
"""

from ayne_dagster.domain.tables.contract import (
    RELEASE_YEAR,
    Column,
    ColumnType,
    TableContract,
    WriteMode,
    release_year_column,
    tmdb_id_column,
)
from ayne_dagster.domain.tables.modelling import score_columns
from ayne_dagster.domain.tables.track_records import history_columns

T = ColumnType
AGE_BANDS = ("unreleased", "0-60 days", "60-180 days", "180-365 days", "over 365 days", "undated")

FROZEN_FLAGS = TableContract(
    name="frozen_flags",
    title="How fresh each film is, when it is due, and why",
    grain="one film",
    key=("tmdb_id",),
    write_mode=WriteMode.REPLACE,
    columns=(
        tmdb_id_column(),
        release_year_column(),
        Column("age_band", T.VARCHAR, "Age since release.", nullable=False, one_of=AGE_BANDS),
        Column("tmdb_fetched_at", T.TIMESTAMPTZ, "When TMDB last answered for it."),
        Column("tmdb_due_at", T.TIMESTAMPTZ, "When TMDB is to be asked; NULL: never."),
        Column("omdb_fetched_at", T.TIMESTAMPTZ, "When OMDb last answered for it."),
        Column("omdb_due_at", T.TIMESTAMPTZ, "When OMDb is to be asked; NULL: never."),
        Column(
            "tmdb_unchanged_cycles",
            T.INTEGER,
            "Refreshes in a row without a change.",
            nullable=False,
            minimum=0,
        ),
        Column(
            "omdb_unchanged_cycles",
            T.INTEGER,
            "Refreshes in a row without a change.",
            nullable=False,
            minimum=0,
        ),
        Column("is_frozen", T.BOOLEAN, "Whether automatic refreshes skip it.", nullable=False),
        Column("reason", T.VARCHAR, "Why it is due then, frozen or not, in words.", nullable=False),
    ),
)

FEATURES = TableContract(
    name="features",
    title="What is known of a film before its release, plus its outcome",
    grain="one film",
    key=("tmdb_id",),
    write_mode=WriteMode.REPLACE,
    columns=(
        tmdb_id_column(),
        release_year_column(),
        Column("title", T.VARCHAR, "For people; not a feature."),
        Column("release_date", T.DATE, "Primary release date.", nullable=False),
        Column("budget_usd", T.DOUBLE, "Budget, US dollars; 1,000 or less is missing.", minimum=0),
        Column("runtime_minutes", T.DOUBLE, "Running time, minutes.", minimum=1),
        Column("release_month", T.INTEGER, "1-12.", nullable=False, minimum=1, maximum=12),
        Column("release_day_of_year", T.INTEGER, "1-366.", nullable=False, minimum=1, maximum=366),
        Column("release_weekday", T.INTEGER, "0 is Monday.", nullable=False, minimum=0, maximum=6),
        Column("genres", T.VARCHAR_LIST, "Genre names.", nullable=False),
        Column("main_country", T.VARCHAR, "First producing country, ISO 3166-1."),
        Column("original_language", T.VARCHAR, "ISO 639-1."),
        # Columns that joined a stored table are unknown for years not materialized since.
        Column("is_us_production", T.BOOLEAN, "The US are a producing country."),
        Column("is_in_english", T.BOOLEAN, "English is spoken or original."),
        Column("us_certification", T.VARCHAR, "US certification."),
        Column(
            "is_sequel",
            T.BOOLEAN,
            "A film of its collection was released before; that it will get one is not known yet.",
            nullable=False,
        ),
        Column(
            "collection_films_before",
            T.INTEGER,
            "Films of its collection released before.",
            nullable=False,
            minimum=0,
        ),
        Column("is_numbered_title", T.BOOLEAN, "The title ends in a sequel's number."),
        Column("has_subtitle", T.BOOLEAN, "The title has a colon or a dash."),
        Column("title_words", T.INTEGER, "Words of the title.", minimum=0),
        *history_columns(),
        Column(
            "revenue_usd",
            T.DOUBLE,
            "Outcome: worldwide gross, US dollars; never a feature.",
            minimum=0,
        ),
        Column(
            "is_unit_suspect",
            T.BOOLEAN,
            "Revenue or budget of 1-999: a unit mistake, kept out of training.",
            nullable=False,
        ),
        Column("is_labelled", T.BOOLEAN, "Has an outcome that may be trained on.", nullable=False),
        Column("outcome_vote_count", T.DOUBLE, "Outcome: TMDB votes; never a feature.", minimum=0),
        Column(
            "outcome_popularity", T.DOUBLE, "Outcome: TMDB popularity; never a feature.", minimum=0
        ),
        Column(
            "outcome_tmdb_rating",
            T.DOUBLE,
            "Outcome: mean TMDB vote; never a feature.",
            minimum=0,
            maximum=10,
        ),
        Column(
            "outcome_imdb_rating",
            T.DOUBLE,
            "Outcome: IMDb rating; never a feature.",
            minimum=0,
            maximum=10,
        ),
        Column("outcome_imdb_votes", T.DOUBLE, "Outcome: IMDb votes; never a feature.", minimum=0),
        Column(
            "outcome_metascore",
            T.DOUBLE,
            "Outcome: Metacritic score; never a feature.",
            minimum=0,
            maximum=100,
        ),
        Column(
            "is_settled",
            T.BOOLEAN,
            "Whether the film is frozen, so that its outcome is final.",
            nullable=False,
        ),
        Column(
            "features_code_version",
            T.INTEGER,
            "Version of the code that made the row; NULL: made before versions were kept.",
            minimum=1,
        ),
    ),
)

TRAINED_MODEL = TableContract(
    name="trained_model",
    title="The model of each year: trained on the years before, scored on the year itself",
    grain="one release year",
    key=(RELEASE_YEAR,),
    write_mode=WriteMode.REPLACE,
    columns=(
        release_year_column(),
        Column(
            "status",
            T.VARCHAR,
            "What could be done.",
            nullable=False,
            one_of=("scored", "trained, no outcomes yet", "too few films"),
        ),
        Column("reason", T.VARCHAR, "The status in words.", nullable=False),
        Column("population", T.VARCHAR, "Which films were trained on.", nullable=False),
        Column("train_films", T.INTEGER, "Films trained on.", nullable=False, minimum=0),
        Column(
            "test_films", T.INTEGER, "Films of the year with an outcome.", nullable=False, minimum=0
        ),
        *score_columns(
            (
                "rmsle",
                "rmsle_budget_rule",
                "rmsle_ols",
                "rmsle_leak_marker",
            ),
            "Root mean squared error of ln(1+revenue).",
            minimum=0,
        ),
        *score_columns(
            (
                "r2_log",
                "r2_log_budget_rule",
                "r2_log_ols",
                "r2_log_leak_marker",
            ),
            "R2 of ln(1+revenue).",
            maximum=1,
        ),
        *score_columns(
            (
                "spearman",
                "spearman_budget_rule",
                "spearman_ols",
                "spearman_leak_marker",
            ),
            "Rank correlation.",
            minimum=-1,
            maximum=1,
        ),
        *score_columns(
            (
                "share_within_factor_two",
                "share_within_factor_two_budget_rule",
                "share_within_factor_two_ols",
                "share_within_factor_two_leak_marker",
            ),
            "Share predicted within a factor of two.",
            minimum=0,
            maximum=1,
        ),
        Column(
            "interval_coverage",
            T.DOUBLE,
            "Share of outcomes inside the 80 % interval.",
            minimum=0,
            maximum=1,
        ),
        Column(
            "interval_width",
            T.DOUBLE,
            "Median of its upper over its lower end: 10 reaches from 1 to 10 million.",
            minimum=1,
        ),
        Column(
            "interval_factor",
            T.DOUBLE,
            "By how much the predicted spread is stretched, from films not trained on.",
            minimum=0,
        ),
        Column("data_fingerprint", T.VARCHAR, "Hash of the training rows."),
        Column(
            "outcomes_fingerprint",
            T.VARCHAR,
            "Hash of the films of the year scored on, and of the baselines.",
        ),
        Column("parameters_hash", T.VARCHAR, "Hash of what decides a model besides the rows."),
        Column("model_uri", T.VARCHAR, "Address of the model in MLflow."),
        Column(
            "is_champion",
            T.BOOLEAN,
            "Whether it is the year's champion, which forecasts come from.",
            nullable=False,
        ),
        Column(
            "champion_uri",
            T.VARCHAR,
            "Address of the champion: this model, or an earlier one that it did not reach.",
        ),
        Column("promotion_reason", T.VARCHAR, "Why it became champion or did not, in words."),
        Column("trained_at", T.TIMESTAMPTZ, "When.", nullable=False, is_bookkeeping=True),
    ),
)

FORECASTS = TableContract(
    name="forecasts",
    title="What each film of the year is expected to earn",
    grain="one film",
    key=("tmdb_id",),
    write_mode=WriteMode.REPLACE,
    columns=(
        tmdb_id_column(),
        release_year_column(),
        Column("title", T.VARCHAR, "Title."),
        Column("release_date", T.DATE, "Primary release date."),
        Column("budget_usd", T.DOUBLE, "Budget known before release, US dollars.", minimum=0),
        Column(
            "predicted_revenue_usd",
            T.DOUBLE,
            "Expected worldwide gross, US dollars.",
            nullable=False,
            minimum=0,
        ),
        Column("lower_usd", T.DOUBLE, "Lower end of the 80 % interval.", nullable=False, minimum=0),
        Column("upper_usd", T.DOUBLE, "Upper end of the 80 % interval.", nullable=False, minimum=0),
        Column(
            "is_outcome_known",
            T.BOOLEAN,
            "Whether the outcome is in: then this is what the champion, trained on films released "
            "before the year, says of it, and no forecast any more. The champion may have been "
            "chosen on these very outcomes; the score of each model is in back_test.",
            nullable=False,
            default=False,
        ),
        Column("revenue_usd", T.DOUBLE, "Gross so far where known, US dollars.", minimum=0),
        Column(
            "drivers",
            T.VARCHAR_LIST,
            "The three groups of inputs that move the forecast most, each with the factor by which "
            "it does, beside a typical training film.",
            nullable=False,
            default=(),
        ),
        Column(
            "comparables",
            T.VARCHAR_LIST,
            "The five earlier films most like it, with year and worldwide gross.",
            nullable=False,
            default=(),
        ),
        Column(
            "comparable_ids",
            T.BIGINT_LIST,
            "Their TMDB ids, same order.",
            nullable=False,
            default=(),
        ),
        Column("model_uri", T.VARCHAR, "Address of the champion that said so.", nullable=False),
    ),
)
