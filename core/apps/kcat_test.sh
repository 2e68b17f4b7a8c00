#!/usr/bin/env bash
# kcat_test.sh KBROKER: a real client over a real socket.
set -uo pipefail
kbroker=$1
command -v kcat > /dev/null || { echo "no kcat: skipped"; exit 77; }
work=$(mktemp -d)
trap 'kill -9 "$broker" 2> /dev/null; rm -rf "$work"' EXIT

mkfifo "$work/said"
"$kbroker" --override node.id=7 --override process.roles=broker,controller \
  --override listeners=PLAINTEXT://localhost:0,CONTROLLER://localhost:0 \
  --override controller.listener.names=CONTROLLER --override controller.quorum.voters=7@localhost:19093 \
  --override "log.dirs=$work/data" > "$work/said" &
broker=$!
read -r line < "$work/said"
address=${line#listening on PLAINTEXT://}
[ "$address" != "$line" ] || { echo "kbroker said: $line"; exit 1; }

kcat -L -b "$address" -X api.version.request=true -m 20 > "$work/seen" 2> "$work/errors" ||
  { cat "$work/seen" "$work/errors"; echo "kcat failed"; exit 1; }
cat "$work/seen"
grep -q "broker 7 at $address" "$work/seen" || { echo "the broker is missing"; exit 1; }
grep -q "0 topics" "$work/seen" || { echo "topics out of nowhere"; exit 1; }

kill -TERM "$broker"
wait "$broker" || { echo "kbroker left with $?"; exit 1; }
