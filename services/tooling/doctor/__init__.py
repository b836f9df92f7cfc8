"""`callfold doctor`: whether an installation is as it must be. One module a family of checks.

`check` is what each finds; `command` asks them all, and goes on where a server is away.
"""
