// Fetch, ListOffsets, OffsetForLeaderEpoch, DeleteRecords, over topics with known contents.

import java.util.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.message.*;
import org.apache.kafka.common.protocol.*;
import org.apache.kafka.common.record.*;

final class Reading {
    private final Comparison c;

    Reading(Comparison comparison) { c = comparison; }

    // "read": 10 batches of 10 records; "codecs": one of each; "empty": none.
    void prepare() throws Exception {
        Requests.make(c, Requests.topic("read", 3, 1, "retention.ms", "-1"));
        Requests.make(c, Requests.topic("codecs", 1, 1, "retention.ms", "-1"));
        Requests.make(c, Requests.topic("empty", 2, 1));
        Requests.make(c, Requests.topic("zstd", 1, 1, "compression.type", "zstd"));
        Requests.make(c, Requests.topic("compacted", 1, 1, "cleanup.policy", "compact", "retention.ms", "-1"));
        Requests.make(c, Requests.topic("stamped", 1, 1, "message.timestamp.type", "LogAppendTime"));
        for (int i = 0; i < 10; ++i)
            c.one("prepare", ApiKeys.PRODUCE, 9, (side, v) -> Requests.produce(-1, "read", 0, Batches.plain(10)));
        for (var codec : CompressionType.values())
            c.one("prepare " + codec, ApiKeys.PRODUCE, 9,
                (side, v) -> Requests.produce(-1, "codecs", 0, Batches.compressed(codec, 20)));
        c.one("prepare", ApiKeys.PRODUCE, 9, (side, v) -> Requests.produce(-1, "stamped", 0, Batches.plain(3)));
        c.one("prepare", ApiKeys.PRODUCE, 9,
            (side, v) -> Requests.produce(-1, "stamped", 0, Batches.compressed(CompressionType.GZIP, 3)));
    }

    void fetch(String label, Comparison.Make make) throws Exception { c.every(label, ApiKeys.FETCH, make); }

    void fetches() throws Exception {
        for (long at : new long[] {0, 1, 9, 10, 55, 99, 100})
            fetch("from " + at, (side, v) -> Requests.fetch(side, v, "read", Requests.part(0, at)));
        fetch("every codec", (side, v) -> Requests.fetch(side, v, "codecs", Requests.part(0, 0)));
        fetch("LogAppendTime", (side, v) -> Requests.fetch(side, v, "stamped", Requests.part(0, 0)));
        fetch("an empty partition", (side, v) -> Requests.fetch(side, v, "empty", Requests.part(0, 0)));
        for (long at : new long[] {101, -1, -2, Long.MAX_VALUE})
            fetch("out of range " + at, (side, v) -> Requests.fetch(side, v, "read", Requests.part(0, at)));
        fetch("no such partition", (side, v) -> Requests.fetch(side, v, "read", Requests.part(7, 0)));
        fetch("a negative partition", (side, v) -> Requests.fetch(side, v, "read", Requests.part(-1, 0)));
        fetch("no such topic", (side, v) -> Requests.fetch(side, v, "none-such", Requests.part(0, 0)));
        fetch("one good and one unknown", (side, v) -> {
            var request = Requests.fetch(side, v, "read", Requests.part(0, 95), Requests.part(9, 0));
            request.topics().add(Requests.fetchTopic(side, v, "none-such", Requests.part(0, 0)));
            return request;
        });
        fetch("no topics", (side, v) -> Requests.fetch(side, v, null));
        for (int epoch : new int[] {0, 1, 5, -1, -2})
            fetch("leader epoch " + epoch,
                (side, v) -> Requests.fetch(side, v, "read", Requests.part(0, 90).setCurrentLeaderEpoch(epoch)));
        for (int epoch : new int[] {0, 1, -1, -2})
            fetch("last fetched epoch " + epoch,
                (side, v) -> Requests.fetch(side, v, "read", Requests.part(0, 90).setLastFetchedEpoch(epoch)));
        fetch("past the end with a last fetched epoch",
            (side, v) -> Requests.fetch(side, v, "read", Requests.part(0, 150).setLastFetchedEpoch(0)));
        for (int bytes : new int[] {0, 1, 200, 1000, -1}) {
            fetch("max bytes of a partition " + bytes,
                (side, v) -> Requests.fetch(side, v, "read", Requests.part(0, 0).setPartitionMaxBytes(bytes)));
            fetch("max bytes " + bytes,
                (side, v) -> Requests.fetch(side, v, "read", Requests.part(0, 0)).setMaxBytes(bytes));
        }
        fetch("two partitions within max bytes",
            (side, v)
                -> Requests.fetch(side, v, "read", Requests.part(1, 0), Requests.part(0, 0), Requests.part(0, 50))
                       .setMaxBytes(900));
        fetch("the same partition twice",
            (side, v) -> Requests.fetch(side, v, "read", Requests.part(0, 0), Requests.part(0, 90)));
        fetch("min bytes that are there",
            (side, v) -> Requests.fetch(side, v, "read", Requests.part(0, 90)).setMinBytes(10).setMaxWaitMs(5000));
        fetch("min bytes that are not",
            (side, v) -> Requests.fetch(side, v, "read", Requests.part(0, 90)).setMinBytes(1 << 20).setMaxWaitMs(60));
        fetch("an error does not wait",
            (side,
                v) -> Requests.fetch(side, v, "read", Requests.part(0, 500)).setMinBytes(1 << 20).setMaxWaitMs(10_000));
        fetch("read_committed",
            (side, v) -> Requests.fetch(side, v, "read", Requests.part(0, 0)).setIsolationLevel((byte) 1));
        fetch("an isolation level that is none",
            (side, v) -> Requests.fetch(side, v, "read", Requests.part(0, 0)).setIsolationLevel((byte) 7));
        fetch("zstd before version 10", (side, v) -> Requests.fetch(side, v, "zstd", Requests.part(0, 0)));
        fetch("a rack", (side, v) -> Requests.fetch(side, v, "read", Requests.part(0, 95)).setRackId("r"));
        fetch("a follower that is none", (side, v) -> {
            var request = Requests.fetch(side, v, "read", Requests.part(0, 95));
            if (v < 15) return request.setReplicaId(77);
            return request.setReplicaState(new FetchRequestData.ReplicaState().setReplicaId(77).setReplicaEpoch(5));
        });
        fetch("a follower of an unknown topic", (side, v) -> {
            var request = Requests.fetch(side, v, "none-such", Requests.part(0, 0));
            if (v < 15) return request.setReplicaId(77);
            return request.setReplicaState(new FetchRequestData.ReplicaState().setReplicaId(77).setReplicaEpoch(5));
        });
        fetch("a cluster id that is another's",
            (side, v) -> Requests.fetch(side, v, "read", Requests.part(0, 95)).setClusterId("other"));
        fetch("internal topics", (side, v) -> Requests.fetch(side, v, "__consumer_offsets", Requests.part(0, 0)));
    }

    // KIP-227, at every version from 7 on.
    void sessions() throws Exception {
        for (short version : c.versions(ApiKeys.FETCH)) {
            if (version < 7) continue;
            Comparison.Take keep =
                (side, answer) -> side.values.put("session", ((FetchResponseData) answer).sessionId());
            Comparison.Make full = (side,
                v) -> Requests.fetch(side, v, "read", Requests.part(0, 100), Requests.part(1, 0)).setSessionEpoch(0);
            c.one("session: opened", ApiKeys.FETCH, version, full, keep);
            c.one("session: nothing new", ApiKeys.FETCH, version, (side, v) -> step(side, v, 1));
            c.one("session: a step too far", ApiKeys.FETCH, version, (side, v) -> step(side, v, 5));
            c.one("session: the same step again", ApiKeys.FETCH, version, (side, v) -> step(side, v, 1));
            c.one("session: another offset and a new partition", ApiKeys.FETCH, version, (side, v) -> {
                var request = step(side, v, 2);
                request.setTopics(new ArrayList<>(
                    List.of(Requests.fetchTopic(side, v, "read", Requests.part(0, 95), Requests.part(2, 0)))));
                return request;
            });
            c.one("session: one forgotten", ApiKeys.FETCH, version, (side, v) -> {
                var request = step(side, v, 3);
                request.setForgottenTopicsData(new ArrayList<>(List.of(Requests.forgotten(side, v, "read", 0))));
                return request;
            });
            c.one("session: a partition that is not there", ApiKeys.FETCH, version, (side, v) -> {
                var request = step(side, v, 4);
                request.setTopics(new ArrayList<>(List.of(Requests.fetchTopic(side, v, "read", Requests.part(44, 0)))));
                return request;
            });
            c.one("session: it is told again", ApiKeys.FETCH, version, (side, v) -> step(side, v, 5));
            c.one("session: a topic that is not there", ApiKeys.FETCH, version, (side, v) -> {
                var request = step(side, v, 6);
                request.setTopics(
                    new ArrayList<>(List.of(Requests.fetchTopic(side, v, "none-such", Requests.part(0, 0)))));
                return request;
            });
            c.one("session: closed, the last fetch is full", ApiKeys.FETCH, version, (side, v) -> {
                var request = Requests.fetch(side, v, "read", Requests.part(0, 98));
                return request.setSessionId(side.intOf("session")).setSessionEpoch(-1);
            });
            c.one("session: after its end", ApiKeys.FETCH, version, (side, v) -> step(side, v, 7));
            c.one("session: an id that is none", ApiKeys.FETCH, version,
                (side, v) -> Requests.fetch(side, v, null).setSessionId(123456).setSessionEpoch(3));
            c.one("session: id without epoch", ApiKeys.FETCH, version,
                (side, v) -> Requests.fetch(side, v, null).setSessionId(0).setSessionEpoch(3));
            c.one("session: opened with nothing", ApiKeys.FETCH, version,
                (side, v) -> Requests.fetch(side, v, null).setSessionEpoch(0));
            c.one("session: reopened in place", ApiKeys.FETCH, version, full, keep);
            c.one("session: a full one in its place", ApiKeys.FETCH, version,
                (side, v)
                    -> Requests.fetch(side, v, "read", Requests.part(2, 0))
                           .setSessionId(side.intOf("session"))
                           .setSessionEpoch(0));
            c.one("session: the one before it is gone", ApiKeys.FETCH, version, (side, v) -> step(side, v, 1));
        }
        if (c.versions(ApiKeys.FETCH).contains((short) 13)) {
            c.one("session: opened with names", ApiKeys.FETCH, 12,
                (side, v)
                    -> Requests.fetch(side, v, "read", Requests.part(0, 100)).setSessionEpoch(0),
                (side, answer) -> side.values.put("session", ((FetchResponseData) answer).sessionId()));
            c.one("session: gone on with ids", ApiKeys.FETCH, 13, (side, v) -> {
                var request = step(side, v, 1);
                request.setTopics(new ArrayList<>(List.of(Requests.fetchTopic(side, v, "read", Requests.part(1, 0)))));
                return request;
            });
            c.one("session: gone on with ids, nothing named", ApiKeys.FETCH, 13, (side, v) -> step(side, v, 1));
        }
    }

    static FetchRequestData step(Side side, short version, int epoch) {
        return Requests.fetch(side, version, null).setSessionId(side.intOf("session")).setSessionEpoch(epoch);
    }

    void listOffsets() throws Exception {
        long[] times = {-1, -2, -3, -4, -5, -6, -7, -100, Long.MIN_VALUE, 0, Batches.TIME - 1, Batches.TIME,
            Batches.TIME + 4, Batches.TIME + 9, Batches.TIME + 10, Long.MAX_VALUE};
        for (long at : times) {
            for (String topic : List.of("read", "codecs", "empty"))
                c.every(topic + " at " + at, ApiKeys.LIST_OFFSETS, (side, v) -> Requests.offsets(topic, 0, at));
            c.every("at " + at + ", read_committed", ApiKeys.LIST_OFFSETS,
                (side, v) -> Requests.offsets("read", 0, at).setIsolationLevel((byte) 1));
            c.every("at " + at + ", as a debugger", ApiKeys.LIST_OFFSETS,
                (side, v) -> Requests.offsets("read", 0, at).setReplicaId(-2));
            c.every("at " + at + ", as a follower", ApiKeys.LIST_OFFSETS,
                (side, v) -> Requests.offsets("read", 0, at).setReplicaId(77));
        }
        c.every("no such partition", ApiKeys.LIST_OFFSETS, (side, v) -> Requests.offsets("read", 9, -1));
        c.every("no such topic", ApiKeys.LIST_OFFSETS, (side, v) -> Requests.offsets("none-such", 0, -1));
        c.every("no topics", ApiKeys.LIST_OFFSETS, (side, v) -> new ListOffsetsRequestData().setReplicaId(-1));
        c.every("twice the same partition", ApiKeys.LIST_OFFSETS, (side, v) -> Requests.offsets("read", 0, -1, -2));
        for (int epoch : new int[] {0, 1, 9, -2})
            c.every("leader epoch " + epoch, ApiKeys.LIST_OFFSETS, (side, v) -> {
                var request = Requests.offsets("read", 0, -1);
                request.topics().get(0).partitions().get(0).setCurrentLeaderEpoch(epoch);
                return request;
            });
    }

    void epochs() throws Exception {
        for (int asked : new int[] {0, 1, 7, -1, -2})
            for (int current : new int[] {-1, 0, 1, -2})
                for (int replica : new int[] {-1, -2, 77})
                    c.every("epoch " + asked + ", leader epoch " + current + ", replica " + replica,
                        ApiKeys.OFFSET_FOR_LEADER_EPOCH,
                        (side, v) -> epoch("read", 0, asked, current).setReplicaId(v >= 3 ? replica : -2));
        c.every("an empty partition", ApiKeys.OFFSET_FOR_LEADER_EPOCH, (side, v) -> epoch("empty", 0, 0, -1));
        c.every("no such partition", ApiKeys.OFFSET_FOR_LEADER_EPOCH, (side, v) -> epoch("read", 9, 0, -1));
        c.every("no such topic", ApiKeys.OFFSET_FOR_LEADER_EPOCH, (side, v) -> epoch("none-such", 0, 0, -1));
    }

    static OffsetForLeaderEpochRequestData epoch(String topic, int partition, int asked, int current) {
        var request = new OffsetForLeaderEpochRequestData();
        request.topics().add(new OffsetForLeaderEpochRequestData.OffsetForLeaderTopic().setTopic(topic).setPartitions(
            List.of(new OffsetForLeaderEpochRequestData.OffsetForLeaderPartition()
                        .setPartition(partition)
                        .setLeaderEpoch(asked)
                        .setCurrentLeaderEpoch(current))));
        return request;
    }

    void deleteRecords() throws Exception {
        for (short version : c.versions(ApiKeys.DELETE_RECORDS)) {
            String topic = "delete-" + version;
            Requests.make(c, Requests.topic(topic, 1, 1, "retention.ms", "-1"));
            for (int i = 0; i < 5; ++i)
                c.one("prepare", ApiKeys.PRODUCE, 9, (side, v) -> Requests.produce(-1, topic, 0, Batches.plain(10)));
            for (long at : new long[] {0, 5, 3, 51, -2, 15, -1, -1})
                c.one("before " + at, ApiKeys.DELETE_RECORDS, version, (side, v) -> delete(topic, 0, at));
            c.one("earliest after it", ApiKeys.LIST_OFFSETS, 5, (side, v) -> Requests.offsets(topic, 0, -2));
            c.one("a fetch from what is gone", ApiKeys.FETCH, 11,
                (side, v) -> Requests.fetch(side, v, topic, Requests.part(0, 10)));
            c.one("the end of epoch 0", ApiKeys.OFFSET_FOR_LEADER_EPOCH, 3, (side, v) -> epoch(topic, 0, 0, -1));
            c.one("no such partition", ApiKeys.DELETE_RECORDS, version, (side, v) -> delete(topic, 4, 1));
            c.one("no such topic", ApiKeys.DELETE_RECORDS, version, (side, v) -> delete("none-such", 0, 1));
            c.one("compacted", ApiKeys.DELETE_RECORDS, version, (side, v) -> delete("compacted", 0, 0));
            c.one("nothing", ApiKeys.DELETE_RECORDS, version,
                (side, v) -> new DeleteRecordsRequestData().setTimeoutMs(1000));
        }
    }

    static DeleteRecordsRequestData delete(String topic, int partition, long offset) {
        return new DeleteRecordsRequestData().setTimeoutMs(5000).setTopics(
            List.of(new DeleteRecordsRequestData.DeleteRecordsTopic().setName(topic).setPartitions(
                List.of(new DeleteRecordsRequestData.DeleteRecordsPartition().setPartitionIndex(partition).setOffset(
                    offset)))));
    }
}
