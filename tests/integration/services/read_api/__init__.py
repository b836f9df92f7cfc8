"""Tests of the read API: the real process, asked over HTTP, above a real PostgreSQL."""
