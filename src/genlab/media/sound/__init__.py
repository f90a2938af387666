"""Sound: how it is read, written and shown."""
