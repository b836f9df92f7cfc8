"""Unit tests of the campaigns' interface."""
