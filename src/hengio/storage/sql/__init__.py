"""Storage on SQLite and PostgreSQL: tables once, in SQLAlchemy Core; hot writes through each driver."""
