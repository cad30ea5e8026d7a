# The base image by its tag, for its digest is not known here. To pin it, append what `docker pull` prints: @sha256:...
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY requirements/build.txt requirements/
RUN python3 -m venv /build && /build/bin/pip install --no-cache-dir --require-hashes -r requirements/build.txt
COPY . .
RUN /build/bin/pip wheel --no-deps --no-build-isolation --no-cache-dir --wheel-dir /wheels .

# The consumer's own install: the core, without the extras.
FROM python:3.11-slim-bookworm
RUN useradd --create-home --uid 10001 ltv
COPY requirements/consumer.txt /tmp/
RUN python3 -m venv /opt/ltv && /opt/ltv/bin/pip install --no-cache-dir --require-hashes -r /tmp/consumer.txt
COPY --from=build /wheels /tmp/wheels
# The native core, if `make native` has built one.
COPY LICENSE dist/ltv_native-*.whl /tmp/wheels/
RUN /opt/ltv/bin/pip install --no-cache-dir --no-deps /tmp/wheels/*.whl
USER ltv
WORKDIR /home/ltv
ENV PYTHONUNBUFFERED=1
ENTRYPOINT ["/opt/ltv/bin/ltv"]
CMD ["--help"]
