"""A course knows when it was last treated itself: its other dates follow the patient's treatments.

Open courses of a patient with several courses are recomputed by the server, as after a change of
the practice's settings.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

SEVERAL = """
SELECT 1 FROM course other
WHERE other.practice_id = course.practice_id AND other.patient_id = course.patient_id
  AND other.id <> course.id
"""


CONFINED = ("practice", "course")


def upgrade() -> None:
    op.add_column("course", sa.Column("last_treated_on", sa.Date(), nullable=True))
    # Forced row security would hide every row from an owner who is no superuser.
    _confine("NO FORCE")
    # Until now a course's dates followed its own treatments alone.
    op.execute("UPDATE course SET last_treated_on = anchor_on")
    op.execute(
        "UPDATE course SET dates_revision = dates_revision - 1"  # noqa: S608 - no value in it
        f" WHERE state = 'active' AND EXISTS ({SEVERAL})"
    )
    op.execute(
        "UPDATE practice SET settled_revision = dates_revision - 1 WHERE EXISTS"
        " (SELECT 1 FROM course WHERE course.practice_id = practice.id"
        " AND course.dates_revision < practice.dates_revision)"
    )
    _confine("FORCE")


def downgrade() -> None:
    op.drop_column("course", "last_treated_on")


def _confine(force: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table in CONFINED:
            op.execute(f"ALTER TABLE {table} {force} ROW LEVEL SECURITY")
