"""Tests of the folds: given these events, this is the state."""
