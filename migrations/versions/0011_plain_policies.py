"""Policies of row-level security compare with the setting itself and hold no subquery.

A distributed PostgreSQL can tell from such a policy that one place alone has to be asked.
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

CONFINED = (
    "api_key",
    "audit_event",
    "audit_seal",
    "client",
    "client_assertion",
    "closure",
    "course",
    "hold",
    "idempotency",
    "identifier",
    "import_batch",
    "import_row",
    "issuer",
    "issuer_subject",
    "location",
    "outside_session",
    "patient",
    "practitioner",
    "protocol_version",
    "session",
    "staff",
)
OWN = "nullif(current_setting('app.practice_id', true), '')::uuid"
LISTING = "current_setting('app.directory', true)"


def upgrade() -> None:
    _change(OWN, LISTING)


def downgrade() -> None:
    _change(f"(SELECT {OWN})", f"(SELECT {LISTING})")


def _change(own: str, listing: str) -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in ("practice", *CONFINED):
        key = "id" if table == "practice" else "practice_id"
        same = f"({key} = {own})"
        op.execute(f"ALTER POLICY own_practice ON {table} USING {same} WITH CHECK {same}")
    op.execute(f"ALTER POLICY directory ON practice USING ({listing} = 'on')")
