"""Treatment sessions, here and elsewhere."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEY = sa.String(length=36).with_variant(sa.UUID(as_uuid=False), "postgresql")
AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "session",
        sa.Column("course_id", KEY, nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("sort_at", AT, nullable=False),
        sa.Column("starts_at", AT, nullable=True),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("made_on", sa.Date(), nullable=True),
        sa.Column("override_reason", sa.String(length=200), nullable=True),
        sa.Column("confirmed_at", AT, nullable=True),
        sa.Column("arrived_at", AT, nullable=True),
        sa.Column("ended_at", AT, nullable=True),
        sa.Column("ended_by", sa.String(length=16), nullable=True),
        sa.Column("end_reason", sa.String(length=200), nullable=True),
        sa.Column("given_at", AT, nullable=True),
        sa.Column("given_on", sa.Date(), nullable=True),
        sa.Column("completeness", sa.String(length=16), nullable=True),
        sa.Column("partial_reason", sa.String(length=200), nullable=True),
        sa.Column("continues_session_id", KEY, nullable=True),
        sa.Column("location_id", KEY, nullable=True),
        sa.Column("practitioner_id", KEY, nullable=True),
        sa.Column("product", sa.String(length=64), nullable=True),
        sa.Column("protocol", sa.String(length=64), nullable=True),
        sa.Column("protocol_version", sa.SmallInteger(), nullable=True),
        sa.Column("charting", sa.String(length=8), nullable=True),
        sa.Column("injections", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("administered", sa.Integer(), nullable=True),
        sa.Column("findings", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("practice_id", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("created_at", AT, nullable=False),
        sa.Column("updated_at", AT, nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint(
            "status != 'booked' OR starts_on IS NOT NULL", name=op.f("ck_session_booked_has_start")
        ),
        sa.CheckConstraint(
            "status IN ('booked', 'given', 'cancelled', 'no_show', 'voided')",
            name=op.f("ck_session_status"),
        ),
        sa.CheckConstraint(
            "status NOT IN ('given', 'voided') OR given_on IS NOT NULL",
            name=op.f("ck_session_given_has_date"),
        ),
        sa.CheckConstraint(
            "(starts_at IS NULL) = (starts_on IS NULL)", name=op.f("ck_session_start_is_a_pair")
        ),
        sa.CheckConstraint("administered >= 0", name=op.f("ck_session_administered")),
        sa.ForeignKeyConstraint(
            ["practice_id", "continues_session_id"],
            ["session.practice_id", "session.id"],
            name=op.f("fk_session_practice_id_continues_session_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "course_id"],
            ["course.practice_id", "course.id"],
            name=op.f("fk_session_practice_id_course_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "location_id"],
            ["location.practice_id", "location.id"],
            name=op.f("fk_session_practice_id_location_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "practitioner_id"],
            ["practitioner.practice_id", "practitioner.id"],
            name=op.f("fk_session_practice_id_practitioner_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id"], ["practice.id"], name=op.f("fk_session_practice_id")
        ),
        sa.PrimaryKeyConstraint("practice_id", "id", name=op.f("pk_session")),
    )
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.create_index(
            "ix_session_booked",
            ["practice_id", "course_id", "starts_on"],
            unique=False,
            postgresql_where=sa.text("status = 'booked'"),
            sqlite_where=sa.text("status = 'booked'"),
        )
        batch_op.create_index(
            "ix_session_continues",
            ["practice_id", "continues_session_id"],
            unique=False,
            postgresql_where=sa.text("continues_session_id IS NOT NULL"),
            sqlite_where=sa.text("continues_session_id IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_session_given",
            ["practice_id", "given_on"],
            unique=False,
            postgresql_where=sa.text("given_on IS NOT NULL"),
            sqlite_where=sa.text("given_on IS NOT NULL"),
        )
        batch_op.create_index(
            batch_op.f("ix_session_practice_id_course_id"),
            ["practice_id", "course_id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_session_practice_id_sort_at_id"),
            ["practice_id", "sort_at", "id"],
            unique=False,
        )
        batch_op.create_index(
            "ix_session_starts",
            ["practice_id", "starts_on"],
            unique=False,
            postgresql_where=sa.text("starts_on IS NOT NULL"),
            sqlite_where=sa.text("starts_on IS NOT NULL"),
        )

    op.create_table(
        "outside_session",
        sa.Column("course_id", KEY, nullable=False),
        sa.Column("given_on", sa.Date(), nullable=False),
        sa.Column("administered", sa.Integer(), nullable=True),
        sa.Column("product", sa.String(length=64), nullable=True),
        sa.Column("place", sa.String(length=200), nullable=True),
        sa.Column("voided_at", AT, nullable=True),
        sa.Column("void_reason", sa.String(length=200), nullable=True),
        sa.Column("practice_id", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("created_at", AT, nullable=False),
        sa.Column("updated_at", AT, nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(
            ["practice_id", "course_id"],
            ["course.practice_id", "course.id"],
            name=op.f("fk_outside_session_practice_id_course_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id"], ["practice.id"], name=op.f("fk_outside_session_practice_id")
        ),
        sa.PrimaryKeyConstraint("practice_id", "id", name=op.f("pk_outside_session")),
    )
    with op.batch_alter_table("outside_session", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_outside_session_practice_id_course_id"),
            ["practice_id", "course_id"],
            unique=False,
        )


def downgrade() -> None:
    op.drop_table("outside_session")
    op.drop_table("session")
