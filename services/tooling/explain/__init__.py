"""`callfold explain`: which attempts and which events make a figure of a report.

`command` is the command, `figures` knows what each figure is made of, `deciding` which events
decide, `answer` puts it together.
"""
