"""The figures of the reports, computed from published events by SQL in DuckDB alone.

It shares no code with what it checks: it imports nothing of `shared`, which import-linter keeps so.
Where the contract or reports.md says something, the `.sql` files say it in the same words.
"""
