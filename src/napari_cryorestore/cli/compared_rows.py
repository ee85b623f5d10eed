"""The rows of a command line: files, runs at a step, and what is made of two halves without training."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_cryorestore.cli.named_run import run_and_step
from napari_cryorestore.cli.outcome import CommandError, on_interruption
from napari_cryorestore.findings import Finding, gravest_first
from napari_cryorestore.runs.restored_by import first_link
from napari_cryorestore.runs.run_dir import RunDir

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_cryorestore.cli.live_text import LiveText
    from napari_cryorestore.comparison.comparison_config import Position, RowConfig
    from napari_cryorestore.comparison.sources import Sources
    from napari_cryorestore.comparison.volume import ComparedVolume
    from napari_cryorestore.runs.chosen_step import WhichStep

MEAN = "mean"
RESULTS_HELP = (
    "What other programs made of the halves, each a row: FILE, or PROGRAM=FILE where neither header nor name "
    "say the program."
)
ROW_HELP = (
    "A volume; a run, as RUN, RUN@suggested, RUN@newest or RUN@600; the word mean; a method that needs no "
    "training, by its name"
)


def typed_rows(
    rows: Sequence[str],
    halves: tuple[Path | None, Path | None],
    *,
    flags: str,
    say: Callable[[str], None],
    results: Sequence[str] = (),
    **known: Any,
) -> list[dict[str, Any]]:
    """Return the values of the `RowConfig` that each text stands for.

    Parameters
    ----------
    rows : sequence of str
        Such as ``A.mrc``, ``RUN``, ``RUN@600``, ``RUN@newest``, ``mean`` or the name of a method. Of a run,
        the step is chosen here, once.
    halves : pair of Path or None
        The half maps of the words and, where given, of the runs; else those that the first run learned from.
    flags : str
        The options that give halves, for the sentence that says that they are missing.
    say : callable
        Called with sentences: which step of a run is taken, and what speaks against it.
    results : sequence of str
        Files of other programs, such as ``A.mrc`` or ``CryoLithe=A.mrc``; they are compared with the halves.
    **known
        Values that all rows have.

    Raises
    ------
    FileNotFoundError
        If there is nothing at a row's path.
    ValueError
        If a word has no halves, or a run no such step.
    """
    found = [*(_typed_row(item, say) for item in rows), *(_typed_result(item) for item in results)]
    given = {"even": halves[0], "odd": halves[1]}
    if halves[0] is None:
        run = next((row["path"] for row in found if row["kind"] == "run"), None)
        words = [row.get("method", MEAN) for row in found if row["kind"] in ("mean", "method")]
        given |= _halves_of_run(run, words, say)
    for row in found:
        if row["kind"] in ("mean", "method"):
            if given["even"] is None or given["odd"] is None:
                word = row.get("method", MEAN)
                raise ValueError(f"the row {word} is made of two halves: give {flags}")
            row |= given
        elif row["kind"] == "result" or (row["kind"] == "run" and halves[0] is not None):
            row |= given
        row |= known
    return found


def with_labels(rows: Sequence[dict[str, Any]], labels: Sequence[str]) -> list[dict[str, Any]]:
    """Give rows their names, and those that would have the same one a number.

    Raises
    ------
    ValueError
        If there are labels, but not one for each row.
    """
    if labels and len(labels) != len(rows):
        raise ValueError(f"--labels gives {len(labels)} names for {len(rows)} rows: give one for each")
    named, taken = [], set()
    for place, row in enumerate(rows):
        name = first_name = labels[place] if labels else str(row["name"])
        count = 1
        while name in taken:
            count += 1
            name = f"{first_name} ({count})"
        taken.add(name)
        named.append({**row, "name": name})
    return named


def open_rows(
    rows: Sequence[RowConfig], sources: Sources, screen: LiveText, *, cursor: Position | None, region: int
) -> list[ComparedVolume]:
    """Open rows, restoring what has to be; Ctrl-C leaves nothing behind.

    Raises
    ------
    CommandError
        If Ctrl-C was pressed.
    ValueError, OSError, MemoryError
        If there is no such volume.
    """
    from napari_cryorestore.data.tiles import Cancelled

    cancel, volumes = threading.Event(), []
    tell_findings(rows, screen)
    try:
        with on_interruption(cancel.set):
            for row in rows:
                name = row.name
                volume = sources.open_row(
                    row,
                    cursor=cursor,
                    region=region,
                    progress=lambda share, name=name: screen.show(f"restoring {name} · {share:.0%}"),  # type: ignore[misc]
                    cancelled=cancel.is_set,
                )
                volumes.append(volume)
                for finding in volume.findings:
                    screen.say(finding.line)
    except Cancelled:
        raise CommandError("cancelled: nothing was made") from None
    finally:
        screen.end()
    return volumes


def tell_findings(rows: Sequence[RowConfig], screen: LiveText) -> None:
    """Say once what was noticed about the raw tomograms that rows show or are restored from."""
    from napari_cryorestore.comparison.sources import examined

    findings: dict[Finding, None] = {}
    for row in rows:
        with suppress(ValueError, OSError):  # opening the row says what is wrong, unless it can be compared
            examination = examined(row)
            findings |= dict.fromkeys(examination.findings if examination is not None else ())
    for finding in gravest_first(tuple(findings)):
        screen.say(finding.line)


def _typed_row(text: str, say: Callable[[str], None]) -> dict[str, Any]:
    """Return the row that ``A.mrc``, ``RUN``, ``RUN@600``, ``mean`` or a method's name stands for."""
    from napari_cryorestore.methods import METHODS, untrained_methods

    if text == MEAN:
        return {"kind": "mean", "name": "Input"}
    if text in untrained_methods():
        return {"kind": "method", "method": text, "name": METHODS[text].title}
    run, which = run_and_step(text)
    if not run.exists():
        raise FileNotFoundError(f"There is no run or volume at {run}: check the folder and the name.")
    if which is None and not run.is_dir():
        return {"kind": "file", "path": run, "name": run.stem}
    if which is None and not RunDir(run).checkpoint_steps():
        return {"kind": "run", "path": run, "name": run.name}  # a checkpoint, or whoever opens it complains
    return {"kind": "run", "path": run, **_step_of(run, which or "suggested", say)}


def _typed_result(text: str) -> dict[str, Any]:
    """Return the row that ``A.mrc`` or ``CryoLithe=A.mrc`` stands for, if another program made it."""
    from napari_cryorestore.comparison.programs import program_of
    from napari_cryorestore.io.volumes import open_volume

    program, equals, name = text.partition("=") if not Path(text).exists() else ("", "", text)
    path = Path(name if equals else text)
    if not path.exists():
        raise FileNotFoundError(f"There is no volume at {path}: check the folder and the name.")
    made_by = program_of(open_volume(path), program or None)[0]
    return {"kind": "result", "path": path, "program": program or None, "name": made_by or path.stem}


def _step_of(run: Path, which: WhichStep, say: Callable[[str], None]) -> dict[str, Any]:
    """Choose the step of a run, and say which and what speaks against it."""
    from napari_cryorestore.restoration.weights import chosen_weights

    _, chosen = chosen_weights(run, which)
    if chosen is None:
        return {"name": run.name}
    say(f"{run.name}: {chosen.sentence}")
    first = first_link(RunDir(run))
    if first:
        say(f"{run.name} learned from what {first} had restored: raw halves go through both.")
    for finding in chosen.findings:
        say(replace(finding, about=run.name).line)
    return {"step": chosen.step, "name": f"{run.name} @ {chosen.step}"}


def _halves_of_run(run: Path | None, words: Sequence[str], say: Callable[[str], None]) -> dict[str, Any]:
    """Return the first two maps that a run learned from; say so where there are more and rows use them."""
    from napari_cryorestore.run_config import RunConfig

    if run is None:
        return {}
    tomogram = RunConfig.from_toml(RunDir.open(run).config_text()).tomograms[0]
    if words and len(tomogram.maps) > 2:
        say(
            f"warning: {run.name} learned from {len(tomogram.maps)} maps, but the first two alone make the "
            f"rows {' and '.join(words)}: they are noisier than what the run is made of."
        )
    return {"even": tomogram.even, "odd": tomogram.odd}


__all__ = ["RESULTS_HELP", "ROW_HELP", "open_rows", "typed_rows", "with_labels"]
