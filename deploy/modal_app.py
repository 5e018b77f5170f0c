"""Vimix workers on Modal's GPUs, paid by the second: `modal deploy deploy/modal_app.py`.

The workers are the same as everywhere (`python -m vimix worker`): they take jobs from the shared queue and put results
into the shared bucket, both named in a Modal secret called `vimix` (REDIS_URL, S3_BUCKET, S3_ENDPOINT, S3_ACCESS_KEY,
S3_SECRET_KEY). With VIMIX_MODAL=1 the web process wakes one whenever work is waiting; it ends when the queue is empty.
"""

import modal

MINUTES = 60

image = (
    modal.Image.debian_slim(python_version="3.12")
    .apt_install("npm")
    .pip_install_from_requirements("requirements.txt")
    .env({"VIMIX_MODEL_DIR": "/models", "VIMIX_DATA_DIR": "/tmp/vimix", "VIMIX_DEVICE": "cuda"})
    .add_local_python_source("vimix")
)
app = modal.App("vimix", image=image)
models = modal.Volume.from_name("vimix-models", create_if_missing=True)


@app.function(
    gpu="L4",
    volumes={"/models": models},
    secrets=[modal.Secret.from_name("vimix")],
    timeout=30 * MINUTES,
    max_containers=4,
    retries=0,  # the queue hands a lost worker's jobs to another one
)
def work() -> None:
    """Work until nothing is left in the queue."""
    from vimix.jobs.worker.pool import serve
    from vimix.settings import Settings

    serve(Settings.load(), until_empty=True)
    models.commit()
