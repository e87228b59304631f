"""Patients, courses and holds."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY = sa.String(length=36).with_variant(sa.UUID(as_uuid=False), "postgresql")
AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "patient",
        sa.Column("mrn", sa.String(length=200), nullable=False),
        sa.Column("mrn_key", sa.String(length=600), nullable=False),
        sa.Column("family_name", sa.String(length=200), nullable=False),
        sa.Column("given_name", sa.String(length=200), nullable=False),
        sa.Column("family_key", sa.String(length=600), nullable=False),
        sa.Column("search_key", sa.Text(), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=False),
        sa.Column("sex", sa.String(length=32), nullable=True),
        sa.Column("phone", sa.String(length=200), nullable=True),
        sa.Column("email", sa.String(length=200), nullable=True),
        sa.Column("language", sa.String(length=35), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("deceased_on", sa.Date(), nullable=True),
        sa.Column("practice_id", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("created_at", AT, nullable=False),
        sa.Column("updated_at", AT, nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(
            ["practice_id"], ["practice.id"], name=op.f("fk_patient_practice_id")
        ),
        sa.PrimaryKeyConstraint("practice_id", "id", name=op.f("pk_patient")),
        sa.UniqueConstraint("practice_id", "mrn_key", name=op.f("uq_patient_practice_id_mrn_key")),
    )
    with op.batch_alter_table("patient", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_patient_practice_id_family_key_id"),
            ["practice_id", "family_key", "id"],
            unique=False,
        )

    op.create_table(
        "course",
        sa.Column("patient_id", KEY, nullable=False),
        sa.Column("protocol", sa.String(length=64), nullable=False),
        sa.Column("protocol_version", sa.SmallInteger(), nullable=False),
        sa.Column("indication", sa.String(length=32), nullable=False),
        sa.Column("planned_start_on", sa.Date(), nullable=True),
        sa.Column("interval_days", sa.SmallInteger(), nullable=True),
        sa.Column("min_interval_days", sa.SmallInteger(), nullable=True),
        sa.Column("override_reason", sa.String(length=200), nullable=True),
        sa.Column("override_by", sa.String(length=200), nullable=True),
        sa.Column("prior_cycles", sa.SmallInteger(), nullable=False),
        sa.Column("baseline_headache_days", sa.SmallInteger(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("close_reason", sa.String(length=200), nullable=True),
        sa.Column("cycle", sa.SmallInteger(), nullable=False),
        sa.Column("anchor_on", sa.Date(), nullable=True),
        sa.Column("earliest_on", sa.Date(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("due_rule", sa.String(length=32), nullable=True),
        sa.Column("due_source_type", sa.String(length=32), nullable=True),
        sa.Column("due_source_id", KEY, nullable=True),
        sa.Column("missed_session_id", KEY, nullable=True),
        sa.Column("location_id", KEY, nullable=True),
        sa.Column("practitioner_id", KEY, nullable=True),
        sa.Column("sort_on", sa.Date(), nullable=False),
        sa.Column("dates_revision", sa.Integer(), nullable=False),
        sa.Column("practice_id", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("created_at", AT, nullable=False),
        sa.Column("updated_at", AT, nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint(
            "(state = 'active') = (closed_on IS NULL)", name=op.f("ck_course_closed_on_when_closed")
        ),
        sa.CheckConstraint(
            "state IN ('active', 'completed', 'stopped')", name=op.f("ck_course_state")
        ),
        sa.CheckConstraint(
            "min_interval_days IS NULL OR override_reason IS NOT NULL",
            name=op.f("ck_course_override_has_reason"),
        ),
        sa.CheckConstraint("prior_cycles >= 0", name=op.f("ck_course_prior_cycles")),
        sa.ForeignKeyConstraint(
            ["practice_id", "location_id"],
            ["location.practice_id", "location.id"],
            name=op.f("fk_course_practice_id_location_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "patient_id"],
            ["patient.practice_id", "patient.id"],
            name=op.f("fk_course_practice_id_patient_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "practitioner_id"],
            ["practitioner.practice_id", "practitioner.id"],
            name=op.f("fk_course_practice_id_practitioner_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id"], ["practice.id"], name=op.f("fk_course_practice_id")
        ),
        sa.PrimaryKeyConstraint("practice_id", "id", name=op.f("pk_course")),
    )
    with op.batch_alter_table("course", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_course_practice_id_patient_id"),
            ["practice_id", "patient_id"],
            unique=False,
        )
        batch_op.create_index(
            "ix_course_worklist",
            ["practice_id", "sort_on", "id"],
            unique=False,
            postgresql_where=sa.text("state = 'active'"),
            sqlite_where=sa.text("state = 'active'"),
        )

    op.create_table(
        "hold",
        sa.Column("course_id", KEY, nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("review_on", sa.Date(), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("practice_id", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("created_at", AT, nullable=False),
        sa.Column("updated_at", AT, nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint(
            "ends_on IS NOT NULL OR review_on IS NOT NULL",
            name=op.f("ck_hold_open_ended_has_review"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "course_id"],
            ["course.practice_id", "course.id"],
            name=op.f("fk_hold_practice_id_course_id"),
        ),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f("fk_hold_practice_id")),
        sa.PrimaryKeyConstraint("practice_id", "id", name=op.f("pk_hold")),
    )
    with op.batch_alter_table("hold", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_hold_practice_id_course_id"), ["practice_id", "course_id"], unique=False
        )


def downgrade() -> None:
    op.drop_table("hold")
    op.drop_table("course")
    op.drop_table("patient")
