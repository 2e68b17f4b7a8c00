#!/usr/bin/env bash
# clients_test.sh KBROKER: what other people's clients (librdkafka by kcat and by Python, kafka-python) do with one
# node that was given no configuration but a port. Without Python's packages only kcat is used.
set -uo pipefail
kbroker=$1
command -v kcat > /dev/null && command -v python3 > /dev/null || { echo "no kcat or python3: skipped"; exit 77; }
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
broker=
trap '[ -z "$broker" ] || kill -9 "$broker" 2> /dev/null; rm -rf "$work"' EXIT
fail() { echo "$*"; tail -n 20 "$work/log"; exit 1; }

# Three ports in a row.
port=$(python3 -c '
import socket
for port in range(21000, 32000, 3):
    try:
        for k in range(3): socket.create_server(("localhost", port + k)).close()
    except OSError: continue
    print(port); break')
b=localhost:$port
"$kbroker" --port "$port" --data "$work/data" --shards 2 --log-file "$work/log" &
broker=$!
for _ in $(seq 100); do
  kcat -L -b "$b" -m 2 > "$work/seen" 2> /dev/null && grep -q "broker 1 at $b" "$work/seen" && break
  kill -0 "$broker" 2> /dev/null || fail "kbroker has left"
  sleep 0.1
done

seq 300 | sed 's/.*/k&:value &/' > "$work/sent"
for codec in none gzip snappy lz4 zstd; do
  for how in "0 false" "1 false" "all false" "all true"; do
    read -r acks idempotent <<< "$how"
    t=$codec-$acks-$idempotent
    kcat -P -b "$b" -t "$t" -p 0 -K: -z "$codec" -X acks="$acks" -X enable.idempotence="$idempotent" \
      -X retry.backoff.ms=20 -H h1=v1 -H h2= < "$work/sent" 2> "$work/errors" ||
      fail "$t: $(head -n 3 "$work/errors")"
    kcat -C -b "$b" -t "$t" -p 0 -o beginning -e -q -X fetch.wait.max.ms=20 -f '%h|%k:%s\n' \
      2> "$work/errors" > "$work/got"
    sed 's/^/h1=v1,h2=|/' "$work/sent" | cmp - "$work/got" || fail "$t: $(head -n 3 "$work/errors")"
  done
done
[ "$(kcat -Q -b "$b" -t none-all-true:0:-1)" = "none-all-true [0] offset 300" ] || fail "the end by time"
[ "$(kcat -Q -b "$b" -t none-all-true:0:-2)" = "none-all-true [0] offset 0" ] || fail "the beginning by time"
[ "$(kcat -Q -b "$b" -t none-all-true:0:1)" = "none-all-true [0] offset 0" ] || fail "the first record by time"
# A tombstone: a key without a value.
echo "gone:" | kcat -P -b "$b" -t tombstones -p 0 -K: -Z
[ "$(kcat -C -b "$b" -t tombstones -p 0 -o beginning -e -q -f '%k %S')" = "gone -1" ] || fail "no tombstone"
echo "kcat agrees"

for python in python3 /usr/bin/python3; do
  "$python" -c 'import confluent_kafka, kafka' 2> /dev/null || continue
  "$python" "$here/clients_test.py" "$b" || fail "Python's clients disagree"
  break
done
kill -TERM "$broker"
wait "$broker" || fail "kbroker left with $?"
broker=
[ -f "$work/data/.kafka_cleanshutdown" ] || fail "no clean-shutdown marker"
