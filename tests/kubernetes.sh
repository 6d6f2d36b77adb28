#!/usr/bin/env bash
# Runs the shop in a cluster of its own (kind) as docs/guides/kubernetes.md says,
# and replaces every instance of orders and payments while somebody shops.
#
#   tests/kubernetes.sh
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
export KUBECONFIG=$work/kubeconfig
forward=''

say() { printf 'kubernetes: %4d s: %s\n' "$SECONDS" "$*"; }
finish() {
  status=$?
  if [ "$status" != 0 ]; then
    kubectl --namespace gozon get pods --output wide || true
    kubectl --namespace gozon logs --selector app.kubernetes.io/part-of=gozon --tail 40 --prefix || true
  fi
  [ -z "$forward" ] || kill "$forward" || true
  kind delete cluster --name gozon-check || true
  rm -rf "$work"
  exit "$status"
}
trap finish EXIT

say 'images'
docker build --target gateway --tag gozon-gateway:0.1.0 .
docker build --target orders --tag gozon-orders:0.1.0 .
docker build --target payments --tag gozon-payments:0.1.0 .
kind create cluster --name gozon-check
kind load docker-image --name gozon-check gozon-gateway:0.1.0 gozon-orders:0.1.0 gozon-payments:0.1.0

say 'up'
kubectl apply --kustomize deploy/kubernetes/demonstration
kubectl --namespace gozon rollout status deployment/orders --timeout 5m
kubectl --namespace gozon rollout status deployment/payments --timeout 5m
kubectl --namespace gozon rollout status deployment/gateway --timeout 5m

kubectl --namespace gozon port-forward service/gateway 18000:80 >"$work/forward" &
forward=$!
api=http://127.0.0.1:18000
curl --silent --show-error --retry 30 --retry-all-errors --retry-delay 1 --fail "$api/readyz"
call() { curl -sS -w '\n' -H 'X-User-Id: anna' -H 'Content-Type: application/json' "$@"; }
call -X POST "$api/accounts" | grep '"balance":0'
call "$api/accounts/topup" -d '{"amount": 1000000}' -H 'Idempotency-Key: topup' | grep '"balance":1000000'

say 'every instance is replaced while orders come in'
(
  for n in $(seq 90); do
    # Not one may be refused: an update that loses nothing.
    call --fail --max-time 20 "$api/orders" -H "Idempotency-Key: book-$n" \
      -d "{\"amount\": 100, \"description\": \"book $n\"}"
    sleep 1
  done
) >"$work/orders" &
orders=$!
kubectl --namespace gozon rollout restart deployment/orders deployment/payments
kubectl --namespace gozon rollout status deployment/orders --timeout 5m
kubectl --namespace gozon rollout status deployment/payments --timeout 5m
wait "$orders"
for _ in $(seq 60); do
  finished=$(call "$api/orders?limit=100" | grep -o FINISHED | wc -l)
  [ "$finished" != 90 ] || break
  sleep 1
done
[ "$finished" = 90 ]
call "$api/accounts/balance" | grep '"balance":991000'
say 'nothing was lost, nothing was paid twice'
