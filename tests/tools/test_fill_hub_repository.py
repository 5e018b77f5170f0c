"""What the script sends is what the rows that it prints name."""

import hashlib
import re
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from huggingface_hub import HfApi

from tools.fill_hub_repository import fill, printed
from vimix.matting import registry
from vimix.matting.networks.mirrors import Hub


class Folder(HfApi):
    """A Hub in a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def create_repo(self, repo_id: str, **_: Any) -> Any:
        (self.folder / repo_id).mkdir(parents=True)

    def upload_file(self, *, path_or_fileobj: Any, path_in_repo: str, repo_id: str, **_: Any) -> Any:
        shutil.copyfile(path_or_fileobj, self.folder / repo_id / path_in_repo)

    def model_info(self, repo_id: str, **_: Any) -> Any:
        return SimpleNamespace(sha="c0ffee")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    (tmp_path / "weights").mkdir()
    for name in registry.BY_DEFAULT:
        (tmp_path / "weights" / registry.find(name).file).write_bytes(name.encode())
    return tmp_path / "weights"


def test_the_rows_name_what_was_sent(tmp_path: Path, weights: Path) -> None:
    models = [registry.find(name) for name in registry.BY_DEFAULT]
    places = fill(Folder(tmp_path / "hub"), "me/weights", models, weights, private=False)
    said = printed(places)
    assert said.startswith("VIMIX_MODEL_MIRRORS=me/weights@c0ffee\n")
    assert "  - me/weights isnet-general-use.onnx,selfie_segmentation.tflite c0ffee\n" in said
    rows = [eval(row.rstrip(","), {"Hub": Hub}) for row in re.findall(r"Hub\(.*\),", said)]
    assert rows == [hub for _, hub in places]
    for row in rows:
        sent = (tmp_path / "hub" / row.repo / row.file).read_bytes()
        assert row.checksum == f"sha256:{hashlib.sha256(sent).hexdigest()}"
        replace(models[0], mirrors=(row,))
