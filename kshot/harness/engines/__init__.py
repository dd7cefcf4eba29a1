"""Engines answer requests."""
