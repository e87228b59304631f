"""Verbs: load, decide, save, record. They never commit; the edge or the command does."""
