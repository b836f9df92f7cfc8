"""Unit tests of what travels."""
