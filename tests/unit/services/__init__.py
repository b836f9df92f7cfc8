"""Unit tests of services: pure parts, without servers."""
