"""Campaigns over HTTP, folded from events as a projector folds them."""
