"""Audit rows of reads and refusals, their seals, and the proof of an erasure."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

KEY = sa.String(length=36).with_variant(sa.UUID(as_uuid=False), "postgresql")
AT = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True)
LISTS = sa.text("patients IS NOT NULL")

# SQLite has no roles that could lack a right, so the tables defend themselves. Rows go only
# while their practice's erasure is open.
TRIGGERS = (
    """
CREATE TRIGGER {table}_stays BEFORE DELETE ON {table}
WHEN NOT EXISTS (SELECT 1 FROM erasure e
                 WHERE e.practice_id = OLD.practice_id AND e.finished_at IS NULL)
BEGIN SELECT RAISE(ABORT, '{table} is only appended to'); END
""",
    """
CREATE TRIGGER {table}_is_final BEFORE UPDATE ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is only appended to'); END
""",
)


def upgrade() -> None:
    op.create_table(
        "erasure",
        sa.Column("practice_id", KEY, nullable=False),
        sa.Column("started_at", AT, nullable=False),
        sa.Column("finished_at", AT, nullable=True),
        sa.Column("by_name", sa.String(length=200), nullable=False),
        sa.Column("export_sha256", sa.String(length=64), nullable=False),
        sa.Column("removed", JSON, nullable=False),
        sa.Column("last_seal", sa.String(length=80), nullable=True),
        sa.PrimaryKeyConstraint("practice_id", name=op.f("pk_erasure")),
    )
    op.create_table(
        "audit_seal",
        sa.Column("practice_id", KEY, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("sealed_at", AT, nullable=False),
        sa.Column("entries", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["practice_id"], ["practice.id"], name=op.f("fk_audit_seal_practice_id")
        ),
        sa.PrimaryKeyConstraint("practice_id", "number", name=op.f("pk_audit_seal")),
    )
    with op.batch_alter_table("audit_event") as table:
        table.add_column(sa.Column("credential_id", KEY, nullable=True))
        table.add_column(sa.Column("address", sa.String(length=45), nullable=True))
        table.add_column(
            sa.Column("outcome", sa.String(length=48), server_default="done", nullable=False)
        )
        table.add_column(sa.Column("reason", sa.String(length=200), nullable=True))
        table.add_column(sa.Column("patients", sa.LargeBinary(), nullable=True))
        table.alter_column("resource_id", existing_type=KEY, nullable=True)
    op.create_index(
        op.f("ix_audit_event_practice_id_patient_id_id"),
        "audit_event",
        ["practice_id", "patient_id", "id"],
    )
    op.create_index(
        "ix_audit_event_lists",
        "audit_event",
        ["practice_id", "id"],
        postgresql_where=LISTS,
        sqlite_where=LISTS,
    )
    if op.get_bind().dialect.name == "sqlite":
        for table_name in ("audit_event", "audit_seal"):
            for trigger in TRIGGERS:
                op.execute(trigger.format(table=table_name))


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table_name in ("audit_event", "audit_seal"):
            op.execute(f"DROP TRIGGER {table_name}_stays")
            op.execute(f"DROP TRIGGER {table_name}_is_final")
    op.drop_index("ix_audit_event_lists", "audit_event")
    op.drop_index("ix_audit_event_practice_id_patient_id_id", "audit_event")
    # Older tables have no room for reads, lists and refusals.
    op.execute("DELETE FROM audit_event WHERE resource_id IS NULL OR outcome <> 'done'")
    with op.batch_alter_table("audit_event") as table:
        table.alter_column("resource_id", existing_type=KEY, nullable=False)
        table.drop_column("patients")
        table.drop_column("reason")
        table.drop_column("outcome")
        table.drop_column("address")
        table.drop_column("credential_id")
    op.drop_table("audit_seal")
    op.drop_table("erasure")
