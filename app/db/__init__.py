"""Rows: tables and statements. The only package that knows SQLAlchemy."""
