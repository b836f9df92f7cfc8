"""Tests of the shared packages with real servers."""
