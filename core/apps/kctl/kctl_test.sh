#!/usr/bin/env bash
# kctl_test.sh KCTL KBROKER: every command against one node on real sockets and a real disk.
set -uo pipefail
kctl_program=$1
kbroker=$2
command -v python3 > /dev/null || { echo "no python3: skipped"; exit 77; }
work=$(mktemp -d)
broker=
trap '[ -z "$broker" ] || kill -9 "$broker" 2> /dev/null; rm -rf "$work"' EXIT
fail() { echo "$*"; [ ! -s "$work/errors" ] || cat "$work/errors"; [ ! -e "$work/log" ] || tail -n 5 "$work/log"; exit 1; }

read -r port controller_port < <("$(dirname "$0")/../free_ports.py" 2)
kctl() { timeout 100 "$kctl_program" -b "localhost:$port" --timeout 30 "$@" 2> "$work/errors"; }
# expect WHAT COMMAND...: it must succeed, and its output be WHAT.
expect() {
  local wanted=$1 got
  shift
  got=$("$@") || fail "'$*' left with $?"
  [ "$got" = "$wanted" ] || fail "'$*' gave '$got', not '$wanted'"
}
# expect_exit CODE PATTERN COMMAND...: it must fail so, with one line on stderr that matches.
expect_exit() {
  local wanted=$1 pattern=$2 code
  shift 2
  "$@" > "$work/got"
  code=$?
  [ "$code" = "$wanted" ] || fail "'$*' left with $code, not $wanted"
  grep -q -- "$pattern" "$work/errors" || fail "'$*' did not say '$pattern'"
}
# query EXPRESSION: of the JSON on stdin, as Python sees it.
query() { python3 -c 'import json, sys; d = json.load(sys.stdin); print(eval(f"({sys.argv[1]})"))' "$1"; }
start() {
  "$kbroker" --override node.id=7 --override process.roles=broker,controller \
    --override "listeners=PLAINTEXT://localhost:$port,CONTROLLER://localhost:$controller_port" \
    --override controller.listener.names=CONTROLLER \
    --override "controller.quorum.voters=7@localhost:$controller_port" \
    --override offsets.topic.replication.factor=1 \
    --override "log.dirs=$work/data" 2>> "$work/log" &
  broker=$!
  for _ in $(seq 150); do
    kctl cluster > "$work/seen" && grep -q "active" "$work/seen" && return
    kill -0 "$broker" 2> /dev/null || fail "kbroker has left"
    sleep 0.1
  done
  fail "kctl sees no broker"
}

nobody() { timeout 100 "$kctl_program" -b localhost:1 "$@" 2> "$work/errors"; }
expect_exit 1 "no broker at localhost:1 (connection refused)" nobody topic list
start
cat "$work/seen"

# Topics and configs.
expect "created orders" kctl topic create orders --partitions 3 --replication 1 --config retention.ms=7200000
expect_exit 1 "TOPIC_ALREADY_EXISTS" kctl topic create orders
expect "orders: nothing to do (TOPIC_ALREADY_EXISTS)" kctl topic create orders --if-not-exists
expect "orders" kctl topic list --names
kctl topic describe orders --json | query "[p['partition'] for p in d['topics'][0]['partitions']] == [0, 1, 2] and
  d['topics'][0]['partitions'][0]['leader'] == 7 and
  d['topics'][0]['configs']['retention.ms'] == {'value': '7200000', 'source': 'topic'}" | grep -q True ||
  fail "topic describe: $(kctl topic describe orders)"
expect "altered orders" kctl topic alter orders --partitions 4
expect "changed 1 of topic orders" kctl config set topic orders cleanup.policy=compact
expect "changed 1 of topic orders" kctl config append topic orders cleanup.policy=delete
expect "compact,delete" query "d['configs']['cleanup.policy']['value']" < <(kctl config describe topic orders --json)
expect "changed 1 of topic orders" kctl config subtract topic orders cleanup.policy=compact
expect "changed 1 of topic orders" kctl config delete topic orders cleanup.policy
expect_exit 1 "INVALID_CONFIG" kctl config set topic orders retention.ms=soon
expect_exit 2 "must be KEY=VALUE" kctl config set topic orders retention.ms
expect_exit 1 "UNKNOWN_TOPIC_OR_PARTITION" kctl topic describe nowhere
kctl config describe broker 7 --all --json | query "len(d['configs']) > 20" | grep -q True || fail "broker configs"

# Records there and back.
seq 1 2000 | sed 's/.*/k&:value &/' > "$work/sent"
expect "2000 records written to orders" kctl produce orders "$work/sent" --key-separator : --compression zstd -H a=b
kctl consume orders --until end --key-separator : | sort > "$work/got"
sort "$work/sent" | cmp - "$work/got" || fail "what was consumed is not what was produced"
expect "2000" query "sum(p['latest'] - p['earliest'] for p in d['partitions'])" < <(kctl offsets orders --json)
kctl topic create copy --partitions 1 > /dev/null || fail "creating copy"
kctl consume orders --until end --json | kctl produce copy --format json --quiet || fail "copying by JSON"
kctl consume copy --until end --format '%k:%s\n' | sort | cmp - "$work/got" || fail "the copy is another"
expect "a=b" kctl consume copy --count 1 --format '%h\n'
expect "[NULL][]" bash -c "printf '~\n' | '$kctl_program' -b localhost:$port produce copy --null '~' -q &&
  '$kctl_program' -b localhost:$port consume copy --from -1 --until end --null NULL --format '[%s]' &&
  '$kctl_program' -b localhost:$port consume copy --from -1 --until end --format '[%k]'"
expect_exit 2 "line 2" kctl produce copy --key-separator : < <(printf 'a:b\nno key\n')
expect_exit 2 "needs acks=all" kctl produce copy -X acks=1 < /dev/null
expect_exit 1 "there is no partition 9" kctl produce copy --partition 9 < /dev/null
expect_exit 1 "UNKNOWN_TOPIC_OR_PARTITION" kctl consume nowhere
expect_exit 1 "out_of_range" kctl consume copy --from 999999 --count 1
expect "1000" query "d['partitions'][0]['log_start_offset']" < <(kctl topic trim copy --before 1000 --json)
expect "1000" kctl consume copy --from beginning --count 1 --format '%o\n'
expect "None" query "d['partitions'][0]['offset']" < <(kctl offsets copy --at 2100-01-01 --json)
# A consumer that waits is ended by a signal in order, with all it has read.
"$kctl_program" -b "localhost:$port" consume copy --from -1 --format '%o\n' > "$work/got" 2> "$work/errors" &
waiting=$!
for _ in $(seq 100); do [ -s "$work/got" ] && break; sleep 0.1; done
kill -INT "$waiting"
wait "$waiting" || fail "an interrupted consumer left with $?"
[ -s "$work/got" ] || fail "the consumer read nothing"

# The cluster.
kctl quorum | grep -q "leader 7" || fail "quorum: $(kctl quorum)"
kctl cluster --apis --json | query "[a['max'] for a in d['apis']['7'] if a['name'] == 'Fetch'][0] >= 12 and
  d['features']['metadata.version']['level'] > 0" | grep -q True || fail "cluster --apis"
expect "no election was needed" kctl elect preferred orders
kctl log-dirs --json | query "[x['path'] for x in d['brokers'][0]['directories']]" | grep -q "$work/data" ||
  fail "log-dirs: $(kctl log-dirs)"

# Measuring and recording.
kctl bench produce copy --records 20000 --json | query "d['records'] == 20000 and d['latency_ms']['p50'] > 0" |
  grep -q True || fail "bench produce"
kctl topic create wide --partitions 4 > /dev/null || fail "creating wide"
kctl bench produce wide --records 400 --in-turn > /dev/null || fail "bench produce --in-turn"
expect "[100, 100, 100, 100]" query "[p['latest'] for p in d['partitions']]" < <(kctl offsets wide --json)
kctl bench consume copy --json | query "d['records'] > 20000" | grep -q True || fail "bench consume"
kctl bench e2e copy --records 50 --json | query "d['records'] == 50" | grep -q True || fail "bench e2e"
kctl record --history "$work/history" --duration 3s --rate 300 > "$work/got" || fail "record"
python3 - "$work/history" << 'EOF' || fail "the history: $(cat "$work/got")"
import json, sys
header, *events = map(json.loads, open(sys.argv[1]))
assert header["ksim_history"] == 1 and header["settings"]["final_polls"] is True, header
assert [e["index"] for e in events] == list(range(len(events)))
assert all(a["time_ns"] <= b["time_ns"] for a, b in zip(events, events[1:]))
open_ops, sent, seen = {}, {}, {}
for event in events:
    process = event["process"]
    if event["type"] == "invoke":
        assert process not in open_ops, event
        open_ops[process] = event
        continue
    invoked = open_ops.pop(process)
    assert invoked["f"] == event["f"], event
    if event["f"] == "send":
        assert event["type"] == "ok", event
        assert [m[:3] for m in event["value"]] == invoked["value"]
        for _, key, value, offset in event["value"]:
            assert sent.setdefault((key, offset), value) == value
    if event["f"] == "poll":
        for key, records in event["value"][0][1].items():
            for offset, value in records:
                assert seen.setdefault((key, offset), value) == value
assert not open_ops and len(sent) > 100 and seen == sent, (len(sent), len(seen))
EOF
expect_exit 2 "File exists" kctl record --history "$work/history" --duration 1s
"$kctl_program" -b "localhost:$port" record --history "$work/interrupted" --duration 0 > "$work/got" 2> "$work/errors" &
recording=$!
for _ in $(seq 100); do [ -s "$work/interrupted" ] && break; sleep 0.1; done
kill -INT "$recording"
wait "$recording" || fail "an interrupted record left with $?"
python3 -c 'import json, sys; [json.loads(l) for l in open(sys.argv[1])]' "$work/interrupted" || fail "not whole"
expect "deleted copy" kctl topic delete copy
expect "copy: nothing to do (UNKNOWN_TOPIC_OR_PARTITION)" kctl topic delete copy --if-exists
bash -c "source <('$kctl_program' completion bash) && COMP_WORDS=(kctl topic cr) COMP_CWORD=2 && _kctl &&
  [ \"\${COMPREPLY[*]}\" = create ]" || fail "completion in bash"

# The files, when nobody writes them.
kill -TERM "$broker"
wait "$broker" || fail "kbroker left with $?"
broker=
kctl dump-log --deep "$work/data" > "$work/dump" || fail "dump-log: $(grep PROBLEM "$work/dump" | head -n 5)"
grep -q "no problem found" "$work/dump" || fail "dump-log is silent"
kctl dump-log --records --json "$work/data/__cluster_metadata-0" |
  grep -q '"type":"TopicRecord","version":0,"data":{"name":"orders"' || fail "dump-log of the metadata log"
segment=$(find "$work/data" -path "*/orders-*/*" -name "*.log" -size +1k | sort | head -n 1)
printf 'x' | dd of="$segment" bs=1 seek=100 conv=notrunc 2> /dev/null
expect_exit 1 "found; files of a broker" kctl dump-log --deep "$work/data"
grep -q "PROBLEM $segment: at position 0: the checksum does not match" "$work/got" || fail "dump-log sees no damage"
expect_exit 2 "no such file" kctl dump-log "$work/nowhere"
echo "every command did what it should"
