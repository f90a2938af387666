"""Blocks that several papers share."""
