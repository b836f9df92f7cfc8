"""Tests of the read API that need no server."""
