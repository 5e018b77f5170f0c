"""What the measurements write is read by what makes the page."""

from bench import gpu, performance


def test_every_table_of_the_gpu_reaches_the_page() -> None:
    timings = {"preparing": 0.5, "network": 2.0, "encoding": 1.5, "total": 4.0}
    run = {"options": "--model portrait", "asked": "cuda", "cores": 16, "fps": 62.1, "beyond": 1.3, "timings": timings}
    caller = {"model": "m", "size": 768, "device": "NVIDIA L4", "precision": "f16", "callers": 8, "fps": 300.4}
    measured = {
        "card": "NVIDIA L4",
        "machine": "16 cores",
        "batches": [
            {"size": 768, "batch": 8, "first": 0.42, "fps": 315.2},
            {"size": 768, "batch": "3, 5", "fps": 14.0},
        ],
        "callers": [{**caller, "cpu_ms": 3.0, "off_mean": 0.1, "off_most": 4, "mean_batch": 5.5}],
        "runs": [{**run, "busy": 71.0}],
        "cores": [{**run, "busy": None}],
    }
    page = "\n".join(performance.gpu_part(measured))
    for cell in ("NVIDIA L4", "| 315 | 0.4 |", "| 3, 5 | 14 |", "| 300 | 5.5 |", "| 62.1 | 1.3 | 71 % | network 2.0, "):
        assert cell in page
    assert performance.gpu_part({**measured, "card": ""}) == []


def test_a_call_is_repeated_for_as_long_as_asked() -> None:
    asked: list[int] = []
    runs, took = gpu.repeated(lambda: asked.append(1), 0.01)
    assert len(asked) == runs + 1
    assert took >= 0.01
