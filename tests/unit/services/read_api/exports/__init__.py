"""The formats of exports, without a database."""
