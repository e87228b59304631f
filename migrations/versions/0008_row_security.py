"""Row-level security on PostgreSQL, and the role the application works as."""

from collections.abc import Iterator

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

CONFINED = (
    "api_key",
    "closure",
    "course",
    "hold",
    "idempotency",
    "identifier",
    "import_batch",
    "import_row",
    "location",
    "outside_session",
    "patient",
    "practitioner",
    "protocol_version",
    "session",
    "staff",
)
APPENDED = ("audit_event", "audit_seal")

# As they were when this was written: a migration does not change when the code does.
ROLE = "twelveweeks_app"
PRACTICE = "app.practice_id"
DIRECTORY = "app.directory"
OWN = f"(SELECT nullif(current_setting('{PRACTICE}', true), '')::uuid)"
LISTING = f"(SELECT current_setting('{DIRECTORY}', true)) = 'on'"
ALL = "SELECT, INSERT, UPDATE, DELETE"


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    statements = [*_make_role()]
    statements.append(f"GRANT USAGE ON SCHEMA public TO {ROLE}")
    statements += _protect_practices()
    for table in CONFINED:
        statements += _protect(table)
    for table in APPENDED:
        statements += _protect(table, append_only=True)
    statements += _expose("credential")
    statements += _expose("erasure", "SELECT")
    statements += _expose("alembic_version", "SELECT")
    for statement in statements:
        op.execute(statement)
    # A view looks with its owner's eyes unless told otherwise; older servers cannot be told.
    version = op.get_bind().exec_driver_sql("SHOW server_version_num").scalar_one()
    if int(version) >= 150000:
        op.execute("ALTER VIEW injection SET (security_invoker = true)")
        op.execute(f"GRANT SELECT ON injection TO {ROLE}")


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute(f"REVOKE ALL ON injection FROM {ROLE}")
    for table in ("practice", *CONFINED, *APPENDED, "credential", "erasure", "alembic_version"):
        for statement in _release(table):
            op.execute(statement)
    op.execute(f"REVOKE USAGE ON SCHEMA public FROM {ROLE}")


def _protect(table: str, *, append_only: bool = False) -> Iterator[str]:
    """Yield the statements that confine a table of practice data to one practice at a time.

    The owner is confined as well; `append_only` tables can be read and added to.
    """
    yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
    yield f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"
    yield (
        f"CREATE POLICY own_practice ON {table} "
        f"USING (practice_id = {OWN}) WITH CHECK (practice_id = {OWN})"
    )
    yield f"GRANT {'SELECT, INSERT' if append_only else ALL} ON {table} TO {ROLE}"


def _protect_practices() -> Iterator[str]:
    """Yield the same for the table of practices, which may also be listed."""
    yield "ALTER TABLE practice ENABLE ROW LEVEL SECURITY"
    yield "ALTER TABLE practice FORCE ROW LEVEL SECURITY"
    yield f"CREATE POLICY own_practice ON practice USING (id = {OWN}) WITH CHECK (id = {OWN})"
    yield f"CREATE POLICY directory ON practice FOR SELECT USING ({LISTING})"
    yield f"GRANT SELECT, INSERT, UPDATE ON practice TO {ROLE}"


def _expose(table: str, *rights: str) -> Iterator[str]:
    """Yield the statement that lets the application use a table of no practice."""
    yield f"GRANT {', '.join(rights) or ALL} ON {table} TO {ROLE}"


def _release(table: str) -> Iterator[str]:
    """Yield the statements that undo all of the above."""
    yield f"DROP POLICY IF EXISTS own_practice ON {table}"
    yield f"DROP POLICY IF EXISTS directory ON {table}"
    yield f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY"
    yield f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"
    yield f"REVOKE ALL ON {table} FROM {ROLE}"


def _make_role() -> Iterator[str]:
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
"""  # noqa: S608 - names of its own alone
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
