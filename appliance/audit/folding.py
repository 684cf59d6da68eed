"""Folds the log's write-ahead file into its database beside the commits, not in the middle of one.

SQLite folds inside the commit that makes the file long enough: whoever waits for that commit waits
for thousands of pages. Here a thread with a connection of its own copies them while commits go on
("passive": it makes nobody wait); what came in meanwhile is a little, and the next commit folds
that little, so that the file begins again from its start.
"""

import threading
from contextlib import suppress
from typing import Final

from appliance.db.connection import Connection, DatabaseFailure

PAGES: Final = 4000
"""About 16 MB."""

_PAGES_OF_A_COMMIT: Final = 4
_ENTRIES_OF_A_PAGE: Final = 4
_FOLD: Final = "PRAGMA wal_checkpoint(PASSIVE)"


class Folding:
    """Counts what commits write, and folds it in time.

    Everything but the thread's own work happens on the writing thread.

    Args:
        writing: the connection that commits.
        beside: another one to the same database.
        pages: pages of the write-ahead file from which it is folded.
    """

    def __init__(self, writing: Connection, beside: Connection, pages: int = PAGES) -> None:
        self._writing = writing
        self._beside = beside
        self._most = pages
        self._pages = 0
        self._thread: threading.Thread | None = None
        # Should nobody fold beside, a commit does it by itself, late.
        writing.execute(f"PRAGMA wal_autocheckpoint = {4 * pages:d}")

    def before_commit(self) -> None:
        """Fold the little that came in while the thread folded the most."""
        thread = self._thread
        if thread is not None and not thread.is_alive():
            self._thread = None
            with suppress(DatabaseFailure):
                self._writing.execute(_FOLD).fetchone()

    def after_commit(self, entries: int) -> None:
        """Count a commit; where the file has become long, have it folded."""
        self._pages += _PAGES_OF_A_COMMIT + entries // _ENTRIES_OF_A_PAGE
        if self._pages >= self._most and self._thread is None:
            self._pages = 0
            self._thread = threading.Thread(target=self._fold, name="audit-fold", daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Wait for the thread and close its connection."""
        if self._thread is not None:
            self._thread.join()
        with suppress(DatabaseFailure):
            self._beside.close()

    def _fold(self) -> None:
        # What cannot be folded stays in the write-ahead file, whole; the commits tell what is wrong.
        with suppress(DatabaseFailure):
            self._beside.execute(_FOLD).fetchone()
