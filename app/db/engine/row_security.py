"""PostgreSQL's second wall: rows of another practice do not exist for the application's role.

The explicit predicate stands in every statement; the policies, which the migrations make, hold
when one is forgotten.
"""

from __future__ import annotations

# Who the application is inside the database, whoever it logs in as: no owner, no superuser.
ROLE = "twelveweeks_app"

# Settings of a transaction that policies read. Unset is '' once it was ever set, never NULL.
PRACTICE = "app.practice_id"
DIRECTORY = "app.directory"
