"""Where state lives. `protocol` is what the rest of Hengio asks; `sql/` answers on SQLite and PostgreSQL."""
