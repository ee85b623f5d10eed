"""A form made from a configuration: one row per setting, with what is wrong written under it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_cryorestore.config import Config, Setting, settings_of
from napari_cryorestore.gui.editors import Editor, editor_for
from napari_cryorestore.gui.panel_layout import Fold, SentenceLabel
from napari_cryorestore.gui.typed_values import in_words, to_text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

LABEL_WIDTH = 112
"""Pixels that the names of settings take, so that forms above one another line up."""

Path = tuple[str, ...]


class ConfigForm(QWidget):
    """Edits the values of a configuration class.

    Parameters
    ----------
    config
        The class; nested configurations are laid out flat.
    hidden
        Names of top-level fields without a row: they keep what `setValue` brought.
    only
        Names of the only top-level fields with a row, where it is a few; those are never folded away.
    editors
        Editors that stand in for the usual ones, by top-level field name.
    label_width
        Pixels that the names of settings take.

    Attributes
    ----------
    config : type
        The class.
    value_changed
        Emitted after every edit, also into something invalid: see `problem`.
    """

    value_changed = Signal()

    def __init__(
        self,
        config: type[Config],
        *,
        hidden: Collection[str] = (),
        only: Collection[str] = (),
        editors: Mapping[str, Editor] | None = None,
        label_width: int = LABEL_WIDTH,
    ) -> None:
        super().__init__()
        self.config = config
        self._kept: dict[str, Any] = {}
        self._editors: dict[Path, Editor] = {}
        self._settings: dict[Path, Setting] = {}
        self._sentences: dict[Path, SentenceLabel] = {}
        self._problem, self._label_width = "", label_width
        self._general = SentenceLabel()
        plain, folded = _Page(), _Page()
        self._more = Fold("More…", folded)
        for setting in settings_of(config):
            name = setting.path[0]
            if name not in hidden and (not only or name in only) and len(setting.choices) != 1:
                editor = (editors or {}).get(name) or editor_for(setting)
                self._add_row(folded if setting.advanced and not only else plain, setting, editor)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for part in (plain, self._more, self._general):
            layout.addWidget(part)
        self._more.setVisible(not only and any(setting.advanced for setting in self._settings.values()))
        for path, setting in self._settings.items():
            self._show_value(path, setting.default)
        for editor in self._editors.values():
            editor.edited.connect(self._edited)
        self._validate()

    def value(self) -> Config:
        """Return the values in the form.

        Raises
        ------
        pydantic.ValidationError
            A ``ValueError``: where `problem` is not empty.
        """
        return self.config.model_validate(self._raw())

    def setValue(self, value: Config) -> None:
        """Show a configuration; fields without a row are kept as they are in it."""
        content = value.model_dump()
        self._kept = content
        for path in self._editors:
            self._show_value(path, _pick(content, path))
        self._edited()

    @property
    def problem(self) -> str:
        """What is wrong with the values, in one sentence; empty if nothing is."""
        return self._problem

    def editor(self, *path: str) -> QWidget:
        """Return the widget of a setting."""
        return self._editors[path].widget

    def sentence(self, *path: str) -> str:
        """Return the sentence that stands under a setting, or under the whole form if no setting is named."""
        return str(self._sentences[path].text() if path else self._general.text())

    def _add_row(self, page: _Page, setting: Setting, editor: Editor) -> None:
        grid = page.grid
        row = grid.rowCount()
        label = QLabel(_label(setting))
        label.setMinimumWidth(self._label_width)
        sentence = SentenceLabel()
        for widget in (label, editor.widget):
            widget.setToolTip(_tooltip(setting))
        label.setBuddy(editor.widget)
        grid.addWidget(label, row, 0)
        grid.addWidget(editor.widget, row, 1)
        grid.addWidget(sentence, row + 1, 0, 1, 2)
        self._editors[setting.path] = editor
        self._settings[setting.path] = setting
        self._sentences[setting.path] = sentence

    def _show_value(self, path: Path, value: Any) -> None:
        editor = self._editors[path]
        editor.widget.blockSignals(True)
        editor.write(None if value is ... else value)
        editor.widget.blockSignals(False)

    def _raw(self) -> dict[str, Any]:
        content = _copied(self._kept)
        for path, editor in self._editors.items():
            _place(content, path, editor.read())
        return content

    def _edited(self) -> None:
        self._validate()
        self.value_changed.emit()

    def _validate(self) -> None:
        said: dict[Path, list[str]] = {}
        try:
            self.value()
        except ValidationError as error:
            for item in error.errors(include_url=False):
                path, sentence = self._located(item)
                said.setdefault(path, []).append(sentence)
        for path, label in self._sentences.items():
            label.warn("; ".join(said.get(path, ())))
        self._general.warn("; ".join(said.get((), ())))
        if any(self._settings[path].advanced for path in said if path):
            self._more.unfold()
        self._problem = "; ".join(
            f"{self._settings[path].label}: {text}" if path else text
            for path, texts in said.items()
            for text in texts
        )

    def _located(self, item: Any) -> tuple[Path, str]:
        loc = tuple(piece for piece in item["loc"] if isinstance(piece, str))
        path = next((loc[:length] for length in range(len(loc), 0, -1) if loc[:length] in self._editors), ())
        return path, in_words(item)


def labelled_row(words: str, widget: QWidget) -> QHBoxLayout:
    """Return a row that lines up with those of the forms."""
    label = QLabel(words)
    label.setMinimumWidth(LABEL_WIDTH)
    label.setBuddy(widget)
    row = QHBoxLayout()
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(6)
    row.addWidget(label)
    row.addWidget(widget, 1)
    return row


class _Page(QWidget):
    """Rows of settings."""

    def __init__(self) -> None:
        super().__init__()
        self.grid = QGridLayout(self)
        self.grid.setContentsMargins(0, 0, 0, 0)
        self.grid.setHorizontalSpacing(6)
        self.grid.setVerticalSpacing(3)
        self.grid.setColumnStretch(1, 1)


def _label(setting: Setting) -> str:
    # spin boxes say their unit behind the number
    if not setting.unit or (setting.kind is int and not setting.optional):
        return setting.label
    return f"{setting.label} ({setting.unit})"


def _tooltip(setting: Setting) -> str:
    default = to_text(setting.default) if setting.default not in (..., None) else ""
    return f"{setting.help} Default: {default}." if default else setting.help


def _pick(content: dict[str, Any], path: Path) -> Any:
    value: Any = content
    for name in path:
        value = value[name]
    return value


def _place(content: dict[str, Any], path: Path, value: Any) -> None:
    for name in path[:-1]:
        content = content.setdefault(name, {})
    content[path[-1]] = value


def _copied(content: dict[str, Any]) -> dict[str, Any]:
    return {name: _copied(value) if isinstance(value, dict) else value for name, value in content.items()}


__all__ = ["LABEL_WIDTH", "ConfigForm", "labelled_row"]
