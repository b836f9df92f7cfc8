"""Tests of who may read what, without a server."""
