"""`callfold demo`: a messy campaign through everything, its report compared with the truth.

Registered by the command line in `__main__`. The truth is counted by the generator before anything
is duplicated, shuffled or lost; the report is read over HTTP like any customer's.
"""

import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console

from services.tooling.demo_report import differences_table, report_tables
from services.tooling.embedded import DataDirectory
from services.tooling.feed import Feed, Messiness, settles_contact
from services.tooling.figure_comparison import Figure, compare
