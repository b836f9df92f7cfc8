"""Exports: files of any size, streamed or made by jobs (reports.md, Exports).

`python -m services.read_api.exports` writes one file in a process of its own, so that neither its
memory nor its work is the read API's.
"""
