from __future__ import annotations

import torch

from napari_cryorestore import hardware
from napari_cryorestore.gui.devices import list_devices


def test_the_cpu_is_always_offered_with_its_free_memory(monkeypatch):
    monkeypatch.setattr(hardware, "available_devices", lambda: ("cpu",))
    automatic, cpu = list_devices()
    assert cpu.name == "cpu"
    assert cpu.free > 0
    assert "GB free" in cpu.title
    assert automatic.name == "auto"
    assert cpu.title in automatic.title


def test_a_graphics_card_is_named_with_its_free_memory(monkeypatch):
    monkeypatch.setattr(hardware, "available_devices", lambda: ("cuda:0", "mps", "cpu"))
    monkeypatch.setattr(hardware, "free_memory", lambda device: 44_000_000_000)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA RTX 6000")
    automatic, cuda, mps, _ = list_devices()
    assert cuda.title == "cuda:0 · RTX 6000 · 44 GB free"
    assert automatic.half_precision
    assert mps.title == "Apple GPU · 44 GB free"
