"""Work in a thread that is repeated when it is requested meanwhile, and answers in Qt's thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_cryorestore.background import ThreadWork

if TYPE_CHECKING:
    from collections.abc import Callable


class Repainter(QObject):
    """Does one thing at a time; requests that come while it works are answered once, with the newest state.

    Every answer is delivered, so that what is shown follows a hand that never rests.

    Parameters
    ----------
    prepare : callable
        Called in Qt's thread; returns what is to be done in the other thread, or ``None`` for nothing.

    Attributes
    ----------
    answered : Signal(object)
        What the work returned.
    failed : Signal(object)
        The exception that it raised.
    """

    answered = Signal(object)
    failed = Signal(object)
    _over = Signal(object, object)

    def __init__(
        self, prepare: Callable[[], Callable[[], Any] | None], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._prepare = prepare
        self._work: ThreadWork | None = None
        self._again = self._stopped = False
        self._over.connect(self._deliver)

    @property
    def busy(self) -> bool:
        """Whether an answer is still to come."""
        return self._work is not None

    def request(self) -> None:
        """Do the work now, or once more after what is being done."""
        if self._stopped:
            return
        if self._work is not None:
            self._again = True
            return
        work = self._prepare()
        if work is not None:
            self._work = ThreadWork("paint", lambda: self._run(work))

    def stop(self) -> None:
        """Deliver nothing more, and wait for what is being done."""
        self._stopped, self._again = True, False
        work, self._work = self._work, None
        if work is not None:
            work.join()

    def _run(self, work: Callable[[], Any]) -> None:
        try:
            answer, error = work(), None
        except BaseException as raised:  # noqa: BLE001  handed over; a thread has nobody to raise to
            answer, error = None, raised
        if not self._stopped:
            self._over.emit(answer, error)

    def _deliver(self, answer: Any, error: BaseException | None) -> None:
        if self._stopped:
            return
        self._work = None
        again, self._again = self._again, False
        if error is not None:
            self.failed.emit(error)
        else:
            self.answered.emit(answer)
        if again:
            self.request()


__all__ = ["Repainter"]
