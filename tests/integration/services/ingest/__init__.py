"""Tests of ingest: the real process, sent to over HTTP, above a real Redis and PostgreSQL."""
