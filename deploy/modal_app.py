"""Vimix workers on Modal's GPUs, paid by the second: `modal deploy deploy/modal_app.py`.

The workers are the same as everywhere (`python -m vimix worker`): they take jobs from the shared queue and put results
into the shared bucket, both named in a Modal secret called `vimix` (REDIS_URL, S3_BUCKET, S3_ENDPOINT, S3_ACCESS_KEY,
S3_SECRET_KEY). With VIMIX_MODAL=1 the web process starts as many as there are unfinished jobs, at most
VIMIX_MODAL_WORKERS; each ends when nothing has waited for ten seconds, or in time before Modal would end it.
"""

import os
from pathlib import Path

import modal

MINUTES = 60
MAX_AGE = 270 * MINUTES
"""A worker takes jobs for the first half of it, and a job takes two hours at most: none is cut off by `timeout`."""
ROOT = Path(__file__).parents[1]

image = (
    modal.Image.debian_slim(python_version="3.12")
    .apt_install("npm")
    .pip_install_from_requirements(str(ROOT / "requirements.txt"))
    .env({"VIMIX_MODEL_DIR": "/models", "VIMIX_DATA_DIR": "/tmp/vimix", "VIMIX_DEVICE": "cuda"})
    .add_local_python_source("vimix", ignore=["**/__pycache__", "**/*.pyc"])  # else Python files only, no tables
)
app = modal.App("vimix", image=image)
models = modal.Volume.from_name("vimix-models", create_if_missing=True)


@app.function(
    gpu="L4",
    volumes={"/models": models},
    secrets=[modal.Secret.from_name("vimix")],
    timeout=MAX_AGE + 5 * MINUTES,
    max_containers=int(os.environ.get("VIMIX_MODAL_WORKERS", "4")),
    retries=0,  # the queue hands a lost worker's jobs to another one
)
def work(name: str = "") -> None:
    """Work until nothing is left in the queue; `name` is what the web process counts this worker by."""
    from vimix.jobs.worker.serve import serve
    from vimix.settings import Settings

    settings = Settings.load()
    known = weights(settings.model_dir)

    def keep_fetched() -> None:
        nonlocal known
        if (now := weights(settings.model_dir)) != known:
            models.commit()  # at once: a worker that is ended from outside would have fetched for nothing
            known = now

    serve(settings, until_empty=True, max_age=MAX_AGE, name=name, after_job=keep_fetched)


def weights(folder: Path) -> set[tuple[str, int]]:
    """The files in the folder of models, with their sizes."""
    return {(str(file), file.stat().st_size) for file in folder.rglob("*") if file.is_file()}
