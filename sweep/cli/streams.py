"""The two streams: results go to standard output, notes to standard error."""

import sys

from rich.console import Console

FILE_WIDTH = 160  # columns where nobody's terminal says otherwise

# Names and messages are shown as they are: a bracket in them is no markup.
out = Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else FILE_WIDTH)
notes = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=not sys.stderr.isatty())
