"""The signs and colours of steps and log lines."""

from __future__ import annotations

MARKS = {
    "waiting": ("·", "dim"),
    "not run": ("·", "dim"),
    "running": ("▶", "cyan"),
    "success": ("✔", "green"),
    "failed": ("✘", "red"),
    "skipped": ("–", "dim"),
    "cancelled": ("■", "yellow"),
    "lost": ("?", "yellow"),
}
LEVELS = {"debug": "dim", "info": "blue", "warn": "yellow", "error": "red"}
