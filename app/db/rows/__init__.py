"""The types of rows, one module for each area.

A row is a plain dictionary, as the database hands it out. `XRow` has a key for every column of
its table; `XValues` are the columns that a service may write, for a new row or for a change.
"""
