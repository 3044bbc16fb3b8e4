"""The figures of the collection, by name: rows of `collection_stats` and of `ayne status`.

Lives here: names. Not here: the counting (`storage/status_queries.py`, `storage/stats_queries.py`)
and the pictures (`charts/collection_stats.py`).
"""

ALL = "all"
"""The part of a figure that is not divided."""
FILMS, WITH_DETAILS, WITH_RATINGS = "films", "with details", "with ratings"
FULLY_REFRESHED, FROZEN = "fully refreshed", "frozen"
DUE_NOW, DUE_SOON = "due now", "due in 7 days"
KEPT_BACK = "kept back by the change feed"
RUNS, SUCCESS, SECONDS = "runs in 30 days", "success rate in 30 days", "mean seconds in 30 days"
REQUESTS_LEFT = "requests left today"
HISTORY_ROWS, HISTORY_THINNED = "history rows", "history rows thinned"
