"""Whole stories, from a publisher to a report: one file or folder for each."""
