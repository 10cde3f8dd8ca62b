"""What an HTTP step sends, and what it makes of the answer (H4)."""
