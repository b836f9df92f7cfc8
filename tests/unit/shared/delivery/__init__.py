"""Tests of delivery that need no server."""
