"""Tests against real servers and processes; the tree below mirrors the source."""
