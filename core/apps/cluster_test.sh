#!/usr/bin/env bash
# cluster_test.sh KBROKER: three nodes on real sockets and disks. One is killed without a word while records are
# produced; nothing acknowledged is lost, and it comes back. Then all stop in order.
set -uo pipefail
kbroker=$1
command -v kcat > /dev/null && command -v python3 > /dev/null || { echo "no kcat or python3: skipped"; exit 77; }
work=$(mktemp -d)
declare -A pid=()
trap 'for p in "${pid[@]}"; do kill -9 "$p" 2> /dev/null; done; rm -rf "$work"' EXIT
fail() {
  echo "$*"
  for log in "$work"/log.*; do echo "--- $log"; tail -n 15 "$log"; done
  exit 1
}

read -ra ports < <("$(dirname "$0")/free_ports.py" 9)
voters=1@localhost:${ports[3]},2@localhost:${ports[4]},3@localhost:${ports[5]}
bootstrap=localhost:${ports[0]},localhost:${ports[1]},localhost:${ports[2]}

for n in 1 2 3; do
  cat > "$work/$n.properties" << END
# What Apache Kafka would be given.
process.roles = broker,controller
node.id = $n
listeners = INTERNAL://localhost:${ports[n - 1]},CONTROLLER://localhost:${ports[n + 2]}
inter.broker.listener.name = INTERNAL
listener.security.protocol.map = INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names = CONTROLLER
controller.quorum.voters = $voters
log.dirs = $work/$n/a,\\
           $work/$n/b
num.partitions = 6
default.replication.factor = 3
min.insync.replicas = 2
http.listener = localhost:${ports[n + 5]}
END
done

start() {
  "$kbroker" --config "$work/$1.properties" --shards "$2" 2>> "$work/log.$1" &
  pid[$1]=$!
}
ask() {  # node path: the body, and success if the status is 200
  python3 -c '
import sys, urllib.request
print(urllib.request.urlopen("http://localhost:%s%s" % tuple(sys.argv[1:]), timeout=5).read().decode())' \
    "${ports[$1 + 5]}" "$2" 2> /dev/null
}
wait_ready() {
  for _ in $(seq 150); do
    ask "$1" /ready > /dev/null && return
    kill -0 "${pid[$1]}" 2> /dev/null || fail "node $1 has left"
    sleep 0.2
  done
  fail "node $1 is not ready"
}
produce() {  # first last
  seq -f 'record %05g' "$1" "$2" |
    kcat -P -b "$bootstrap" -t orders -X acks=all -X message.timeout.ms=40000 -X enable.idempotence=true \
      2> "$work/errors" || fail "cannot produce: $(head -n 5 "$work/errors")"
}
consume() {  # how many are to be there
  kcat -C -b "$bootstrap" -t orders -o beginning -e -q 2> "$work/errors" | sort > "$work/got"
  seq -f 'record %05g' 1 "$1" | cmp - "$work/got" ||
    fail "$2: $(wc -l < "$work/got") of $1 records" "$(head -n 5 "$work/errors")"
}
in_sync() { kcat -L -J -b "$bootstrap" -t orders 2> /dev/null | grep -o '"isrs":\[[^]]*\]' | grep -o '"id"' | wc -l; }

for n in 1 2 3; do start "$n" "$n"; done
for n in 1 2 3; do wait_ready "$n"; done
produce 1 2000
consume 2000 "three nodes"

kill -9 "${pid[2]}"
wait "${pid[2]}" 2> /dev/null
produce 2001 3000
consume 3000 "after node 2 was killed"

start 2 1
wait_ready 2
for _ in $(seq 150); do
  [ "$(in_sync)" -eq 18 ] && break
  sleep 0.2
done
[ "$(in_sync)" -eq 18 ] || fail "node 2 is back, but $(in_sync) of 18 replicas are in sync"
grep -q '^kafka_server_replicamanager_partitioncount 6' <<< "$(ask 2 /metrics)" || fail "no count of partitions"
produce 3001 3500
consume 3500 "after node 2 came back"

for n in 1 2 3; do
  kill -TERM "${pid[$n]}"
  # The last one cannot reach a quorum any more and gives up waiting for it.
  [ "$n" = 3 ] || { wait "${pid[$n]}" || fail "node $n left with $?"; }
  [ "$n" = 3 ] || for d in a b; do
    [ -f "$work/$n/$d/.kafka_cleanshutdown" ] || fail "node $n left no clean-shutdown marker in $d"
  done
done
echo "produced and consumed through a killed node; stopped in order"
