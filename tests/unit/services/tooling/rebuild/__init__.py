"""Tests of what building and comparing generations prints."""
