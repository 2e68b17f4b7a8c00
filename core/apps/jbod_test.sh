#!/usr/bin/env bash
# jbod_test.sh KBROKER: one node with two log directories loses one of them between two starts. What was in the other
# one is served, the controller knows what was in the lost one, and all is back with it.
set -uo pipefail
kbroker=$1
command -v kcat > /dev/null && command -v python3 > /dev/null || { echo "no kcat or python3: skipped"; exit 77; }
work=$(mktemp -d)
broker=
trap '[ -z "$broker" ] || kill -9 "$broker" 2> /dev/null; rm -rf "$work"' EXIT
fail() { echo "$*"; tail -n 20 "$work/log"; exit 1; }

read -r port controller_port http_port < <("$(dirname "$0")/free_ports.py" 3)
address=localhost:$port
cat > "$work/properties" << END
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://localhost:$port,CONTROLLER://localhost:$controller_port
controller.listener.names=CONTROLLER
controller.quorum.voters=1@localhost:$controller_port
log.dirs=$work/a,$work/b
num.partitions=6
http.listener=localhost:$http_port
END
get() {
  python3 -c '
import sys, urllib.request
print(urllib.request.urlopen("http://localhost:%s%s" % tuple(sys.argv[1:]), timeout=5).read().decode())' \
    "$http_port" "$1" 2> /dev/null
}
start() {
  "$kbroker" --config "$work/properties" 2>> "$work/log" &
  broker=$!
  for _ in $(seq 100); do
    get /ready > /dev/null && return
    kill -0 "$broker" 2> /dev/null || fail "kbroker has left"
    sleep 0.1
  done
  fail "kbroker is not ready"
}
stop() {
  kill -TERM "$broker"
  wait "$broker" || fail "kbroker left with $?"
  broker=
}
count() { kcat -C -b "$address" -t orders -p "$1" -o beginning -e -q 2> /dev/null | wc -l; }
led() {  # how many partitions have a leader
  kcat -L -J -b "$address" -t orders | python3 -c '
import json, sys
print(sum(p["leader"] == 1 for t in json.load(sys.stdin)["topics"] for p in t["partitions"]))'
}

start
for p in 0 1 2 3 4 5; do seq 10 | kcat -P -b "$address" -t orders -p "$p" || fail "cannot produce"; done
in_a=$(ls -d "$work"/a/orders-* | wc -l)
in_b=$(ls -d "$work"/b/orders-* | wc -l)
[ "$in_a" = 3 ] && [ "$in_b" = 3 ] || fail "$in_a partitions in a, $in_b in b"
told() { sed -n 's/.*told the controller the log directories of \([0-9]*\) replicas.*/\1/p' "$work/log" | awk "{ sum += \$1 } END { print sum + 0 }"; }
for _ in $(seq 100); do
  [ "$(told)" = 6 ] && break
  sleep 0.1
done
[ "$(told)" = 6 ] || fail "the controller was told of $(told) directories, not of 6"
stop

mv "$work/b" "$work/b.away"
echo "no directory" > "$work/b"
start
grep -q '^kafka_log_logmanager_offlinelogdirectorycount 1' <<< "$(get /metrics)" || fail "no failed directory is counted"
for _ in $(seq 50); do
  [ "$(led)" = 3 ] && break
  sleep 0.1
done
[ "$(led)" = 3 ] || fail "$(led) partitions are led, not 3"
for p in 0 1 2 3 4 5; do
  [ -d "$work/a/orders-$p" ] || continue
  [ "$(count "$p")" = 10 ] || fail "partition $p is in the good directory and not served"
done
stop

rm "$work/b"
mv "$work/b.away" "$work/b"
start
for _ in $(seq 50); do
  [ "$(led)" = 6 ] && break
  sleep 0.1
done
for p in 0 1 2 3 4 5; do [ "$(count "$p")" = 10 ] || fail "partition $p has not come back"; done
stop
echo "served what was left, and all of it again"
