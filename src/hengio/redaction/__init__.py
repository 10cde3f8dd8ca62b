"""Takes sensitive values out of what is kept and shown: tapes, results of steps, lines of the log (H6.3)."""
