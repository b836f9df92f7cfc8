"""Tests of the command line's parts: embedded servers, supervisor."""
