#!/usr/bin/env bash
# Brings the shop up in Compose as docs/guides/compose.md says, shops in it while
# instances stop and start, and takes it down again with its data. The commands of
# the guide stand here to the letter: a test compares them.
#
#   tests/compose.sh                        builds the images as everybody does
#   tests/compose.sh --built target/debug   with the binaries that are there
#
# In a project of its own, so that it touches nobody's data. GOZON_PORT_API and
# the like move the ports, as for Compose.
set -euo pipefail
cd "$(dirname "$0")/.."
built=
if [ $# -gt 0 ]; then
  [ $# = 2 ] && [ "$1" = --built ] || { echo 'compose.sh: knows --built FOLDER alone' >&2; exit 2; }
  built=$2
fi
export COMPOSE_PROJECT_NAME=gozon-check
work=$(mktemp -d)
api=http://127.0.0.1:${GOZON_PORT_API:-8000}

say() { printf 'compose: %4d s: %s\n' "$SECONDS" "$*"; }
fail() { say "FAILED: $*" >&2; exit 1; }
finish() {
  status=$?
  [ "$status" = 0 ] || docker compose logs --no-color --tail 40 || true
  GOZON_SECRETS=$work/secrets docker compose down --volumes --timeout 20 || true
  rm -rf "$work"
  exit "$status"
}
# Compose wants to read them, whatever it is asked; real ones follow below.
cp -R deploy/compose/demonstration "$work/secrets"
trap finish EXIT
if [ -n "$built" ]; then
  export COMPOSE_FILE=compose.yaml:deploy/compose/built.yaml GOZON_BUILT=$work/built
  mkdir "$GOZON_BUILT"
  cp "$built/gozon-gateway" "$built/gozon-orders" "$built/gozon-payments" "$GOZON_BUILT/"
  # The same images, but for where the binaries come from.
  sed -e '/ AS manifests$/,/ AS base$/{/ AS base$/!d}' -e 's|--from=build /binaries/||' \
    Dockerfile >"$GOZON_BUILT/Dockerfile"
fi

call() { curl -sS -w '\n' -H "X-User-Id: $user" -H 'Content-Type: application/json' "$@"; }
# Repeats a question, for a minute, until the answer contains something.
until_says() {
  local wanted=$1 answer=''
  shift
  for _ in $(seq 240); do
    answer=$("$@" 2>&1 || true)
    case $answer in *"$wanted"*) return ;; esac
    sleep 0.25
  done
  fail "no $wanted within a minute: $answer"
}
# One order, under its key, asked for until it is accepted.
order() {
  until_says '"status":"' call --max-time 20 "$api/orders" -H "Idempotency-Key: $1" \
    -d "{\"amount\": 100, \"description\": \"$1\"}"
}

say 'the file is valid'
docker compose config --quiet

say 'up, with the demonstration'
docker compose up --build --detach --wait
curl --fail --silent --show-error "$api/readyz"
user=anna
call -X POST "$api/accounts" | grep '"balance":0'
call "$api/accounts/topup" -d '{"amount": 100000}' -H 'Idempotency-Key: topup' | grep '"balance":100000'
call "$api/orders" -d '{"amount": 2490, "description": "Tea"}' | grep '"status":"NEW"'
until_says FINISHED call "$api/orders"
call "$api/accounts/balance" | grep '"balance":97510'
curl --fail --silent "http://127.0.0.1:${GOZON_PORT_ORDERS:-8001}/orders" -H 'X-User-Id: anna' | grep FINISHED
curl --fail --silent --output /dev/null --location "http://127.0.0.1:${GOZON_PORT_PAGE:-8080}/"
curl --fail --silent --user gozon:gozon "http://127.0.0.1:${GOZON_PORT_RABBITMQ:-15672}/api/whoami" | grep administrator

say 'what is in a container cannot be changed, and is nobody important'
for service in gateway orders payments orders-db payments-db rabbitmq; do
  if docker compose exec -T "$service" sh -c ': >/usr/local/bin/x' 2>/dev/null; then
    fail "$service can write"
  fi
  [ "$(docker compose exec -T "$service" id -u)" != 0 ] || fail "$service is root"
done
# BuildKit keeps what it builds on to itself.
docker image inspect debian:trixie-slim >/dev/null 2>&1 || docker pull --quiet debian:trixie-slim
base=$(docker image inspect --format '{{.Size}}' debian:trixie-slim)
for service in gateway orders payments; do
  size=$(docker image inspect --format '{{.Size}}' "gozon-check-$service")
  say "$service: $(((size - base) / 1000000)) MB over its base"
  # Binaries that were built for tests are no measure.
  [ -n "${GOZON_BUILT:-}" ] || [ $((size - base)) -lt 60000000 ] || fail "$service is too large"
done

say 'looking after it'
docker compose ps
docker compose logs --tail 5 orders
docker compose exec -T orders gozon-orders dead-letters outbox list
export BACKUP=$work
docker compose exec -T orders-db pg_dump --username orders orders > "$BACKUP/orders.sql"
docker compose exec -T payments-db pg_dump --username payments payments > "$BACKUP/payments.sql"
grep -q gozon_outbox "$work/orders.sql"
grep -q gozon_ledger "$work/payments.sql"

say 'scaled, while instances come and go'
user=boris
call -X POST "$api/accounts" | grep '"balance":0'
call "$api/accounts/topup" -d '{"amount": 1000000}' -H 'Idempotency-Key: topup' | grep '"balance":1000000'
# Listens at the first instance, which stays; there is no other yet.
curl -sS -N --max-time 600 "$api/ws" -H 'X-User-Id: boris' -H 'Connection: Upgrade' -H 'Upgrade: websocket' \
  -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: SGVsbG8sIHdvcmxkIQ==' >"$work/frames" 2>/dev/null &
listener=$!
until_says '"ready"' cat "$work/frames"
docker compose up --detach --wait --scale orders=3 --scale payments=2
(for n in $(seq 60); do order "book-$n"; done) &
orders=$!
for instance in gozon-check-orders-3 gozon-check-payments-2; do
  docker stop "$instance" >/dev/null
  docker start "$instance" >/dev/null
  docker kill "$instance" >/dev/null
  docker start "$instance" >/dev/null
  say "$instance was stopped, started, killed and started"
done
wait "$orders"
finished() { call "$api/orders?limit=100" | grep -o FINISHED | wc -l | tr -d ' '; }
until_says 60 finished
call "$api/accounts/balance" | grep '"balance":994000'
heard() { grep -ao '"order_id":"[^"]*"[^}]*FINISHED' "$work/frames" | sort -u | wc -l | tr -d ' '; }
until_says 60 heard
[ "$(grep -ao FINISHED "$work/frames" | wc -l)" = 60 ] || fail 'heard of an order twice'
kill "$listener"
say 'the listener at one instance heard of every order once, whoever settled it'

say 'again, with passwords of its own'
docker compose down --volumes
rm -rf "$work/secrets"
export GOZON_SECRETS=$work/secrets
deploy/compose/new-secrets.sh "$GOZON_SECRETS"
docker compose up --build --detach --wait
user=clara
call -X POST "$api/accounts" | grep '"balance":0'
if curl --fail --silent --user gozon:gozon "http://127.0.0.1:${GOZON_PORT_RABBITMQ:-15672}/api/whoami"; then
  fail 'the password of the demonstration still opens RabbitMQ'
fi
say 'everything holds'
