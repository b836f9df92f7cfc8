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
INCIDENTS: Final = ("callfold_incidents_total", "Incidents declared, by kind; see the runbook.")
INCIDENTS_OPEN: Final = (
    "callfold_incidents_open",
    "Incidents that nobody acknowledged, by kind, as the database has them.",
)
ENTRIES_LOST: Final = (
    "callfold_entries_lost_total",
    "Stream entries that others removed before they were read, as far as they can be counted.",
)
PARKED_SOURCES_OVER: Final = (
    "callfold_parked_sources_over_quota",
    "Sources that parked more than is kept whole of one.",
)
SEQUENCES_MISSING: Final = (
    "callfold_sequence_numbers_missing",
    "Numbers of sources' own counters that did not arrive, late ones and acknowledged ones not.",
)
TRIMMED_EARLY: Final = (
    "callfold_entries_trimmed_early_total",
    "Archived entries dropped from Redis before their time, because its memory was short.",
)
FOLLOWING_LAG_MS: Final = (
    "callfold_following_lag_ms",
    "How far a generation that is kept beside the live one is behind it, in stream time.",
)
CACHE_BYTES: Final = ("callfold_cache_bytes", "Bytes of states held in memory.")

REQUESTS: Final = ("callfold_requests_total", "Requests over HTTP, by route and status.")
REQUEST_SECONDS: Final = ("callfold_request_seconds", "How long a request took, by route.")
REPORT_LOOKUPS: Final = (
    "callfold_report_lookups_total",
    "Reports asked for: `hit`, `join` (read by another request), `miss`, `bypass` (not kept).",
)
REPORT_CACHE_BYTES: Final = (
    "callfold_report_cache_bytes",
    "Bytes of reports kept in memory, about.",
)
INGESTED: Final = (
    "callfold_ingested_events_total",
    "Events that came over HTTP, by result: `accepted`, or why one is bad.",
)

VERIFIED_AT: Final = (
    "callfold_verified_at_seconds",
    "When the last complete verification ended, in seconds since 1970; see `callfold verify`.",
)
VERIFY_MISMATCHES: Final = (
    "callfold_verify_mismatches",
    "What the last complete verification found, by check; 0 is well.",
)
VERIFY_FIGURES: Final = (
    "callfold_verify_figures",
    "Figures that the last complete verification compared.",
)
VERIFY_SECONDS: Final = ("callfold_verify_seconds", "How long the last complete one took.")
VERIFICATIONS: Final = (
    "callfold_verifications_total",
    "Verifications by result: `equal`, `different`, or `failed` (could not run).",
)
