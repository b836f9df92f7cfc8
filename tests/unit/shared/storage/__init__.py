"""Tests of `shared.storage` that need no server."""
