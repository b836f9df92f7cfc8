"""Exports over HTTP: files of an execution that was folded from events."""
