"""The row that says which tomograms are trained on besides the one chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QToolButton, QWidget

from napari_cryorestore.gui.sentence_label import SentenceLabel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_cryorestore.run_config import TomogramConfig

_NAMED = 3


class OthersRow(QWidget):
    """Names further tomograms of a loaded configuration; hidden while there are none.

    Attributes
    ----------
    dropped
        The user wants to train without them.
    """

    dropped = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.words = SentenceLabel()
        self.drop = QToolButton()
        self.drop.setText("✕")
        self.drop.setToolTip("Train only on the tomogram chosen above.")
        self.drop.clicked.connect(self.dropped)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(self.words, 1)
        row.addWidget(self.drop, 0, Qt.AlignmentFlag.AlignTop)
        self.hide()

    def show_tomograms(self, others: Sequence[TomogramConfig]) -> None:
        """Say which tomograms these are."""
        self.setVisible(bool(others))
        if not others:
            return
        names = [_name(item) for item in others]
        more = f"{len(others)} more tomograms" if len(others) > 1 else "1 more tomogram"
        listed = ", ".join(names[:_NAMED]) + ", …" * (len(names) > _NAMED)
        self.words.say(f"and {more} of the loaded configuration: {listed}")
        lines = "\n".join(f"{name}: {item.even}" for name, item in zip(names, others, strict=True))
        self.words.setToolTip(
            f"{lines}\n\nThe network learns from all of them; previews and their numbers are of that above."
        )


def _name(tomogram: TomogramConfig) -> str:
    from napari_cryorestore.io.pairing import tomogram_name

    return tomogram.name or tomogram_name(tomogram.even)


__all__ = ["OthersRow"]
