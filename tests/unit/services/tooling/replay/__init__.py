"""Tests of `callfold replay`."""
