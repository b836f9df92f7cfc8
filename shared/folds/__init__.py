"""What events mean: (state, event) → state, one file per subject family.

A state is a function of the *set* of its subject's events, whatever their order: every part of it
merges by rule 3 of events.md (a winner), by a smallest or largest time, or by an exact sum. The
caller drops duplicates first (`journal`). Folds do no I/O and read no clock; they change the
state that they are given, because a copy per event would cost more than the fold.
"""
