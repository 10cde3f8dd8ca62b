"""Uploaded modules: what they are, where their bytes lie, which of them a job means."""
