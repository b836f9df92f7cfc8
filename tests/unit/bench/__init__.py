"""Tests of what the benchmarks' figures rest on: arithmetic, traffic files, complete answers."""
