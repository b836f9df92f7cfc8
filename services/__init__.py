"""Processes; they never import one another."""
