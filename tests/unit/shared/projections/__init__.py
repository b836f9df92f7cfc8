"""Tests of rows, contributions and batches, with figures computed by hand."""
