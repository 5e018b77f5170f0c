import threading
import time
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.matting.networks import mirror as loopback
from vimix.events import returned
from vimix.frame import Pixels
from vimix.matting.networks import cuda, device, gpu, network, runtime
from vimix.matting.networks.catalogue import MODELS
from vimix.matting.networks.device import Comparison, rate, remember, remembered
from vimix.matting.networks.network import Network, open_network
from vimix.matting.registry import find

CARD = "NVIDIA Drawn"
Opened = Callable[..., Network]


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Opened, None, None]:
    """Opens a network as a new process would, on a machine with a card whose sessions the processor runs."""
    monkeypatch.setattr(cuda, "gpu", lambda: CARD)
    monkeypatch.setattr(runtime, "open_on_gpu", partial(runtime.open_on_gpu, provider="CPUExecutionProvider"))
    with loopback.serving() as mirror:
        for name in ("u2netp", "isnet-general-use"):
            loopback.use(monkeypatch, loopback.row(mirror, MODELS[name], loopback.draw_for(MODELS[name])))

        def open_anew(name: str = "u2netp", device: str = "auto") -> Network:
            monkeypatch.setattr(network, "_open", {})
            found: Network = returned(open_network(find(name), quality="balanced", model_dir=tmp_path, device=device))
            return found

        yield open_anew


@pytest.mark.parametrize(("on_gpu", "on_cpu"), [(900.0, 300.0), (300.0, 900.0), (300.0, 300.0)])
def test_a_light_network_runs_where_it_is_faster_and_the_card_says_why(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, on_gpu: float, on_cpu: float
) -> None:
    rates = [on_gpu, on_cpu]
    monkeypatch.setattr(network, "rate", lambda *given: rates.pop(0))
    for _ in range(2):  # found out, then remembered: there is no third rate to be had
        found = opened()
        assert (found.runtime.device == CARD) == (on_gpu > on_cpu)
        assert found.runtime.why.startswith(f"{CARD} runs {on_gpu:.0f} pictures a second, the processor {on_cpu:.0f}. ")
        assert found.predict(np.zeros((20, 30, 3), np.uint8)).shape == (20, 30)


def test_both_are_really_run(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "SECONDS", 0.05)
    monkeypatch.setattr(gpu, "SIZES", (1, 2))
    ran: list[float] = []

    def counted(*given: object) -> float:
        ran.append(rate(*given))  # type: ignore[arg-type]
        return ran[-1]

    monkeypatch.setattr(network, "rate", counted)
    why = opened().runtime.why
    assert len(ran) == 2
    assert why.startswith(f"{CARD} runs {ran[0]:.0f} pictures a second, the processor {ran[1]:.0f}. ")
    assert min(ran) > 0


def test_a_card_that_is_asked_for_is_not_compared(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "rate", lambda *given: pytest.fail("it was compared"))
    assert opened(device="cuda").runtime.device == CARD
    assert opened(device="cpu").runtime.device != CARD
    monkeypatch.setattr(network, "LIGHT", 10)
    assert opened("isnet-general-use").runtime.device == CARD  # a large one would take the processor seconds


def test_another_card_or_machine_is_measured_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = tmp_path / "compiled" / "book.json"
    assert remembered(book, CARD) is None
    monkeypatch.setattr(device, "machine", lambda: "this")
    found = Comparison(1.0, 2.0, CARD, "this")
    remember(book, found)
    assert remembered(book, CARD) == found
    assert remembered(book, "another") is None
    monkeypatch.setattr(device, "machine", lambda: "that")
    assert remembered(book, CARD) is None
    book.write_text("half")
    assert remembered(book, CARD) is None


def test_the_rate_is_of_many_at_once_once_all_is_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "SECONDS", 0.2)
    lock, now, most, prepared = threading.Lock(), 0, 0, threading.Event()

    def predict(rgb: Pixels) -> Pixels:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.01 if prepared.is_set() else 0.002)
        with lock:
            now -= 1
        prepared.set()
        return rgb[..., 0]

    found = rate(predict, 4, prepared.is_set)
    assert most == 4
    assert 0 < found <= 4 / 0.01
