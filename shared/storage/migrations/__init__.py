"""Migrations of what is no generation of the projections."""
