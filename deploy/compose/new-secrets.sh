#!/bin/sh
# Writes a folder of secrets of its own for compose.yaml, with random passwords:
#
#   deploy/compose/new-secrets.sh secrets
#   GOZON_SECRETS=./secrets docker compose up --build
#
# Nobody else on this machine can enter the folder. The files in it can be read
# by all, because a container's user, who has another id than yours, must.
set -eu
[ "$#" = 1 ] || { echo "usage: $0 FOLDER" >&2; exit 2; }
folder=$1
# Never over passwords that a database was made with.
[ ! -e "$folder" ] || { echo "$0: $folder exists already" >&2; exit 1; }

password() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
write() { printf '%s\n' "$2" >"$folder/$1" && chmod 444 "$folder/$1"; }

mkdir -m 700 "$folder"
for service in orders payments; do
  secret=$(password)
  write "$service-db-password" "$secret"
  write "$service-database-url" "postgres://$service:$secret@$service-db:5432/$service"
done
secret=$(password)
write amqp-url "amqp://gozon:$secret@rabbitmq:5672/%2f"
write rabbitmq.conf "default_user = gozon
default_pass = $secret"
