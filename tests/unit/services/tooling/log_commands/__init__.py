"""Tests of the pure parts of `callfold log`."""
