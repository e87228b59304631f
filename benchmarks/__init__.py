"""Twelveweeks measured against hand-written floors, in one interleaved run: `make bench`."""
