"""The program-execution reports: `/program-execution/{executionId}/report…` (reports.md)."""
