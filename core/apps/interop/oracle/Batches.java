// Record batches to send, whole and broken, and words for those received.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.*;
import java.nio.ByteBuffer;
import java.util.*;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.message.*;
import org.apache.kafka.common.record.*;
import org.apache.kafka.common.requests.FetchResponse;
import org.apache.kafka.common.utils.Crc32C;

final class Batches {
    // Of the first record: young enough for what expires, producers among it.
    static long TIME = System.currentTimeMillis() - 3_600_000;

    static SimpleRecord[] records(int count) {
        var all = new SimpleRecord[count];
        for (int i = 0; i < count; ++i)
            all[i] = new SimpleRecord(TIME + i, ("k" + i).getBytes(), ("value " + i).getBytes());
        return all;
    }

    static MemoryRecords plain(int count) { return MemoryRecords.withRecords(Compression.NONE, records(count)); }

    static MemoryRecords compressed(CompressionType type, int count) {
        return MemoryRecords.withRecords(Compression.of(type).build(), records(count));
    }

    static MemoryRecords idempotent(long id, int epoch, int sequence, int count) {
        var whole = MemoryRecords.withIdempotentRecords(Compression.NONE, id, (short) 0, 0, records(count));
        return edited(whole, true, b -> b.putShort(51, (short) epoch).putInt(53, sequence));
    }

    static MemoryRecords of(ByteBuffer buffer) { return MemoryRecords.readableRecords(buffer); }

    static ByteBuffer copy(MemoryRecords records) {
        var out = ByteBuffer.allocate(records.sizeInBytes());
        out.put(records.buffer().duplicate()).flip();
        return out;
    }

    interface Edit {
        void of(ByteBuffer batch);
    }

    // A batch with some bytes changed; `sealed`: with a CRC that fits them.
    static MemoryRecords edited(MemoryRecords from, boolean sealed, Edit edit) {
        ByteBuffer batch = copy(from);
        edit.of(batch);
        if (sealed) batch.putInt(17, (int) Crc32C.compute(batch, 21, batch.limit() - 21));
        return of(batch);
    }

    static MemoryRecords joined(MemoryRecords... parts) {
        var out = ByteBuffer.allocate(Arrays.stream(parts).mapToInt(MemoryRecords::sizeInBytes).sum());
        for (var part : parts) out.put(part.buffer().duplicate());
        out.flip();
        return of(out);
    }

    static MemoryRecords cut(MemoryRecords from, int keep) {
        ByteBuffer batch = copy(from);
        batch.limit(keep);
        return of(batch.slice());
    }

    static MemoryRecords bytes(int... values) {
        var out = ByteBuffer.allocate(values.length);
        for (int v : values) out.put((byte) v);
        out.flip();
        return of(out);
    }

    // A fetch's answer with the batches of each partition instead of their size.
    static JsonNode describe(FetchResponse response, short version) {
        JsonNode json = FetchResponseDataJsonConverter.write(response.data(), version, false);
        int t = 0;
        for (var topic : response.data().responses()) {
            int p = 0;
            for (var partition : topic.partitions()) {
                var node = (ObjectNode) json.get("responses").get(t).get("partitions").get(p++);
                node.remove("recordsSizeInBytes");
                node.set("batches", batches(FetchResponse.recordsOrFail(partition)));
            }
            ++t;
        }
        ((ObjectNode) json).set("responses", merged((ArrayNode) json.get("responses")));
        return json;
    }

    // Partitions of one topic under one entry, in however many they came.
    private static ArrayNode merged(ArrayNode responses) {
        Map<String, ObjectNode> topics = new LinkedHashMap<>();
        for (JsonNode topic : responses) {
            String name = topic.has("topicId") ? topic.get("topicId").asText() : topic.get("topic").asText();
            ObjectNode first = topics.putIfAbsent(name, (ObjectNode) topic);
            if (first != null) ((ArrayNode) first.get("partitions")).addAll((ArrayNode) topic.get("partitions"));
        }
        ArrayNode out = JsonNodeFactory.instance.arrayNode();
        out.addAll(topics.values());
        return out;
    }

    static ArrayNode batches(Records records) {
        ArrayNode out = JsonNodeFactory.instance.arrayNode();
        var buffer = ((MemoryRecords) records).buffer().duplicate();
        int whole = 0;
        for (RecordBatch batch : ((MemoryRecords) records).batches()) {
            // The bytes but those that carry a producer's id, which is each cluster's own.
            byte[] bytes = new byte[batch.sizeInBytes()];
            buffer.slice(whole, bytes.length).get(bytes);
            if (batch.hasProducerId()) {
                Arrays.fill(bytes, 43, 51, (byte) 0);
                Arrays.fill(bytes, 17, 21, (byte) 0);
            }
            if (batch.timestampType() == TimestampType.LOG_APPEND_TIME) Arrays.fill(bytes, 17, 43, (byte) 0);
            whole += bytes.length;
            ObjectNode node = out.addObject();
            node.put("base", batch.baseOffset());
            node.put("last", batch.lastOffset());
            node.put("leaderEpoch", batch.partitionLeaderEpoch());
            node.put("codec", batch.compressionType().name);
            node.put("sequence", batch.baseSequence());
            // Compressors may differ in what they make of the same records; the records are compared then.
            if (batch.isCompressed()) {
                for (var r : batch)
                    node.withArray("records").add(r.offset() + " "
                        + (batch.timestampType() == TimestampType.LOG_APPEND_TIME ? "now" : r.timestamp()) + " "
                        + text(r.key()) + " " + text(r.value()));
            } else {
                node.put("bytes", HexFormat.of().formatHex(bytes));
            }
        }
        if (whole < records.sizeInBytes()) out.addObject().put("cut", true);
        return out;
    }

    static String text(ByteBuffer buffer) {
        if (buffer == null) return "null";
        byte[] bytes = Side.bytes(buffer.duplicate());
        return bytes.length < 40 ? new String(bytes) : bytes.length + " bytes " + Arrays.hashCode(bytes);
    }
}
