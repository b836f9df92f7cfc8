"""Generator of valid events, made to collide: few ids, few instants, few sources.

Top to bottom: `values` (what keys hold), `subject_payloads` and `attempt_payloads` (a table of
keys per type), `events` (CloudEvents as dictionaries, and sets of them), `deliveries` (how a set
arrives: in which bytes, order, repetition and batches). It shares no code with the product;
`test_generator_reach.py` checks it against the product's structs, key by key.
"""
