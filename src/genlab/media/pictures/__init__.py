"""Pictures: how they are read, written, changed and shown."""
