"""Metrics with their protocol and their controls."""
