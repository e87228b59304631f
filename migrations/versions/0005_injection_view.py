"""The view `injection`: a session's compact chart as one row a site, for reports."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_ROWS = """
CREATE VIEW injection AS
SELECT s.practice_id, s.id AS session_id, s.course_id, s.given_on, s.protocol, s.protocol_version,
       {site} AS site_number, {dose} AS hundredths
FROM session AS s, {expand}
WHERE s.status = 'given' AND s.charting = 'by_site'
"""
_PARTS = {
    "postgresql": {
        "site": "(i.value ->> 0)::integer",
        "dose": "(i.value ->> 1)::integer",
        "expand": "json_array_elements(s.injections) AS i",
    },
    "sqlite": {
        "site": "i.value ->> 0",
        "dose": "i.value ->> 1",
        "expand": "json_each(s.injections) AS i",
    },
}


def upgrade() -> None:
    op.execute(_ROWS.format(**_PARTS[op.get_bind().dialect.name]))


def downgrade() -> None:
    op.execute("DROP VIEW injection")
