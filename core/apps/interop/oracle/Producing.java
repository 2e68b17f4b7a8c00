// Produce and InitProducerId: what is taken, and every bad input.

import java.nio.ByteBuffer;
import java.util.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.message.*;
import org.apache.kafka.common.protocol.*;
import org.apache.kafka.common.record.*;

final class Producing {
    private final Comparison c;

    Producing(Comparison comparison) { c = comparison; }

    void prepare() throws Exception {
        for (short v = 0; v <= 13; ++v) {
            Requests.make(c, Requests.topic("p-" + v, 2, 1, "retention.ms", "-1"));
            Requests.make(c, Requests.topic("q-" + v, 1, 1, "retention.ms", "-1"));
        }
        Requests.make(c, Requests.topic("compacted", 1, 1, "cleanup.policy", "compact", "retention.ms", "-1"));
        Requests.make(c, Requests.topic("small", 1, 1, "max.message.bytes", "500", "retention.ms", "-1"));
        Requests.make(c, Requests.topic("appended", 1, 1, "message.timestamp.type", "LogAppendTime"));
        Requests.make(c,
            Requests.topic(
                "old", 1, 1, "message.timestamp.before.max.ms", "1000", "message.timestamp.after.max.ms", "1000"));
        Requests.make(c, Requests.topic("strict", 1, 1, "min.insync.replicas", "2"));
        for (var codec : List.of("gzip", "snappy", "lz4", "zstd", "uncompressed"))
            Requests.make(c, Requests.topic("to-" + codec, 1, 1, "compression.type", codec, "retention.ms", "-1"));
    }

    void bad(String label, MemoryRecords records) throws Exception {
        c.every(label, ApiKeys.PRODUCE, (side, v) -> Requests.produce(-1, "p-" + v, 0, records));
    }

    void produces() throws Exception {
        for (int acks : new int[] {-1, 1, 0})
            c.every(
                "acks=" + acks, ApiKeys.PRODUCE, (side, v) -> Requests.produce(acks, "p-" + v, 0, Batches.plain(3)));
        for (int acks : new int[] {2, -2, 100})
            c.every(
                "acks=" + acks, ApiKeys.PRODUCE, (side, v) -> Requests.produce(acks, "p-" + v, 0, Batches.plain(3)));
        for (var codec : CompressionType.values()) bad("codec " + codec, Batches.compressed(codec, 5));
        bad("no batch", MemoryRecords.EMPTY);
        c.one("null records", ApiKeys.PRODUCE, 9, (side, v) -> Requests.produce(-1, "p-9", 0, (MemoryRecords) null));
        bad("two batches", Batches.joined(Batches.plain(2), Batches.plain(2)));
        bad("a bad CRC", Batches.edited(Batches.plain(3), false, b -> b.put(b.limit() - 1, (byte) 99)));
        bad("a batch cut short", Batches.cut(Batches.plain(3), 80));
        bad("a header cut short", Batches.cut(Batches.plain(3), 40));
        bad("a length that is too small", Batches.edited(Batches.plain(3), true, b -> b.putInt(8, 20)));
        bad("a length that is too large", Batches.edited(Batches.plain(3), true, b -> b.putInt(8, 5000)));
        bad("a negative length", Batches.edited(Batches.plain(3), true, b -> b.putInt(8, -5)));
        bad("bytes after the batch", Batches.joined(Batches.plain(2), Batches.bytes(1, 2, 3)));
        bad("magic 0", MemoryRecords.withRecords((byte) 0, Compression.NONE, Batches.records(2)));
        bad("magic 1", MemoryRecords.withRecords((byte) 1, Compression.NONE, Batches.records(2)));
        bad("magic 1, gzip", MemoryRecords.withRecords((byte) 1, Compression.gzip().build(), Batches.records(2)));
        bad("magic 3", Batches.edited(Batches.plain(3), true, b -> b.put(16, (byte) 3)));
        bad("magic -1", Batches.edited(Batches.plain(3), true, b -> b.put(16, (byte) -1)));
        bad("a base offset that is not 0", Batches.edited(Batches.plain(3), true, b -> b.putLong(0, 100)));
        bad("a leader epoch", Batches.edited(Batches.plain(3), true, b -> b.putInt(12, 77)));
        bad("a count that is too small", Batches.edited(Batches.plain(3), true, b -> b.putInt(57, 2)));
        bad("a count that is too large", Batches.edited(Batches.plain(3), true, b -> b.putInt(57, 4)));
        bad("a count of 0", Batches.edited(Batches.plain(3), true, b -> b.putInt(57, 0)));
        bad("a negative count", Batches.edited(Batches.plain(3), true, b -> b.putInt(57, -1)));
        bad("a last offset that does not fit", Batches.edited(Batches.plain(3), true, b -> b.putInt(23, 7)));
        bad("a negative last offset", Batches.edited(Batches.plain(3), true, b -> b.putInt(23, -1)));
        bad("a count and a last offset of one, three records",
            Batches.edited(Batches.plain(3), true, b -> b.putInt(57, 1).putInt(23, 0)));
        bad("a control batch", Batches.edited(Batches.plain(1), true, b -> b.putShort(21, (short) 0x20)));
        bad("a transactional batch", Batches.edited(Batches.plain(1), true, b -> b.putShort(21, (short) 0x10)));
        bad("LogAppendTime in the attributes",
            Batches.edited(Batches.plain(2), true, b -> b.putShort(21, (short) 0x08)));
        bad("unknown attributes", Batches.edited(Batches.plain(2), true, b -> b.putShort(21, (short) 0x100)));
        bad("the attribute of a delete horizon",
            Batches.edited(Batches.plain(2), true, b -> b.putShort(21, (short) 0x40)));
        for (int codec : new int[] {5, 6, 7})
            bad("codec number " + codec, Batches.edited(Batches.plain(2), true, b -> b.putShort(21, (short) codec)));
        for (int codec : new int[] {1, 2, 3, 4})
            bad("not compressed, but said to be by codec " + codec,
                Batches.edited(Batches.plain(2), true, b -> b.putShort(21, (short) codec)));
        for (var codec :
            List.of(CompressionType.GZIP, CompressionType.SNAPPY, CompressionType.LZ4, CompressionType.ZSTD)) {
            bad("broken " + codec,
                Batches.edited(
                    Batches.compressed(codec, 20), true, b -> b.put(b.limit() - 12, (byte) ~b.get(b.limit() - 12))));
            bad("cut " + codec,
                Batches.edited(
                    Batches.cut(Batches.compressed(codec, 20), Batches.compressed(codec, 20).sizeInBytes() - 8), true,
                    b -> b.putInt(8, b.limit() - 12)));
            bad("a count that is too large, " + codec,
                Batches.edited(Batches.compressed(codec, 3), true, b -> b.putInt(57, 4).putInt(23, 3)));
            bad("a count that is too small, " + codec,
                Batches.edited(Batches.compressed(codec, 3), true, b -> b.putInt(57, 2).putInt(23, 1)));
        }
        bad("a record's length is too large", Batches.edited(Batches.plain(1), true, b -> b.put(61, (byte) 120)));
        bad("a record's length is too small", Batches.edited(Batches.plain(1), true, b -> b.put(61, (byte) 4)));
        bad("a record's length is negative", Batches.edited(Batches.plain(1), true, b -> b.put(61, (byte) 5)));
        bad("a record's attributes", Batches.edited(Batches.plain(1), true, b -> b.put(62, (byte) 1)));
        bad("a record's offset is not its place", Batches.edited(Batches.plain(1), true, b -> b.put(64, (byte) 2)));
        bad("a key's length is too large", Batches.edited(Batches.plain(1), true, b -> b.put(65, (byte) 120)));
        bad("a key's length is -2", Batches.edited(Batches.plain(1), true, b -> b.put(65, (byte) 3)));
        bad("headers that are not there", Batches.edited(Batches.plain(1), true, b -> b.put(b.limit() - 1, (byte) 2)));
        bad("a negative count of headers", Batches.edited(Batches.plain(1), true, b -> b.put(b.limit() - 1, (byte) 1)));
        bad("a negative timestamp",
            MemoryRecords.withRecords(Compression.NONE, new SimpleRecord(-1L, "k".getBytes(), "v".getBytes())));
        bad("a timestamp of -5", Batches.edited(Batches.plain(1), true, b -> b.putLong(27, -5)));
        bad("a max timestamp below the base", Batches.edited(Batches.plain(3), true, b -> b.putLong(35, 5)));
        bad("a timestamp far ahead",
            MemoryRecords.withRecords(Compression.NONE,
                new SimpleRecord(System.currentTimeMillis() + 10_000_000, "k".getBytes(), "v".getBytes())));
        bad("one of three far ahead",
            MemoryRecords.withRecords(Compression.NONE, new SimpleRecord(Batches.TIME, "k".getBytes(), "v".getBytes()),
                new SimpleRecord(System.currentTimeMillis() + 10_000_000, "k".getBytes(), "v".getBytes()),
                new SimpleRecord(Batches.TIME, "k".getBytes(), "v".getBytes())));
        bad("no value and no key",
            MemoryRecords.withRecords(Compression.NONE, new SimpleRecord(Batches.TIME, (byte[]) null, (byte[]) null)));

        to("no such topic", "none-such", Batches.plain(1));
        to("an internal topic", "__consumer_offsets", Batches.plain(1));
        to("a name that is none", "not a name", Batches.plain(1));
        to("an empty name", "", Batches.plain(1));
        to("too old", "old", Batches.plain(2));
        to("too old, gzip", "old", Batches.compressed(CompressionType.GZIP, 2));
        to("no key in a compacted topic", "compacted",
            MemoryRecords.withRecords(Compression.NONE, new SimpleRecord(Batches.TIME, (byte[]) null, "v".getBytes())));
        to("two of three without a key, compacted", "compacted",
            MemoryRecords.withRecords(Compression.gzip().build(),
                new SimpleRecord(Batches.TIME, (byte[]) null, "v".getBytes()),
                new SimpleRecord(Batches.TIME, "k".getBytes(), "v".getBytes()),
                new SimpleRecord(Batches.TIME, (byte[]) null, "v".getBytes())));
        to("too large", "small", Batches.plain(100));
        to("too large, gzip, not when compressed", "small",
            MemoryRecords.withRecords(
                Compression.gzip().build(), new SimpleRecord(Batches.TIME, "k".getBytes(), new byte[2000])));
        to("too few in sync", "strict", Batches.plain(1));
        to("LogAppendTime", "appended", Batches.plain(2));
        to("LogAppendTime, gzip", "appended", Batches.compressed(CompressionType.GZIP, 2));
        for (String codec : List.of("gzip", "snappy", "lz4", "zstd", "uncompressed"))
            for (var from : CompressionType.values())
                to(from + " to " + codec, "to-" + codec, Batches.compressed(from, 5));
        c.every("what was made of these", ApiKeys.FETCH,
            (side, v) -> Requests.fetch(side, v, "to-zstd", Requests.part(0, 0)));
        for (String codec : List.of("gzip", "snappy", "lz4", "zstd", "uncompressed"))
            c.one("what was made of " + codec, ApiKeys.FETCH, 11,
                (side, v) -> Requests.fetch(side, v, "to-" + codec, Requests.part(0, 0)));
        c.every("no such partition", ApiKeys.PRODUCE, (side, v) -> Requests.produce(-1, "p-" + v, 9, Batches.plain(1)));
        c.every("a good and a bad partition", ApiKeys.PRODUCE,
            (side, v)
                -> Requests.produce(-1, "p-" + v, new Requests.PartitionRecords(1, Batches.plain(1)),
                    new Requests.PartitionRecords(9, Batches.plain(1)),
                    new Requests.PartitionRecords(
                        0, Batches.edited(Batches.plain(1), false, b -> b.put(70, (byte) 99)))));
        c.every("the same partition twice", ApiKeys.PRODUCE,
            (side, v)
                -> Requests.produce(-1, "p-" + v, new Requests.PartitionRecords(1, Batches.plain(1)),
                    new Requests.PartitionRecords(1, Batches.plain(2))));
        c.every(
            "no topics", ApiKeys.PRODUCE, (side, v) -> new ProduceRequestData().setAcks((short) -1).setTimeoutMs(1000));
        c.every("a transactional id", ApiKeys.PRODUCE,
            (side, v) -> Requests.produce(-1, "p-" + v, 0, Batches.plain(1)).setTransactionalId("t"));
        c.every("a negative timeout", ApiKeys.PRODUCE,
            (side, v) -> Requests.produce(-1, "p-" + v, 0, Batches.plain(1)).setTimeoutMs(-5));
        c.every("what is in the log after all that", ApiKeys.FETCH,
            (side, v) -> Requests.fetch(side, v, "p-9", Requests.part(0, 0), Requests.part(1, 0)));
        for (short v : c.versions(ApiKeys.PRODUCE))
            c.one("what version " + v + " left", ApiKeys.FETCH, 11,
                (side, f) -> Requests.fetch(side, f, "p-" + v, Requests.part(0, 0), Requests.part(1, 0)));
    }

    void to(String label, String topic, MemoryRecords records) throws Exception {
        c.every(label, ApiKeys.PRODUCE, (side, v) -> Requests.produce(-1, topic, 0, records));
    }

    void producerIds() throws Exception {
        for (Side side : List.of(c.ours, c.theirs)) {
            // The first block of ids is fetched when it is first needed.
            var request = new InitProducerIdRequestData().setTransactionalId(null).setTransactionTimeoutMs(1000);
            while (((InitProducerIdResponseData) side.call(ApiKeys.INIT_PRODUCER_ID, (short) 4, request).message())
                       .errorCode()
                != 0)
                Thread.sleep(20);
        }
        Comparison.Take keep = (side, answer) -> {
            long id = ((InitProducerIdResponseData) answer).producerId();
            if (id >= 0) side.producerIds.add(id);
        };
        c.every("a new id", ApiKeys.INIT_PRODUCER_ID,
            (side, v)
                -> new InitProducerIdRequestData().setTransactionalId(null).setTransactionTimeoutMs(Integer.MAX_VALUE),
            keep);
        c.every("a timeout of 0", ApiKeys.INIT_PRODUCER_ID,
            (side, v) -> new InitProducerIdRequestData().setTransactionalId(null).setTransactionTimeoutMs(0), keep);
        c.every("the next epoch of an id", ApiKeys.INIT_PRODUCER_ID,
            (side, v)
                -> new InitProducerIdRequestData()
                       .setTransactionalId(null)
                       .setTransactionTimeoutMs(1000)
                       .setProducerId(v < 3 ? -1 : side.producerIds.get(0))
                       .setProducerEpoch((short) (v < 3 ? -1 : 0)),
            keep);
        c.every("an epoch without an id", ApiKeys.INIT_PRODUCER_ID,
            (side, v)
                -> new InitProducerIdRequestData()
                       .setTransactionalId(null)
                       .setTransactionTimeoutMs(1000)
                       .setProducerId(-1)
                       .setProducerEpoch((short) (v < 3 ? -1 : 3)),
            keep);
        c.every("an empty transactional id", ApiKeys.INIT_PRODUCER_ID,
            (side, v) -> new InitProducerIdRequestData().setTransactionalId("").setTransactionTimeoutMs(1000), keep);
        c.every("an id of another", ApiKeys.INIT_PRODUCER_ID,
            (side, v)
                -> new InitProducerIdRequestData()
                       .setTransactionalId(null)
                       .setTransactionTimeoutMs(1000)
                       .setProducerId(v < 3 ? -1 : 987654)
                       .setProducerEpoch((short) (v < 3 ? -1 : 5)),
            keep);
    }

    void sequences() throws Exception {
        for (short v : c.versions(ApiKeys.PRODUCE)) {
            c.one("an id for version " + v, ApiKeys.INIT_PRODUCER_ID, 4,
                (side, i)
                    -> new InitProducerIdRequestData().setTransactionalId(null).setTransactionTimeoutMs(1000),
                (side, answer) -> {
                    side.values.put("id", ((InitProducerIdResponseData) answer).producerId());
                    side.producerIds.add(side.longOf("id"));
                });
            String t = "q-" + v;
            send(v, "epoch -1", t, -1, 0, 2);
            send(v, "the first one, not at 0", t, 0, 5, 2);
            send(v, "the first one", t, 0, 7, 3);
            send(v, "the next one", t, 0, 10, 3);
            send(v, "again", t, 0, 10, 3);
            send(v, "the one before, again", t, 0, 7, 3);
            send(v, "a part of one", t, 0, 10, 2);
            send(v, "a gap", t, 0, 20, 1);
            send(v, "a negative sequence", t, 0, -3, 1);
            for (int i = 0; i < 6; ++i) send(v, "number " + i, t, 0, 13 + i, 1);
            send(v, "one that is too old to know", t, 0, 10, 3);
            send(v, "the fifth before", t, 0, 14, 1);
            send(v, "a new epoch, not at 0", t, 1, 4, 1);
            send(v, "a new epoch", t, 1, 0, 2);
            send(v, "the old epoch", t, 0, 19, 1);
            send(v, "an epoch further on", t, 9, 0, 1);
            send(v, "epoch -1", t, -1, 3, 1);
            send(v, "near the end of sequences", t, 10, 0, 1);
            c.one("a duplicate and a new one, acks=1, v" + v, ApiKeys.PRODUCE, v,
                (side, i) -> Requests.produce(1, t, 0, Batches.idempotent(side.longOf("id"), 10, 0, 1)));
            c.one("an id nobody gave, v" + v, ApiKeys.PRODUCE, v,
                (side, i) -> Requests.produce(-1, t, 0, Batches.idempotent(31_337, 0, 0, 1)));
            c.one("an id nobody gave, not at 0, v" + v, ApiKeys.PRODUCE, v,
                (side, i) -> Requests.produce(-1, t, 0, Batches.idempotent(31_338, 3, 17, 1)));
            c.one("two idempotent batches, v" + v, ApiKeys.PRODUCE, v,
                (side, i)
                    -> Requests.produce(-1, t, 0,
                        Batches.joined(Batches.idempotent(side.longOf("id"), 10, 1, 1),
                            Batches.idempotent(side.longOf("id"), 10, 2, 1))));
            c.one("the log of version " + v, ApiKeys.FETCH, 11,
                (side, f) -> Requests.fetch(side, f, t, Requests.part(0, 0)));
        }
    }

    void send(short version, String label, String topic, int epoch, int sequence, int count) throws Exception {
        c.one(label + " (epoch " + epoch + ", sequence " + sequence + ")", ApiKeys.PRODUCE, version,
            (side, v) -> Requests.produce(-1, topic, 0, Batches.idempotent(side.longOf("id"), epoch, sequence, count)));
    }
}
