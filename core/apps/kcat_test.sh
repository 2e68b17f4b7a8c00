#!/usr/bin/env bash
# kcat_test.sh KBROKER: one node on real sockets and a real disk, used by a client that is not ours.
set -uo pipefail
kbroker=$1
command -v kcat > /dev/null && command -v python3 > /dev/null || { echo "no kcat or python3: skipped"; exit 77; }
work=$(mktemp -d)
broker=
trap '[ -z "$broker" ] || kill -9 "$broker" 2> /dev/null; rm -rf "$work"' EXIT
fail() { echo "$*"; tail -n 30 "$work/log"; exit 1; }

read -r port controller_port < <("$(dirname "$0")/free_ports.py" 2)
address=localhost:$port

start() {
  "$kbroker" --override node.id=7 --override process.roles=broker,controller \
    --override "listeners=PLAINTEXT://localhost:$port,CONTROLLER://localhost:$controller_port" \
    --override controller.listener.names=CONTROLLER \
    --override "controller.quorum.voters=7@localhost:$controller_port" \
    --override offsets.topic.replication.factor=1 --override num.partitions=3 \
    --override "log.dirs=$work/data" --shards "$1" 2>> "$work/log" &
  broker=$!
  for _ in $(seq 100); do
    if kcat -L -b "$address" -m 2 > "$work/seen" 2> /dev/null && grep -q "broker 7 at $address" "$work/seen"; then
      return
    fi
    kill -0 "$broker" 2> /dev/null || fail "kbroker has left"
    sleep 0.1
  done
  fail "kcat sees no broker"
}
stop() {
  kill -TERM "$broker"
  wait "$broker" || fail "kbroker left with $?"
  broker=
}
consume() {
  kcat -C -b "$address" -t orders -o beginning -e -q -m 10 2> "$work/errors" | sort > "$work/got"
  cmp "$work/sent" "$work/got" || fail "$1: sent $(wc -l < "$work/sent") records, got $(wc -l < "$work/got")" \
    "$(head -n 5 "$work/errors")"
}

start 1
cat "$work/seen"
seq -f 'record %05g' 1 5000 | sort > "$work/sent"
kcat -P -b "$address" -t orders -X acks=all -m 20 < "$work/sent" 2> "$work/errors" ||
  fail "kcat cannot produce: $(head -n 5 "$work/errors")"
consume "at once"
stop
start 2
consume "after a restart, with two shards"
stop
echo "produced, consumed, restarted, consumed"
