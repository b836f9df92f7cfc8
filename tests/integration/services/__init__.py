"""Tests of the services with real servers."""
