"""The partition owner: read → decode → fold → commit, for the lanes that it holds.

`lease_keeper` decides which lanes, `engine` reads and folds them, `commit_thread` commits while
the engine goes on, `stream_keeper` trims behind, `stream_watch` declares loss; `app` puts them
together.
"""
