"""400 simulated days over real films: what strategies ask for, and how stale their films are.

Each strategy lives through the same changes: the platform's own rule with the change feed and
without, everything weekly, age bands alone, the newest hundred a day; then other gaps, other times.
"""

import argparse
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import date, timedelta
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.tables.derived import AGE_BANDS
from benchmarks.freshness_figures import Outcome, outcome_of
from benchmarks.freshness_lives import BY_TIME, FIRST_FILL, NAMED, live
from benchmarks.freshness_picture import draw
from benchmarks.freshness_strategies import (
    Strategy,
    bands_alone,
    newest_hundred,
    ours,
    verified_after,
    weekly,
    with_gaps,
)
from benchmarks.freshness_world import CatalogueMissing, make_world, read_films
from benchmarks.reporting import Figures, Goal, Report

GOAL = (
    "400 days over 24,274 films: at most 8 % of the TMDB requests of everything weekly, at most "
    "90 % of age bands alone, at most a twentieth of its mean staleness; 0 overdue after the fill"
)
CATALOGUE = Path(__file__).resolve().parents[1] / ".." / "shared" / "catalogue"
DAYS = 400
OMDB_QUOTA = 1_000
HOUR = 0.5
"""When the strategies run, hours after midnight UTC: a day of the feed can be read at 0:15, and
`refresh_due` asks for what it names within minutes."""
START = date(2026, 11, 20)
"""The day of the other figures of this project; the catalogue's last film is of that autumn."""
SEED = 7
GAPS = ((1, 1, 1, 1), (1, 3, 7, 7), (1, 3, 7, 14), (1, 3, 7, 30), (2, 7, 14, 30), (5, 15, 30, 90))
MOST_OF_WEEKLY = 0.08
MOST_OF_BANDS = 0.90
MOST_OF_STALENESS = 1 / 20
_PROCESSES = 2


@dataclass(frozen=True)
class Life:
    """One strategy in one world: all a process needs to know.

    Attributes:
        strategy: Whose.
        catalogue: Where the films are.
        films: So many of them; None: all.
        days: How many pass.
        start: The first.
        hour: When the strategy runs.
        needless_names: As `make_world` takes it.
    """

    strategy: Strategy
    catalogue: Path
    films: int | None = None
    days: int = DAYS
    start: date = START
    hour: float = HOUR
    needless_names: float = 0.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    group = parser.add_argument_group("freshness")
    group.add_argument("--catalogue", type=Path, default=CATALOGUE, help="folder of movies.parquet")
    group.add_argument("--days", type=int, default=DAYS, help="simulated days")
    group.add_argument("--films", type=int, help="so many films drawn; default: all")
    group.add_argument("--picture", type=Path, help="write the picture of the docs here")


def measure(runs: int, options: argparse.Namespace) -> Report:
    """Live through the days once, whatever `runs` says: the seed makes the same counts."""
    try:
        films = read_films(options.catalogue, options.films)
    except CatalogueMissing as missing:
        return Report("freshness", "nothing simulated", "", (), [Goal(str(missing), False)])
    plain = Life(ours(), options.catalogue, options.films, options.days)
    compared = [
        plain,
        replace(plain, strategy=ours("ours without the feed", is_feed_enabled=False)),
        *(replace(plain, strategy=one) for one in (weekly(), bands_alone(), newest_hundred())),
    ]
    gaps = [replace(plain, strategy=with_gaps(*days)) for days in GAPS]
    gaps.append(replace(plain, strategy=verified_after(150, 1, 3, 7, 14)))
    others = {
        # What the feed names changes nothing for a strategy that does not read it.
        words: [
            replace(compared[0], **changed),
            replace(compared[3], **{**changed, "needless_names": 0.0}),
        ]
        for words, changed in OTHER_WORLDS.items()
    }
    found = live_all([*compared, *gaps, *(life for pair in others.values() for life in pair)])
    strategies, rest = found[: len(compared)], found[len(compared) :]
    of_gaps, of_worlds = rest[: len(gaps)], rest[len(gaps) :]
    if options.picture:
        options.picture.write_bytes(draw(strategies, options.days))
    return Report(
        name="freshness",
        setting=f"{len(films):,} films, {options.days} days from {START}, one run a day at "
        f"{timedelta(hours=HOUR)} UTC, OMDb {OMDB_QUOTA:,} a day; seeded: counts, no times",
        baseline="",
        rows=(),
        goals=goals(*(strategies[number] for number in (0, 2, 3))),
        figures=[
            _strategies(strategies),
            _reasons(strategies[:4]),
            _by_band([strategies[number] for number in (0, 1, 3)]),
            _gaps(of_gaps, strategies),
            _worlds(list(others), of_worlds, strategies),
        ],
        notes=NOTES,
    )


OTHER_WORLDS = {
    "days from 2025-09-01: 419 films of the last year and to come": {"start": date(2025, 9, 1)},
    "days from 2026-06-01: 200 films of the last year": {"start": date(2026, 6, 1)},
    "the feed names as many films again, needlessly": {"needless_names": 1.0},
    "runs at 3:00": {"hour": 3.0},
}
NOTES = (
    (
        "staleness: from the first change that what is stored lacks to the answer that brings it; "
        "by change: from each single change; what no answer brought counts until the end"
    ),
    (
        "overdue: film-days due for more than a day by the strategy's own rule, after the day its "
        "first fill was done; (c) by the rule of (b)"
    ),
    (
        "all films are known from the first day and filled by every strategy, TMDB's on that day; "
        "undated films change as those of 180-365 days, OMDb's fields as often as TMDB's"
    ),
    (
        "pages of the feed: TMDB names 7,000-12,000 films a day, 100 a page, however small the "
        "collection is; the first day reads 14 days"
    ),
    "gaps of 0 come to the same as gaps of 1 where a strategy runs once a day",
)


def live_all(lives: Sequence[Life]) -> list[Outcome]:
    """Live every life, equal ones once, two at a time, with a bar that tells how far it is."""
    different = [life for number, life in enumerate(lives) if life not in lives[:number]]
    with (
        ProcessPoolExecutor(_PROCESSES, mp_context=get_context("spawn")) as pool,
        Progress(console=Console(stderr=True), transient=True) as progress,
    ):
        task = progress.add_task("strategies", total=len(different))
        running = [pool.submit(live_one, life) for life in different]
        for _ in as_completed(running):
            progress.advance(task)
    return [running[different.index(life)].result() for life in lives]


def live_one(life: Life) -> Outcome:
    """Live one life and sum it up."""
    films = read_films(life.catalogue, life.films)
    world = make_world(films, life.start, life.days, seed=SEED, needless_names=life.needless_names)
    return outcome_of(live(life.strategy, world, omdb_quota=OMDB_QUOTA, hour=life.hour), world)


def goals(mine: Outcome, weekly: Outcome, bands: Outcome) -> list[Goal]:
    """The goals: requests for films, staleness, what was late.

    The feed's own pages are told, not counted: they are as many for a collection of any size, and
    more than a small one can save.
    """
    found = []
    asked = mine.requests[Source.TMDB]
    for other, most in ((weekly, MOST_OF_WEEKLY), (bands, MOST_OF_BANDS)):
        theirs = other.requests[Source.TMDB]
        found.append(
            Goal(
                f"TMDB requests for films: {asked / theirs:.2%} of {other.name} "
                f"({mine.tmdb_in_all / theirs:.1%} with the feed's own pages), goal <= {most:.0%}",
                asked / theirs <= most,
            )
        )
    stale, theirs = (one.staleness[Source.TMDB] for one in (mine, bands))
    share = theirs.mean_days / stale.mean_days
    by_change = theirs.mean_days_by_change / stale.mean_days_by_change
    found.append(
        Goal(
            f"staleness {stale.mean_days:.2f} d, 1/{share:.1f} of {bands.name} (1/{by_change:.1f} "
            "counted by single change), goal <= 1/20",
            stale.mean_days <= theirs.mean_days * MOST_OF_STALENESS,
        )
    )
    late = sum(mine.overdue.values())
    found.append(Goal(f"overdue after the first fill {late}, goal 0", late == 0))
    return found


def _strategies(outcomes: Sequence[Outcome]) -> Figures:
    weekly = outcomes[2].requests[Source.TMDB]
    columns = (
        "strategy", "TMDB films", "feed pages", "of (a)", "with pages", "OMDb",
        "stale, mean d", "95 %, d", "by change, d", "OMDb stale, d",
        "overdue TMDB", "overdue OMDb", "frozen",
    )  # fmt: skip
    lines = [
        (
            one.name,
            one.requests[Source.TMDB],
            one.pages,
            f"{one.requests[Source.TMDB] / weekly:.1%}",
            f"{one.tmdb_in_all / weekly:.1%}",
            one.requests[Source.OMDB],
            one.staleness[Source.TMDB].mean_days,
            one.staleness[Source.TMDB].p95_days,
            one.staleness[Source.TMDB].mean_days_by_change,
            one.staleness[Source.OMDB].mean_days,
            one.overdue[Source.TMDB],
            one.overdue[Source.OMDB],
            one.frozen,
        )
        for one in outcomes
    ]
    return Figures("strategies", columns, lines)


def _reasons(outcomes: Sequence[Outcome]) -> Figures:
    lines = [
        (one.name, *(one.reasons.get(why, 0) for why in (FIRST_FILL, NAMED, BY_TIME)))
        for one in outcomes
    ]
    return Figures("what made TMDB's films due", ("", FIRST_FILL, NAMED, BY_TIME), lines)


def _by_band(outcomes: Sequence[Outcome]) -> Figures:
    lines = [
        (band, *(one.staleness[Source.TMDB].mean_days_by_band.get(band) for one in outcomes))
        for band in AGE_BANDS
    ]
    columns = ("age on the day of the change", *(f"{one.name}, d" for one in outcomes))
    return Figures("mean staleness of TMDB's fields by age", columns, lines)


def _gaps(outcomes: Sequence[Outcome], strategies: Sequence[Outcome]) -> Figures:
    return Figures(
        "other gaps: days by age, 0-60 / 60-180 / 180-365 / over 365",
        _SHORT,
        [
            _short(words, one, strategies[2], strategies[3])
            for words, one in [
                ("1 / 3 / 7 / 11 (ours)", strategies[0]),
                *((one.name, one) for one in outcomes),
            ]
        ],
    )


def _worlds(
    names: Sequence[str], pairs: Sequence[Outcome], strategies: Sequence[Outcome]
) -> Figures:
    # Everything weekly asks for as much in every world.
    lines = [_short(f"as above, days from {START}", strategies[0], strategies[2], strategies[3])]
    for words, mine, bands in zip(names, pairs[::2], pairs[1::2], strict=True):
        lines.append(_short(words, mine, strategies[2], bands))
    return Figures("ours in other worlds", _SHORT, lines)


_SHORT = (
    "", "TMDB films", "of (a)", "of (b)", "stale, mean d", "95 %, d", "of (b)'s mean",
    "by change, d", "of (b)'s",
)  # fmt: skip


def _short(words: str, one: Outcome, weekly: Outcome, bands: Outcome) -> tuple:
    asked, stale = one.requests[Source.TMDB], one.staleness[Source.TMDB]
    theirs = bands.staleness[Source.TMDB]
    return (
        words,
        asked,
        f"{asked / weekly.requests[Source.TMDB]:.1%}",
        f"{asked / bands.requests[Source.TMDB]:.1%}",
        stale.mean_days,
        stale.p95_days,
        f"1/{theirs.mean_days / stale.mean_days:.1f}" if stale.mean_days else "-",
        stale.mean_days_by_change,
        f"1/{theirs.mean_days_by_change / stale.mean_days_by_change:.1f}"
        if stale.mean_days_by_change
        else "-",
    )
