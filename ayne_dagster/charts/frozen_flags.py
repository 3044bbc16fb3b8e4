"""The picture of `frozen_flags`: films per age band, and when the next ones come due."""

from datetime import datetime

import numpy as np
import pandas as pd

from ayne_dagster.charts import theme
from ayne_dagster.domain.tables.derived import AGE_BANDS

DAYS_AHEAD = 90


def plot_frozen_flags(frozen_flags: pd.DataFrame, now: datetime) -> bytes:
    """Films per age band (frozen or not), and films due per week of the coming 90 days.

    Args:
        frozen_flags: Rows of `frozen_flags`.
        now: Aware time from which on the weeks count; what is overdue is one bar.

    Returns:
        A PNG; of an empty frame one that says so.
    """
    if frozen_flags.empty:
        return theme.no_data_yet("flags")
    is_frozen = frozen_flags["is_frozen"].astype(bool)
    title = f"{len(frozen_flags):,} films, {int(is_frozen.sum()):,} of them frozen"
    figure, (bands, weeks) = theme.new_figure(title, height=3.6, columns=2)

    names = [*reversed(AGE_BANDS)]
    awake = frozen_flags[~is_frozen]["age_band"].value_counts().reindex(names, fill_value=0)
    frozen = frozen_flags[is_frozen]["age_band"].value_counts().reindex(names, fill_value=0)
    bands.barh(names, awake, color=theme.BLUE, label="refreshed")
    bands.barh(names, frozen, left=awake, color=theme.SKY, label="frozen")
    theme.label_axes(bands, x="films by age since release")
    theme.light_grid(bands, "x")
    theme.add_legend(bands, loc="upper right", bbox_to_anchor=(1, 1.15), ncols=2, columnspacing=1)

    days = days_until_due(frozen_flags, now)
    edges = np.arange(0, DAYS_AHEAD + 7, 7)
    per_week = np.histogram(days[(days > 0) & (days <= edges[-1])], bins=edges)[0]
    weeks.bar([-0.8], [int((days <= 0).sum())], width=0.8, color=theme.RED)
    weeks.bar(np.arange(len(per_week)) + 0.5, per_week, width=0.8, color=theme.BLUE)
    weeks.set_xticks([-0.8, 0.5, 4.5, 8.5, 12.5], ["now", "1", "5", "9", "13"])
    theme.whole_numbers(weeks, "y")
    theme.label_axes(weeks, x="weeks from now", y="films", title="when the first source is due")
    theme.light_grid(weeks, "y")
    return theme.to_png(figure)


def days_until_due(frozen_flags: pd.DataFrame, now: datetime) -> np.ndarray:
    """Days until the first source of each film that is to be asked again; overdue is negative.

    Returns:
        Float array of the films with a due time, in no particular order.
    """
    due = pd.concat(
        [pd.to_datetime(frozen_flags[name], utc=True) for name in ("tmdb_due_at", "omdb_due_at")],
        axis=1,
    ).min(axis=1)
    waits = due.dropna() - pd.Timestamp(now)
    return waits.dt.total_seconds().to_numpy(float) / 86_400
