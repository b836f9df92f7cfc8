"""Tests of the shared packages without any server."""
