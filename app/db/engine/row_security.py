"""Row-level security of PostgreSQL: the application's role sees one practice's rows only.

Every statement names its practice all the same; the policies, which the migrations make, hold
when one is forgotten.
"""

from __future__ import annotations

# Who the application is inside the database, whoever it logs in as: no owner, no superuser.
ROLE = "twelveweeks_app"

# Settings of a transaction that policies read. Unset is '' once it was ever set, never NULL.
PRACTICE = "app.practice_id"
DIRECTORY = "app.directory"
