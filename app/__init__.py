"""Twelveweeks: botulinum toxin cycles for headache clinics."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("twelveweeks")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0"
