"""A journal's text as far as it was read and verified, and the record that it folds to."""

from __future__ import annotations

from takeoff.core.journal_entries import FIRST, Entry, parse_line
from takeoff.core.record import Record


class JournalText:
    """Verified whole lines. Grows at its end only.

    Attributes:
        record: the fold of all lines.
        entries: all of them, oldest first.
    """

    def __init__(self) -> None:
        self.record = Record()
        self.entries: list[Entry] = []
        self._text = bytearray()
        self._heads = {0: FIRST}

    @property
    def size(self) -> int:
        """Bytes of all lines, their ends included."""
        return len(self._text)

    def add(self, data: bytes) -> list[Entry]:
        """Verify and fold what follows in the journal; a last line without its end is left out.

        Returns:
            The entries that were new.

        Raises:
            BrokenLine: a line does not fit; the lines before it are kept.
        """
        fresh: list[Entry] = []
        for line in data.split(b"\n")[:-1]:
            entry = parse_line(
                line.decode("utf-8", "backslashreplace"), seq=self.record.seq + 1, previous=self.record.head
            )
            self.record = self.record.after(entry)
            self._text += line + b"\n"
            self._heads[self.size] = entry.hash
            self.entries.append(entry)
            fresh.append(entry)
        return fresh

    def after(self, size: int) -> bytes:
        """Return the bytes that follow the first ``size`` ones."""
        return bytes(self._text[size:])

    def head_at(self, size: int) -> str | None:
        """Return the hash of the line that ends after ``size`` bytes; None if none ends there."""
        return self._heads.get(size)
