"""Writes the pages of the site from the project's own files; Sphinx makes the site of them (`make docs`)."""
