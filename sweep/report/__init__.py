"""A study as a page: its facts, then sections of text, tables and pictures, then HTML or Markdown."""
