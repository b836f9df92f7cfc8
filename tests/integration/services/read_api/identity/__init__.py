"""Tests of who may read what, over HTTP."""
