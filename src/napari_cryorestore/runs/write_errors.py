"""What is said when a run folder cannot be written."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def writing_explained(folder: Path) -> Iterator[None]:
    """Turn an operating-system error into the same kind of error with a sentence for the user."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        told = type(error)(
            f"The run folder {folder} cannot be written ({error.strerror}): "
            "free some space or choose a folder that you may write, then start or continue the run."
        )
        told.errno = error.errno
        raise told from error


__all__ = ["writing_explained"]
