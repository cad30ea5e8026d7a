# The base image by its tag, for its digest is not known here. To pin it, append what `docker pull` prints: @sha256:...
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY requirements/build.txt requirements/consumer.txt requirements/
RUN python3 -m venv /build && /build/bin/pip install --no-cache-dir --require-hashes -r requirements/build.txt
# The consumer's own install: the core, without the extras, and without pip.
RUN python3 -m venv --without-pip /opt/ltv && \
    PIP_PYTHON=/opt/ltv/bin/python3 /build/bin/pip install --no-cache-dir --require-hashes -r requirements/consumer.txt
COPY . .
# With the native core, if `make native` has built one.
RUN /build/bin/pip wheel --no-deps --no-build-isolation --no-cache-dir --wheel-dir /wheels . && \
    find . -path './dist/ltv_native-*.whl' -exec cp {} /wheels/ \; && \
    PIP_PYTHON=/opt/ltv/bin/python3 /build/bin/pip install --no-cache-dir --no-deps /wheels/*.whl

FROM python:3.11-slim-bookworm
RUN useradd --create-home --uid 10001 ltv
COPY --from=build /opt/ltv /opt/ltv
ENV PATH=/opt/ltv/bin:$PATH PYTHONUNBUFFERED=1
# By its number, so that Kubernetes knows that it is not root's.
USER 10001
WORKDIR /home/ltv
# The ports of `ltv consume` (LTV_METRICS_PORT) and of `ltv dashboard`.
EXPOSE 9400 8080
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s CMD ["python3", "-m", "web.health_probe"]
ENTRYPOINT ["ltv"]
CMD ["--help"]
