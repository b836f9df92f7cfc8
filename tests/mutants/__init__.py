"""Named mutants of the product, each with the test that kills it: `python -m tests.mutants`.

A mutant is one plausible mistake. If its test passes all the same, that test proves nothing.
"""
