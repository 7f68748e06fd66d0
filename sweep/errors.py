"""Errors that the command line shows without a traceback."""


class UsageError(Exception):
    """What was asked for makes no sense: exit code 2."""


class WorldError(Exception):
    """What was asked for cannot be had: exit code 1."""
