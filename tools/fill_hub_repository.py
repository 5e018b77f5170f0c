"""Fill a Hub repository of your own with the weights, for machines that reach the Hub but not where they come from.

    python tools/fill_hub_repository.py me/vimix-weights                      # the default models
    python tools/fill_hub_repository.py me/vimix-weights --models u2net portrait --private

It needs a token that may write (`hf auth login`, or HF_TOKEN). What it prints at the end: the variable that makes a
deployment ask this repository first, the line of a Space's front matter that loads the files when the Space is built,
and the row of the catalogue for who wants the source in the code, pinned to the commit.
"""

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

from huggingface_hub import HfApi

from vimix.matting import registry
from vimix.matting.networks.catalogue import Model
from vimix.matting.networks.mirrors import Hub
from vimix.settings import Settings


def fill(api: HfApi, repo: str, models: Sequence[Model], folder: Path, *, private: bool) -> list[tuple[Model, Hub]]:
    """Make the repository if need be, and send the files that it lacks; the place of each, at the last commit."""
    api.create_repo(repo, private=private, exist_ok=True)
    for model in models:
        api.upload_file(
            path_or_fileobj=folder / model.file,
            path_in_repo=model.file,
            repo_id=repo,
            commit_message=f"{model.name} ({model.licence})",
        )
    commit = str(api.model_info(repo).sha)
    return [(model, Hub(repo, commit, model.file, f"sha256:{_sha256(folder / model.file)}")) for model in models]


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def printed(places: Sequence[tuple[Model, Hub]]) -> str:
    """The variable, the front matter and the rows."""
    repo, commit = places[0][1].repo, places[0][1].revision
    names = ",".join(hub.file for _, hub in places)
    rows = "\n".join(
        f'    # {model.name}\n    Hub("{hub.repo}", "{hub.revision}", "{hub.file}", "{hub.checksum}"),'
        for model, hub in places
    )
    return (
        f"VIMIX_MODEL_MIRRORS={repo}@{commit}\n\n"
        f"preload_from_hub:\n  - {repo} {names} {commit}\n\n"
        f"vimix/matting/networks/catalogue.py, among a model's `mirrors`:\n{rows}\n"
    )


def main(arguments: Sequence[str]) -> int:
    """Fetch what is missing here, send it, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repo", help="owner/name")
    parser.add_argument("--models", nargs="+", default=registry.BY_DEFAULT, metavar="NAME")
    parser.add_argument("--private", action="store_true")
    asked = parser.parse_args(arguments)
    settings = Settings.load()
    models = [model for model in map(registry.find, asked.models) if model.file]
    for model in models:
        for note in registry.fetch(model.name, settings.model_dir, settings.mirrors):
            print(note.text, file=sys.stderr)
    print(printed(fill(HfApi(), asked.repo, models, settings.model_dir, private=asked.private)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
