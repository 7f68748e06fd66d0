"""Figures as pure functions of plain data; they touch no global state, so any thread may draw them."""
