"""On SQLite no row of the log is replaced by an insert either.

REPLACE deletes what is in its way without asking the trigger that guards deletions.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

KEYS = {"audit_event": "id", "audit_seal": "number"}

# The words are SQLite's own for a key that is taken: two workers may make the same seal. A rowid
# is in the way only where it is named, and those that SQLite gives are positive.
TRIGGER = """
CREATE TRIGGER {table}_is_new BEFORE INSERT ON {table}
WHEN EXISTS (SELECT 1 FROM {table} t WHERE t.practice_id = NEW.practice_id AND t.{key} = NEW.{key})
  OR (NEW.rowid > 0 AND EXISTS (SELECT 1 FROM {table} t WHERE t.rowid = NEW.rowid))
BEGIN SELECT RAISE(ABORT, 'UNIQUE constraint failed: {table} is only appended to'); END
"""


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table, key in KEYS.items():
            op.execute(TRIGGER.format(table=table, key=key))


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table in KEYS:
            op.execute(f"DROP TRIGGER {table}_is_new")
