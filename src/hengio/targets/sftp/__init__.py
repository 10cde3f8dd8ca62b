"""SFTP servers: connecting to the one that is meant, and moving files in bounded memory (H4.4)."""
