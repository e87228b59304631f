"""Verbs: load, decide, save, record. They never commit; the door they came through does."""
