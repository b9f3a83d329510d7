"""Output on the terminal: errors, tables and progress."""
