# One stage builds every binary; one target per service carries one of them.
#
#   docker build --target orders .

FROM rust:1-trixie AS build
WORKDIR /src
COPY . .
# The caches stay on the building machine: registry and finished dependencies
# are not fetched and compiled again after a change to our own code.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --release --locked --bins \
      --package gozon-shop --package gozon-gateway --package gozon-orders --package gozon-payments \
    && mkdir /binaries \
    && for name in gozon gozon-gateway gozon-orders gozon-payments; do \
         install -m 755 "target/release/$name" /binaries/; \
       done


FROM debian:trixie-slim AS base
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
