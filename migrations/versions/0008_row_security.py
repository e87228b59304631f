"""Row-level security on PostgreSQL, and the role the application works as."""

from alembic import op

from app.db.engine import row_security

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


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    statements = [*row_security.make_role()]
    statements.append(f"GRANT USAGE ON SCHEMA public TO {row_security.ROLE}")
    statements += row_security.protect_practices()
    for table in CONFINED:
        statements += row_security.protect(table)
    for table in APPENDED:
        statements += row_security.protect(table, append_only=True)
    statements += row_security.expose("credential")
    statements += row_security.expose("erasure", "SELECT")
    statements += row_security.expose("alembic_version", "SELECT")
    for statement in statements:
        op.execute(statement)
    # A view looks with its owner's eyes unless told otherwise; older servers cannot be told.
    version = op.get_bind().exec_driver_sql("SHOW server_version_num").scalar_one()
    if int(version) >= 150000:
        op.execute("ALTER VIEW injection SET (security_invoker = true)")
        op.execute(f"GRANT SELECT ON injection TO {row_security.ROLE}")


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute(f"REVOKE ALL ON injection FROM {row_security.ROLE}")
    for table in ("practice", *CONFINED, *APPENDED, "credential", "erasure", "alembic_version"):
        for statement in row_security.release(table):
            op.execute(statement)
    op.execute(f"REVOKE USAGE ON SCHEMA public FROM {row_security.ROLE}")
