"""Tests of `callfold explain`."""
