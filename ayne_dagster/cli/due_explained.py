"""`ayne due --explain`: everything that decides when one film is asked for.

Lives here: gathering and showing it. Not here: the decision and its sentence
(`domain/due_reasons.py`).
"""

from typing import Any

import click

from ayne_dagster.cli.collection import BOX_OFFICE, Collection
from ayne_dagster.cli.console import console, moment, print_json, table
from ayne_dagster.cli.options import unknown_film


def explain(collection: Collection, tmdb_id: int, *, as_json: bool) -> None:
    """Show what decides about a film at each source.

    Raises:
        click.UsageError: The film is not known here.
    """
    report = explanation(collection, tmdb_id)
    if as_json:
        print_json(report)
    else:
        _show(report)


def explanation(collection: Collection, tmdb_id: int) -> dict[str, Any]:
    """What decides about a film: the document of `--json`.

    Raises:
        click.UsageError: The film is not known here.
    """
    from ayne_dagster.storage.status_queries import StatusQueries
    from ayne_dagster.storage.steering_queries import SteeringQueries

    film = SteeringQueries(collection.warehouse).films([tmdb_id]).get(tmdb_id)
    if film is None:
        raise click.UsageError(unknown_film(tmdb_id))
    released, feed = film["release_date"], StatusQueries(collection.warehouse).change_feed()
    sources = [_of_source(collection, name, tmdb_id) for name in ("tmdb", "omdb", BOX_OFFICE)]
    return {
        **film,
        "age_days": (collection.now.date() - released).days if released else None,
        "age_band": sources[0]["age_band"],
        "is_frozen": sources[0]["is_frozen"],
        "sources": sources,
        "change_feed_known_since": feed.since if feed else None,
        "change_feed_read_up_to": feed.until if feed else None,
        "at": collection.now,
    }


def _of_source(collection: Collection, name: str, tmdb_id: int) -> dict[str, Any]:
    """The decision at one source with the numbers behind it."""
    import pandas as pd

    from ayne_dagster.domain.refresh_policy import spread_factors
    from ayne_dagster.storage.status_queries import StatusQueries

    queries = StatusQueries(collection.warehouse)
    source, policy = collection.rule(name)
    [decision] = [
        one for one in queries.explain(tmdb_id, collection.now, policy) if one.source is source
    ]
    state = queries.refresh_states(source, [tmdb_id]).get(tmdb_id, {})
    days = policy.days(source, decision.age_band)
    if decision.is_frozen:
        days = policy.recheck_days(source, decision.age_band)
    [factor] = spread_factors(pd.Series([tmdb_id]), policy.spread)
    return {
        "source": name,
        "is_due": decision.is_due,
        "due_at": decision.due_at,
        "why": decision.why.value,
        "words": decision.words,
        "age_band": decision.age_band,
        "is_frozen": decision.is_frozen,
        "interval_days": days,
        "spread_share": round(factor - 1, 4),
        # Unrounded: rounded twice, the table said other days than the sentence.
        "interval_with_spread_days": float(days * factor),
        "fetched_at": decision.fetched_at,
        "outcome": state.get("outcome") if decision.fetched_at else None,
        "last_change_at": state.get("last_change_at"),
        "unchanged_cycles": state.get("unchanged_cycles", 0),
        "cycles_to_freeze": policy.frozen_after_cycles,
        "named_by_change_feed_on": decision.named_on,
        "is_kept_back_by_change_feed": decision.is_spared,
    }


def _show(report: dict[str, Any]) -> None:
    age = "no release date"
    if report["release_date"] is not None:
        days = report["age_days"]
        age = f"released {report['release_date']}, " + (
            f"{days:,} days ago" if days >= 0 else f"in {-days:,} days"
        )
    frozen = "frozen" if report["is_frozen"] else "not frozen"
    click.echo(f"{report['tmdb_id']} {report['title']}: {age} ({report['age_band']}), {frozen}\n")
    sources = report["sources"]
    facts = [
        ("due", [one["is_due"] for one in sources]),
        ("due at (UTC)", [moment(one["due_at"]) or "never" for one in sources]),
        ("last answer (UTC)", [moment(one["fetched_at"]) for one in sources]),
        ("what it was", [one["outcome"] for one in sources]),
        ("last change (UTC)", [moment(one["last_change_at"]) for one in sources]),
        ("unchanged refreshes", [f"{one['unchanged_cycles']} of {one['cycles_to_freeze']}"
                                 for one in sources]),
        ("interval, days", [f"{one['interval_days']:g}" for one in sources]),
        ("its spread", [f"{one['spread_share']:+.1%} = {one['interval_with_spread_days']:.1f} days"
                        for one in sources]),
        ("named by the change feed", [one["named_by_change_feed_on"] for one in sources]),
    ]  # fmt: skip
    screen = console()
    names = [one["source"] for one in sources]
    rows = [[name, *told] for name, told in facts]
    screen.print(table("What decides", ["", *names], rows, whole=names))
    click.echo()
    for one in sources:
        click.echo(f"{one['source']}: {one['words']}.")
    read = report["change_feed_read_up_to"]
    click.echo(
        f"TMDB's change feed: read up to {moment(read)} UTC, without a gap since "
        f"{moment(report['change_feed_known_since'])} UTC."
        if read
        else "TMDB's change feed: not read yet."
    )
