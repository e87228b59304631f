"""Twelveweeks: botulinum toxin cycles for headache clinics."""

import gc
from importlib.metadata import PackageNotFoundError, version

# What is imported and built lives as long as the process: with Python's own limit of 700 objects,
# looking through it again and again is a sixth of a server's start.
gc.set_threshold(50_000, 20, 50)

try:
    __version__ = version("twelveweeks")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0"
