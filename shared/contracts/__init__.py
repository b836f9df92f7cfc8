"""What travels: the event contract of events.md as typed structs, and how to read it.

Top to bottom: `instants` and `amounts` (exact values), `envelope` (CloudEvents attributes), one
file of structs per family, `event_types` (the closed list, ranks, kinds), `codec` (stream entry →
event, or the reason why not), `stream_names` (where it travels), `documents` (schemas for others).
"""
