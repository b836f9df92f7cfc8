"""Unit tests of the operator's command line."""
