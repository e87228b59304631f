"""Questions to the database. Every function names the practice it may see."""
