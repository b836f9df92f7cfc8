"""Tests of what explains a figure."""
