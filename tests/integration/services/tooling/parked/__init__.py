"""Tests of `callfold parked`."""
