"""What a person sees on the terminal: errors, tables, progress."""
