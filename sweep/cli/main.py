"""The entry of the command line: here, and only here, errors become messages and exit codes."""

import sys
import traceback

from sweep.cli import commands, model_commands  # noqa: F401 - they add their commands
from sweep.cli.app import app
from sweep.cli.options import Diagnostics


def run() -> None:
    """Run the `sweep` command."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:  # noqa: BLE001 - the last resort of a command line
        if Diagnostics.verbose:
            traceback.print_exc()
        code, message = _explain(error)
        print(f"Error: {message}", file=sys.stderr)  # noqa: T201 - standard error is the place for it
        sys.exit(code)


def _explain(error: Exception) -> tuple[int, str]:
    from search_spaces import ConfigurationError, UnknownFamilyError
    from storage import LocationError, StorageError, UnknownStudyError
    from storage.connecting import refuses_role, root_of
    from storage.engines import OUTAGES
    from sweep.data.source import DataError
    from sweep.errors import UsageError, WorldError

    if isinstance(error, UsageError | ConfigurationError | UnknownFamilyError | LocationError | UnknownStudyError):
        return 2, str(error)
    if isinstance(error, WorldError | StorageError | DataError):
        return 1, str(error)
    if isinstance(error, OUTAGES) and refuses_role(error):
        return 1, f"The database refuses this: {root_of(error)}. Use a role that may write (docs/operating.md)."
    if isinstance(error, OUTAGES):
        return 1, f"The store does not answer: {type(error).__name__}. What is stored is safe; run the command again."
    return 1, f"{type(error).__name__}: {error}\nThis is not expected; --verbose shows where it happened."
