"""PostgreSQL's second wall: rows of another practice do not exist for the application's role.

The explicit predicate stands in every statement; these policies hold when one is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator

# Who the application is inside the database, whoever it logs in as: no owner, no superuser.
ROLE = "twelveweeks_app"

# Settings of a transaction that policies read. Unset is '' once it was ever set, never NULL.
PRACTICE = "app.practice_id"
DIRECTORY = "app.directory"

# No subquery: a distributed PostgreSQL can then tell whose rows a statement is about.
_OWN = f"nullif(current_setting('{PRACTICE}', true), '')::uuid"
_LISTING = f"current_setting('{DIRECTORY}', true) = 'on'"


def protect(table: str, *, append_only: bool = False) -> Iterator[str]:
    """Yield the statements that confine a table of practice data to one practice at a time.

    The owner is confined as well; `append_only` tables can be read and added to.
    """
    yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
    yield f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"
    yield (
        f"CREATE POLICY own_practice ON {table} "
        f"USING (practice_id = {_OWN}) WITH CHECK (practice_id = {_OWN})"
    )
    yield f"GRANT {'SELECT, INSERT' if append_only else _ALL} ON {table} TO {ROLE}"


def protect_practices() -> Iterator[str]:
    """Yield the same for the table of practices, which may also be listed."""
    yield "ALTER TABLE practice ENABLE ROW LEVEL SECURITY"
    yield "ALTER TABLE practice FORCE ROW LEVEL SECURITY"
    yield f"CREATE POLICY own_practice ON practice USING (id = {_OWN}) WITH CHECK (id = {_OWN})"
    yield f"CREATE POLICY directory ON practice FOR SELECT USING ({_LISTING})"
    yield f"GRANT SELECT, INSERT, UPDATE ON practice TO {ROLE}"


def expose(table: str, *rights: str) -> Iterator[str]:
    """Yield the statement that lets the application use a table of no practice."""
    yield f"GRANT {', '.join(rights) or _ALL} ON {table} TO {ROLE}"


def release(table: str) -> Iterator[str]:
    """Yield the statements that undo all of the above."""
    yield f"DROP POLICY IF EXISTS own_practice ON {table}"
    yield f"DROP POLICY IF EXISTS directory ON {table}"
    yield f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY"
    yield f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"
    yield f"REVOKE ALL ON {table} FROM {ROLE}"


def make_role() -> Iterator[str]:
    """Yield the statements that make the role where it is not there, and lend it to the caller.

    Roles belong to the whole server: another database of it may have made this one.
    """
    missing = (
        f"an administrator of this server must first run: CREATE ROLE {ROLE} NOLOGIN; "
        f"GRANT {ROLE} TO %"
    )
    yield f"""
DO $$ BEGIN
  CREATE ROLE {ROLE} NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
EXCEPTION
  WHEN duplicate_object OR unique_violation THEN NULL;
  WHEN insufficient_privilege THEN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '{ROLE}') THEN
      RAISE EXCEPTION '{missing}', current_user;
    END IF;
END $$
"""
    yield f"""
DO $$ BEGIN
  -- From 16 on, whoever makes a role may hand it out and not yet become it.
  IF NOT pg_has_role(current_user, '{ROLE}', CASE
    WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END) THEN
    EXECUTE format('GRANT {ROLE} TO %I', current_user);
  END IF;
EXCEPTION WHEN insufficient_privilege THEN
  RAISE EXCEPTION '{missing}', current_user;
END $$
"""


_ALL = "SELECT, INSERT, UPDATE, DELETE"
