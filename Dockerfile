# One image for the page and for workers: `docker run -p 7860:7860 vimix`, or `... vimix python -m vimix worker`.
FROM python:3.11-slim

ARG REQUIREMENTS=requirements.txt
RUN apt-get update && apt-get install -y --no-install-recommends npm && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 vimix

WORKDIR /home/vimix/app
COPY requirements*.txt ./
RUN pip install --no-cache-dir --requirement ${REQUIREMENTS}
COPY --chown=1000:1000 . .
USER 1000
RUN python tools/draw_examples.py

ENV PORT=7860 \
    VIMIX_HOST=0.0.0.0 \
    VIMIX_JOBS_PER_HOUR=5 \
    VIMIX_DATA_DIR=/home/vimix/data \
    VIMIX_MODEL_DIR=/home/vimix/models \
    PYTHONUNBUFFERED=1
RUN mkdir -p /home/vimix/data /home/vimix/models
VOLUME ["/home/vimix/data", "/home/vimix/models"]
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s \
    CMD python -c "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/healthz', timeout=4)"
CMD ["python", "app.py"]
