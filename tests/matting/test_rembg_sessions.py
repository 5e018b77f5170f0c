"""The sessions of rembg, from a weights file on this machine: equal to what rembg itself answers, and as an engine."""

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.contracts.test_engines import picture
from tests.matting.networks.mirror import drawn
from tests.web.drawn import draw
from vimix import __main__ as command_line
from vimix.errors import Unavailable, UsageError
from vimix.events import returned
from vimix.frame import Frame, opaque
from vimix.matting import registry, rembg_sessions
from vimix.matting.engine import EngineRequest, Matting

NAME = "rembg:u2netp"


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A models' folder that holds a drawn network where rembg looks for u2netp, and a person's own beside it."""
    for name in ("U2NET_HOME", "REMBG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(rembg_sessions, "_sessions", {})
    for name in ("u2netp", "u2net_custom"):
        file = tmp_path / "rembg" / "models" / name / f"{name}.onnx"
        file.parent.mkdir(parents=True)
        file.write_bytes(drawn(320, outputs=7))
    return tmp_path


def prepared(name: str, models: Path, *, still: bool = False, device: str = "cpu") -> Matting:
    rgb = picture(96, 64, 0.5)
    frame = Frame(rgb, opaque(64, 96), Fraction(0), Fraction(1, 25))
    request = EngineRequest(
        first_frames=lambda count: [frame],
        still=still,
        frames=1,
        quality="balanced",
        points=(),
        start=0.0,
        model_dir=models,
        mirrors=(),
        device=device,
        threads=1,
    )
    model = registry.find(name)
    matting: Matting = returned(registry.engine_of(model).prepare(model, request))
    return matting


@pytest.mark.parametrize("name", [NAME, "rembg:u2net_custom"])
def test_a_picture_gets_rembgs_own_mask(models: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("U2NET_HOME", str(models / "rembg"))
    from rembg import new_session

    session = name.partition(":")[2]
    where = {"model_path": str(models / "rembg" / "models" / session / f"{session}.onnx")}
    theirs = new_session(session, providers=["CPUExecutionProvider"], **where)
    rgb = picture(96, 64, 0.4)
    (expected,) = theirs.predict(Image.fromarray(rgb))
    assert np.array_equal(prepared(name, models, still=True).single(rgb), np.asarray(expected))


def test_a_clip_is_tracked_from_the_command_line(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VIMIX_MODEL_DIR", str(models))
    clip = draw(tmp_path / "clip.mp4", wall=(120, 120, 120))
    assert command_line.main([str(clip), str(tmp_path / "out.webp"), "--model", NAME, "--json"]) == 0
    card = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (card["model"], card["engine"]["runtime"]) == (NAME, "rembg")
    assert card["coverage"] > 0


def test_sessions_are_listed_without_importing_rembg(models: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from vimix.matting import registry;"
        "print(*(row['name'] for row in registry.table(Path(sys.argv[1])) if row['fetched'] and ':' in row['name']));"
        "print(*(row['name'] for row in registry.table(Path(sys.argv[1]))));"
        "assert 'rembg' not in sys.modules and 'onnxruntime' not in sys.modules"
    )
    told = subprocess.run([sys.executable, "-c", code, str(models)], capture_output=True, text=True, check=True)
    fetched, everything = told.stdout.splitlines()
    assert fetched.split() == ["rembg:u2net_custom", "rembg:u2netp"]
    import rembg.sessions

    local = {f"rembg:{each.name()}" for each in rembg.sessions.sessions_class if each.is_local()}
    assert {name for name in everything.split() if name.startswith("rembg:")} == local


def test_what_rembg_does_not_have_is_refused_by_name(models: Path) -> None:
    with pytest.raises(UsageError, match="has no session 'nothing'"):
        prepared("rembg:nothing", models)
    with pytest.raises(UsageError, match="has no session 'withoutbg'"):  # it sends pictures to a service
        prepared("rembg:withoutbg", models)


def test_damaged_weights_and_a_missing_gpu_are_told(models: Path) -> None:
    with pytest.raises(Unavailable, match="no NVIDIA GPU"):
        prepared(NAME, models, device="cuda")
    (models / "rembg" / "models" / "u2netp" / "u2netp.onnx").write_bytes(b"no network")
    with pytest.raises(Unavailable, match="could not be opened"):
        prepared(NAME, models)
