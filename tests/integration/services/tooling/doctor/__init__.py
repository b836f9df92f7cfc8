"""Tests of `callfold doctor`."""
