"""Tests of publishing and reading, against a real server."""
