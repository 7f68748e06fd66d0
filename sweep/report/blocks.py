"""What a page is made of, whatever it is written as."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeAlias

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True)
class Paragraph:
    """A paragraph of plain text."""

    kind: ClassVar[str] = "paragraph"
    text: str


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something that must not be overlooked.

    Attributes:
        level: `warning` or `note`.
        title: In a few words.
        text: What it means.
    """

    kind: ClassVar[str] = "notice"
    level: str = "note"
    title: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Names and what is said of each."""

    kind: ClassVar[str] = "facts"
    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of a table.

    Attributes:
        cells: As many texts as the table has columns.
        look: `best`, `muted`, `total`, or None.
    """

    cells: Sequence[str]
    look: str | None = None


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table; its first column names the rows.

    Attributes:
        caption: What it shows.
        columns: Headings.
        rows: May be empty.
        texts: Headings of the columns that hold text, besides the first; the others hold numbers.
    """

    kind: ClassVar[str] = "table"
    caption: str
    columns: Sequence[str]
    rows: Sequence[Row]
    texts: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Sentences that belong together."""

    kind: ClassVar[str] = "listing"
    items: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Commands:
    """What may be typed, a line each."""

    kind: ClassVar[str] = "commands"
    lines: Sequence[str]


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """A figure, drawn only where pictures are shown.

    Attributes:
        name: Unique among the pictures of the page: a letter, then letters, digits, `_` and `-`.
        alt: What is to be seen, for those who do not see it.
        caption: Stands below.
        draw: Makes the figure.
    """

    kind: ClassVar[str] = "picture"
    name: str
    alt: str
    caption: str = ""
    draw: "Callable[[], Figure]"


@dataclass(frozen=True, kw_only=True, eq=False)
class Photograph:
    """A picture that is there already.

    Attributes:
        alt: What is to be seen.
        caption: Stands below.
        png: The bytes of a PNG file.
    """

    kind: ClassVar[str] = "photograph"
    alt: str
    caption: str = ""
    png: bytes


Block: TypeAlias = Paragraph | Notice | Facts | Table | Listing | Commands | Picture | Photograph


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of a page.

    Attributes:
        title: Its heading.
        anchor: Unique in the page, to be linked to.
        reading: One sentence on how to read it; may be empty.
        blocks: What it says.
    """

    title: str
    anchor: str
    reading: str
    blocks: Sequence[Block]


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """One study.

    Attributes:
        title: Its name.
        anchor: Unique in the page.
        headline: What to take from it, in one sentence.
        box: What stands in the box below the headline.
        warn: Whether the box warns.
        sections: The rest.
    """

    title: str
    anchor: str
    headline: str
    box: Sequence[Block]
    warn: bool
    sections: Sequence[Section]


@dataclass(frozen=True, kw_only=True)
class Page:
    """A report.

    Attributes:
        title: What a browser's tab shows.
        made: When and with what it was made.
        comparison: Of the studies, or None for one.
        chapters: A study each.
    """

    title: str
    made: str
    comparison: Section | None
    chapters: Sequence[Chapter]
