"""Guests in processes of their own (`sandbox.isolation = process`)."""
