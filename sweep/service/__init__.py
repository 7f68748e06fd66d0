"""Serving an exported folder over HTTP: the embedded service behind `sweep serve`."""
