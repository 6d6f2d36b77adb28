# One stage builds every binary; one target per service carries one of them.
#
#   docker build --target orders .
#
# Whoever wants the same bits again names the images by digest:
# --build-arg RUST_IMAGE=rust@sha256:…, --build-arg BASE_IMAGE=debian@sha256:…
ARG RUST_IMAGE=rust:1-trixie
ARG BASE_IMAGE=debian:trixie-slim

FROM ${RUST_IMAGE} AS manifests
WORKDIR /src
COPY . .
RUN sh deploy/image/stubs.sh


FROM ${RUST_IMAGE} AS build
WORKDIR /src
# An image has no debugger. The names of functions stay, for backtraces.
ENV CARGO_INCREMENTAL=0 CARGO_PROFILE_RELEASE_DEBUG=none CARGO_PROFILE_RELEASE_STRIP=debuginfo
COPY --from=manifests /src .
# A layer: it lasts until a manifest changes, and travels with a builder's cache.
RUN sh deploy/image/build.sh dependencies
COPY . .
# Which of them, where not all are wanted: the shop is nearly half of the work.
ARG BINARIES="gozon-gateway gozon-orders gozon-payments gozon-shop"
# The mount is only quicker: it keeps our own crates of the last build.
RUN --mount=type=cache,target=/cache,sharing=locked sh deploy/image/build.sh binaries


FROM ${BASE_IMAGE} AS base
RUN groupadd --system --gid 10001 gozon \
    && useradd --system --uid 10001 --gid gozon --no-create-home --home-dir /nonexistent \
      --shell /usr/sbin/nologin gozon \
    && install -d -o gozon -g gozon /data
USER gozon
WORKDIR /data
# A container's logs are read by machines.
ENV GOZON_LOG_FORMAT=json


FROM base AS gateway
COPY --from=build /binaries/gozon-gateway /usr/local/bin/
ENV GOZON_BIND=0.0.0.0:8000 GOZON_PAGE_BIND=0.0.0.0:8080
EXPOSE 8000 8001 8002 8080
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=6 CMD ["gozon-gateway", "healthcheck"]
ENTRYPOINT ["gozon-gateway"]


FROM base AS orders
COPY --from=build /binaries/gozon-orders /usr/local/bin/
ENV GOZON_BIND=0.0.0.0:8001
EXPOSE 8001
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=6 CMD ["gozon-orders", "healthcheck"]
ENTRYPOINT ["gozon-orders"]


FROM base AS payments
COPY --from=build /binaries/gozon-payments /usr/local/bin/
ENV GOZON_BIND=0.0.0.0:8002
EXPOSE 8002
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=6 CMD ["gozon-payments", "healthcheck"]
ENTRYPOINT ["gozon-payments"]


# The whole shop in one process, with its data in /data. Last, so that a plain
# `docker build .` builds it.
FROM base AS shop
COPY --from=build /binaries/gozon /usr/local/bin/
ENV GOZON_BIND=0.0.0.0:8000 GOZON_PAGE_BIND=0.0.0.0:8080 \
    GOZON_ORDERS_BIND=0.0.0.0:8001 GOZON_PAYMENTS_BIND=0.0.0.0:8002 GOZON_DATA_DIR=/data
VOLUME /data
EXPOSE 8000 8001 8002 8080
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=6 CMD ["gozon", "healthcheck"]
ENTRYPOINT ["gozon"]
