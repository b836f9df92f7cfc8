"""Tests of the second computation."""
