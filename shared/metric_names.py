"""Every metric: its name, with unit, and what it says."""

from typing import Final

ENTRIES: Final = ("callfold_entries_total", "Stream entries committed, whatever became of them.")
DUPLICATES: Final = ("callfold_duplicates_total", "Events that were known already.")
PARKED: Final = ("callfold_parked_total", "Entries parked, by reason.")
FORWARDED: Final = ("callfold_forwarded_total", "Entries moved to the partition they belong to.")
SUSPECTS: Final = (
    "callfold_suspects_total",
    "Duplicates with other bytes, compared decoded; see conflicting_events for those that differ.",
)
COMMITS: Final = ("callfold_commits_total", "Batches, by result.")
COMMIT_SECONDS: Final = ("callfold_commit_seconds", "How long a batch's commit took.")
BATCH_ENTRIES: Final = ("callfold_batch_entries", "Entries of a batch.")
LANES: Final = ("callfold_lanes", "Lanes that this projector holds.")
LAG_MS: Final = (
    "callfold_lag_ms",
    "Age of the newest committed entry of a lane that has more to read; 0 when it is caught up.",
)
CACHE_BYTES: Final = ("callfold_cache_bytes", "Bytes of states held in memory.")

REQUESTS: Final = ("callfold_requests_total", "Requests of the read API, by route and status.")
REQUEST_SECONDS: Final = ("callfold_request_seconds", "How long a request took, by route.")
