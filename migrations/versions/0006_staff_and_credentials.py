"""Staff with roles, keys that act as someone, and the directory of credentials."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KEY = sa.String(length=36).with_variant(sa.UUID(as_uuid=False), "postgresql")
AT = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True)


def upgrade() -> None:
    op.create_table(
        "staff",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("roles", JSON, nullable=False),
        sa.Column("email", sa.String(length=200), nullable=True),
        sa.Column("practitioner_id", KEY, nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("practice_id", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("created_at", AT, nullable=False),
        sa.Column("updated_at", AT, nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(
            ["practice_id", "practitioner_id"],
            ["practitioner.practice_id", "practitioner.id"],
            name=op.f("fk_staff_practice_id_practitioner_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id"], ["practice.id"], name=op.f("fk_staff_practice_id")
        ),
        sa.PrimaryKeyConstraint("practice_id", "id", name=op.f("pk_staff")),
    )
    op.create_table(
        "credential",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("practice_id", KEY, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("holder_id", KEY, nullable=False),
        sa.Column("created_at", AT, nullable=False),
        sa.Column("expires_at", AT, nullable=True),
        sa.CheckConstraint("kind IN ('key', 'client', 'issuer')", name=op.f("ck_credential_kind")),
        sa.ForeignKeyConstraint(
            ["practice_id"], ["practice.id"], name=op.f("fk_credential_practice_id")
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_credential")),
    )
    op.create_index(
        op.f("ix_credential_practice_id_holder_id"), "credential", ["practice_id", "holder_id"]
    )
    op.execute(
        "INSERT INTO credential (digest, practice_id, kind, holder_id, created_at) "
        "SELECT key_hash, practice_id, 'key', id, created_at FROM api_key"
    )
    with op.batch_alter_table("api_key") as table:
        table.add_column(sa.Column("staff_id", KEY, nullable=True))
        table.add_column(sa.Column("scopes", JSON, nullable=True))
        table.add_column(sa.Column("expires_at", AT, nullable=True))
        table.add_column(sa.Column("last_used_at", AT, nullable=True))
        table.drop_constraint("uq_api_key_key_hash", type_="unique")
        table.drop_column("key_hash")
        table.create_foreign_key(
            op.f("fk_api_key_practice_id_staff_id"),
            "staff",
            ["practice_id", "staff_id"],
            ["practice_id", "id"],
        )
    with op.batch_alter_table("practice") as table:
        table.add_column(
            sa.Column("settled_revision", sa.Integer(), server_default="0", nullable=False)
        )
        table.add_column(sa.Column("sandbox_of", KEY, nullable=True))
        table.create_foreign_key(op.f("fk_practice_sandbox_of"), "practice", ["sandbox_of"], ["id"])
        table.create_unique_constraint(op.f("uq_practice_sandbox_of"), ["sandbox_of"])
    op.drop_index("ix_idempotency_created_at", "idempotency")
    op.create_index(
        op.f("ix_idempotency_practice_id_created_at"), "idempotency", ["practice_id", "created_at"]
    )


def downgrade() -> None:
    op.drop_index("ix_idempotency_practice_id_created_at", "idempotency")
    op.create_index("ix_idempotency_created_at", "idempotency", ["created_at"])
    with op.batch_alter_table("practice") as table:
        table.drop_constraint("uq_practice_sandbox_of", type_="unique")
        table.drop_constraint("fk_practice_sandbox_of", type_="foreignkey")
        table.drop_column("sandbox_of")
        table.drop_column("settled_revision")
    with op.batch_alter_table("api_key") as table:
        table.drop_constraint("fk_api_key_practice_id_staff_id", type_="foreignkey")
        table.add_column(sa.Column("key_hash", sa.LargeBinary(length=32), nullable=True))
        table.drop_column("last_used_at")
        table.drop_column("expires_at")
        table.drop_column("scopes")
        table.drop_column("staff_id")
    # Of a key with two secrets the newer one stays; one without any was revoked for good.
    op.execute(
        "UPDATE api_key SET key_hash = (SELECT c.digest FROM credential c WHERE c.kind = 'key' "
        "AND c.practice_id = api_key.practice_id AND c.holder_id = api_key.id "
        "ORDER BY c.created_at DESC LIMIT 1)"
    )
    op.execute("DELETE FROM api_key WHERE key_hash IS NULL")
    with op.batch_alter_table("api_key") as table:
        table.alter_column("key_hash", existing_type=sa.LargeBinary(length=32), nullable=False)
        table.create_unique_constraint("uq_api_key_key_hash", ["key_hash"])
    op.drop_table("credential")
    op.drop_table("staff")
