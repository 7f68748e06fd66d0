"""Searches replayed on recorded learning curves, in simulated time."""
