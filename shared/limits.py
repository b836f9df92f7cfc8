"""Every limit, with what it bounds. Those of the contract are fixed by events.md."""

# The contract (events.md, section 1)
ID_CHARS_MAX = 128  #: every id and name that becomes a key, in characters
ID_BYTES_MAX = 256  #: the same in bytes of UTF-8; keeps every index row below a third of a page
SOURCE_CHARS_MAX = 256  #: `source`
NESTING_MAX = 100  #: objects and arrays within one another: what every reader's parser takes
DIGITS_MAX = 4_000  #: of a number: Python's own limit for integers is 4,300
EVENT_BYTES_MAX = 1024 * 1024  #: a whole event; of a larger one this much is kept when parked
INTEGER_MAX = 2**53  #: integers lie within ± this
AMOUNT_MAX = 10**12  #: amounts lie strictly within ± this
AMOUNT_DECIMALS_MAX = 9  #: decimals of an amount
PARTITIONS_DEFAULT = 16  #: N, where `callfold:partitions` says nothing
PARTITIONS_MAX = 1024  #: N at most: each partition is a stream, a lease and a cursor

# How lanes are read; architecture.md, point 7, asks for the bounds
REPLY_BYTES_MAX = 4 * 1024 * 1024  #: what one XREAD reply should stay below
READ_COUNT_MIN = 2  #: entries per stream asked for after a quiet time
READ_COUNT_MAX = 2_000  #: entries per stream asked for under load
ENTRY_MS_MAX = 2**63 - 1  #: milliseconds of an entry id that a position can be (Redis: 2^64-1)

# How batches are bounded, beside the settings
BATCH_SUBJECTS_MAX = 8_000  #: about; their states are decoded in memory until the batch is closed

# Leases
LEASE_MS_MAX = 600_000  #: of `CALLFOLD_LEASE_MS`; what lasts longer was given by a false clock

# Events over HTTP; an event itself is bounded as everywhere
HTTP_BODY_BYTES_MAX = 16 * 1024 * 1024  #: the body of one request
HTTP_EVENTS_MAX = 10_000  #: events of one request: the answer may have to name each
HTTP_CONNECTIONS_MAX = 4_096  #: of one process; more wait to be accepted
HTTP_BODIES_BYTES_MAX = 128 * 1024 * 1024  #: bodies that one process holds at a time

# The reports; reports.md names them
PAGE_LIMIT_MAX = 100  #: `limit` of the call history
PAGE_LIMIT_DEFAULT = 20  #: `limit` where none is said
PAGE_NUMBER_MAX = 1_000_000_000  #: `page`; beyond it an offset would leave the integers
CALL_PAGE_SIZE_MAX = 50  #: `page_size` of an agent's call executions; seed-systems.md, 3.4
CALL_ARRAY_MAX = 1_000  #: call executions of an array that names no page; a link leads to the next
CAMPAIGN_PAGE_MAX = 1_000  #: `per_page` of a campaign's lists
CAMPAIGN_PAGE_SIZE = 50  #: `per_page` where none is said
DTMF_CHARS_MAX = 4  #: longer inputs (account numbers, PINs) count under `other`
DTMF_INPUTS_MAX = 50  #: inputs listed per node; the rest counts under `other`
REPORT_STREAMS_MAX = 2_000  #: watchers of live reports of one process
TOP_COSTLY_CALLS = 10  #: attempts in `topCostlyCalls`

# Exports; the first three are XLSX's own
SHEET_ROWS_MAX = 1_048_576  #: rows of a sheet, its header too; more go on in the next one
SHEET_COLUMNS_MAX = 16_384  #: columns of a sheet
SHEET_CELL_CHARS_MAX = 32_767  #: of a cell, in UTF-16; a longer text is cut and says so
EXPORT_STALL_S = 60  #: how long a client may take nothing before its export ends
EXPORT_TAKES_S = 3_600  #: how long one export may take: it holds a snapshot of the database
EXPORT_PART_BYTES = 1024 * 1024  #: of a kept file, read and sent at a time
EXPORT_JOBS_OPEN_MAX = 5  #: jobs of an organization that are not over
EXPORT_FILES_KEPT_MAX = 20  #: files of an organization that are kept
EXPORT_TRIES_MAX = 3  #: how often a job is begun whose process died

# Replays of reports
REFOLDED_SUBJECTS_MAX = 20_000  #: subjects of a partition whose states are in memory at a time
REPLAYED_CALLS_MAX = 100_000  #: calls of a call history that one replay prints or compares

# Repairs in place: a lane stands still for one transaction
REPAIR_SUBJECTS_MAX = 500  #: subjects that one transaction replaces
REPAIR_BYTES_MAX = 4 * 1024 * 1024  #: of their states and journals
REPAIR_TALLIES_MAX = 5_000  #: rows of tallies that one transaction corrects
REPAIR_EVENTS_MAX = 500_000  #: events of a partition whose subjects are in memory at a time

# Rebuilds
REBUILD_BATCH_EVENTS = 50_000  #: events of one transaction of a rebuild
REBUILD_BATCH_SUBJECTS = 20_000  #: about; subjects of one, whose states are in memory decoded
SWITCH_BARRIER_MS = 500  #: for how long a switch may hold up commits
