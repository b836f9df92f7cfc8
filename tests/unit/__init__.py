"""Tests without I/O: one folder for each folder of the source, under five seconds in all."""
