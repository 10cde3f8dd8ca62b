"""Oracle servers."""
