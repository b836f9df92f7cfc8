"""Tests of the projector as a process, on real servers."""
