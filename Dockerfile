# One image for the service, the app and MLflow: they share nearly all of their libraries.

FROM python:3.11-slim-bookworm AS base
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PATH=/opt/venv/bin:$PATH

FROM base AS build
# torch for the CPU. Its version is that of constraints.txt, as 2.15.0+cpu satisfies ==2.15.0; an empty
# TORCH_INDEX takes the package index's build for CUDA, which makes the image some 4 GB larger.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
WORKDIR /build
RUN python -m venv /opt/venv
# The libraries alone: this layer is built again only when one of these two files changes.
COPY pyproject.toml constraints.txt ./
RUN sed -n 's/^"coverfusion.*" = "\(.*\)"$/\1/p' pyproject.toml | xargs mkdir -p \
    && touch README.md LICENSE NOTICE \
    && PIP_EXTRA_INDEX_URL=$TORCH_INDEX pip install --no-cache-dir --constraint constraints.txt \
        ".[all]" \
    && pip uninstall --yes coverfusion \
    && rm -rf build ./*.egg-info
COPY README.md LICENSE NOTICE ./
COPY coverfusion coverfusion
COPY data data
COPY features features
COPY fusion fusion
COPY experiments experiments
RUN pip install --no-cache-dir --no-deps .

FROM base
# The named volumes take their owner from these folders.
RUN useradd --uid 10001 --user-group --create-home coverfusion \
    && install -d -o coverfusion -g coverfusion /work /artifacts
COPY --from=build /opt/venv /opt/venv
USER 10001:10001
WORKDIR /work
EXPOSE 8000
# Loading the model and its networks takes some seconds; until then the service answers 503.
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/v1/health', timeout=4)"]
ENTRYPOINT ["coverfusion"]
CMD ["serve", "/bundle", "--host", "0.0.0.0", "--port", "8000"]
