"""What is kept: the rows and tallies that a state means, moved by difference.

A subject says what it adds to each tally (`contributions`); a batch applies new minus old, once
per touched subject (`folding`). A contribution depends on its own subject alone; what hangs on
another is joined when a report is read.
"""
