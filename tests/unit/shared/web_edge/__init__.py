"""Tests of what HTTP processes share at their edge."""
