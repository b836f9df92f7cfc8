"""Tests of the reference model itself, each figure computed by hand."""
