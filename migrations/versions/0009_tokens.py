"""Clients and issuers whose tokens are taken, used assertions, and our own signing keys."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

KEY = sa.String(length=36).with_variant(sa.UUID(as_uuid=False), "postgresql")
AT = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True)
CONFINED = ("client", "issuer", "issuer_subject", "client_assertion")

# What row security is for a table of one practice at a time, as in 0008.
OWN = "practice_id = (SELECT nullif(current_setting('app.practice_id', true), '')::uuid)"
CONFINE = (
    "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
    f"CREATE POLICY own_practice ON {{table}} USING ({OWN}) WITH CHECK ({OWN})",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO twelveweeks_app",
)


def _resource(name: str, *parts: sa.schema.SchemaItem) -> None:
    op.create_table(
        name,
        *(part for part in parts if isinstance(part, sa.Column)),
        sa.Column("practice_id", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("created_at", AT, nullable=False),
        sa.Column("updated_at", AT, nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        *(part for part in parts if not isinstance(part, sa.Column)),
        _of_practice(name),
        sa.PrimaryKeyConstraint("practice_id", "id", name=op.f(f"pk_{name}")),
    )


def _of_practice(name: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["practice_id"], ["practice.id"], name=op.f(f"fk_{name}_practice_id")
    )


def _refers(name: str, column: str, table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["practice_id", column],
        [f"{table}.practice_id", f"{table}.id"],
        name=op.f(f"fk_{name}_practice_id_{column}"),
    )


def upgrade() -> None:
    _resource(
        "client",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("jwks", JSON, nullable=True),
        sa.Column("jwks_url", sa.String(length=500), nullable=True),
        sa.Column("scopes", JSON, nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
    )
    _resource(
        "issuer",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("audience", sa.String(length=255), nullable=False),
        sa.Column("jwks_url", sa.String(length=500), nullable=False),
        sa.Column("algorithms", JSON, nullable=False),
        sa.Column("form", sa.String(length=8), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.CheckConstraint("form IN ('at+jwt', 'jwt')", name=op.f("ck_issuer_form")),
    )
    _resource(
        "issuer_subject",
        sa.Column("issuer_id", KEY, nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("staff_id", KEY, nullable=True),
        sa.Column("scopes", JSON, nullable=True),
        sa.Column("fhir_user", sa.String(length=500), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        _refers("issuer_subject", "issuer_id", "issuer"),
        _refers("issuer_subject", "staff_id", "staff"),
        sa.UniqueConstraint(
            "practice_id",
            "issuer_id",
            "subject",
            name=op.f("uq_issuer_subject_practice_id_issuer_id_subject"),
        ),
    )
    op.create_table(
        "client_assertion",
        sa.Column("practice_id", KEY, nullable=False),
        sa.Column("client_id", KEY, nullable=False),
        sa.Column("jti", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires_at", AT, nullable=False),
        _of_practice("client_assertion"),
        _refers("client_assertion", "client_id", "client"),
        sa.PrimaryKeyConstraint(
            "practice_id", "client_id", "jti", name=op.f("pk_client_assertion")
        ),
    )
    op.create_table(
        "signing_key",
        sa.Column("id", KEY, nullable=False),
        sa.Column("public", JSON, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", AT, nullable=False),
        sa.Column("retires_at", AT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_key")),
    )
    if op.get_bind().dialect.name == "postgresql":
        for table in CONFINED:
            for statement in CONFINE:
                op.execute(statement.format(table=table))
        op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON signing_key TO twelveweeks_app")


def downgrade() -> None:
    op.execute("DELETE FROM credential WHERE kind IN ('client', 'issuer')")
    for table in ("signing_key", "client_assertion", "issuer_subject", "issuer", "client"):
        op.drop_table(table)
