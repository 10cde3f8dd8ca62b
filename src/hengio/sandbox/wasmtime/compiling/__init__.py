"""Compiling, in processes that may be killed."""
