"""Table: the typed table, and what its spec says of its rows."""
