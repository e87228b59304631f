"""The clinic's rules as plain functions of facts and dates: no clock, no database, no framework."""
