"""Compiled code that outlives its process, and is trusted only if this installation made it."""
