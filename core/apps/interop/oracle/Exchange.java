// java -cp JARS:CLASSES Exchange write|check PORT STATE: what a broker has on its disk, told in a file, and whether
// another broker, started on the same directory, tells the same and goes on with it: records, offsets, leader epochs,
// log starts, configurations, and the sequences of idempotent producers.

import java.nio.file.*;
import java.util.*;
import org.apache.kafka.common.message.*;
import org.apache.kafka.common.protocol.*;
import org.apache.kafka.common.record.*;

public final class Exchange {
    static final List<String> TOPICS = List.of("plain", "codecs", "idempotent", "cut", "rolled", "empty");
    static Side side;

    public static void main(String[] arguments) throws Exception {
        side = new Side("broker", Integer.parseInt(arguments[1]));
        Path state = Path.of(arguments[2]);
        if (arguments[0].equals("write")) {
            write();
        } else {
            for (String topic : TOPICS) side.await(topic);
            List<String> before = Files.readAllLines(state);
            Batches.TIME = Long.parseLong(before.get(0).split(" ")[3]);
            side.values.put("id", Long.parseLong(before.get(0).split(" ")[1]));
            List<String> now = tell();
            int differ = 0;
            for (int i = 0; i < Math.max(before.size(), now.size()); ++i) {
                String a = i < before.size() ? before.get(i) : "(nothing)",
                       b = i < now.size() ? now.get(i) : "(nothing)";
                if (a.equals(b)) continue;
                ++differ;
                System.out.println("not ok line " + i + ": before " + shorten(a) + ", now " + shorten(b));
            }
            if (differ == 0) System.out.println("ok " + now.size() + " lines are the same");
            continues(before);
        }
        Files.write(state, tell());
    }

    static String shorten(String text) { return text.length() < 300 ? text : text.substring(0, 300) + "..."; }

    static void make(CreateTopicsRequestData.CreatableTopic topic) throws Exception {
        side.call(ApiKeys.CREATE_TOPICS, (short) 5, Requests.create(topic));
        side.await(topic.name());
    }

    static ProduceResponseData.PartitionProduceResponse send(String topic, MemoryRecords records) throws Exception {
        var answer =
            (ProduceResponseData) side.call(ApiKeys.PRODUCE, (short) 9, Requests.produce(-1, topic, 0, records))
                .message();
        return answer.responses().iterator().next().partitionResponses().get(0);
    }

    static void expect(String what, Errors error, long offset, ProduceResponseData.PartitionProduceResponse answer) {
        if (answer.errorCode() == error.code() && (offset < 0 || answer.baseOffset() == offset)) {
            System.out.println("ok " + what);
        } else {
            System.out.println("not ok " + what + ": wanted " + error + " at " + offset + ", got "
                + Errors.forCode(answer.errorCode()) + " at " + answer.baseOffset());
        }
    }

    static void write() throws Exception {
        make(Requests.topic("plain", 2, 1, "retention.ms", "-1"));
        make(Requests.topic("codecs", 1, 1, "retention.ms", "-1", "max.message.bytes", "2000000"));
        make(Requests.topic("idempotent", 1, 1, "retention.ms", "-1"));
        make(Requests.topic("cut", 1, 1, "retention.ms", "-1"));
        make(Requests.topic(
            "rolled", 1, 1, "retention.ms", "-1", "segment.bytes", "1048576", "index.interval.bytes", "512"));
        make(Requests.topic("empty", 1, 1));
        for (int i = 0; i < 10; ++i) send("plain", Batches.plain(10));
        for (var codec : CompressionType.values()) send("codecs", Batches.compressed(codec, 50));
        var init = new InitProducerIdRequestData().setTransactionalId(null).setTransactionTimeoutMs(1000);
        InitProducerIdResponseData id;
        do id = (InitProducerIdResponseData) side.call(ApiKeys.INIT_PRODUCER_ID, (short) 4, init).message();
        while (id.errorCode() != 0);
        side.values.put("id", id.producerId());
        for (int i = 0; i < 8; ++i) send("idempotent", Batches.idempotent(id.producerId(), 0, i * 3, 3));
        for (int i = 0; i < 4; ++i) send("idempotent", Batches.idempotent(id.producerId() + 1, 5, i, 1));
        for (int i = 0; i < 10; ++i) send("cut", Batches.plain(10));
        side.call(ApiKeys.DELETE_RECORDS, (short) 2, Reading.delete("cut", 0, 35));
        for (int i = 0; i < 60; ++i) send("rolled", Batches.plain(3000));
    }

    // One line a fact.
    static List<String> tell() throws Exception {
        List<String> out = new ArrayList<>();
        out.add("id " + side.values.get("id") + " time " + Batches.TIME);
        for (String topic : TOPICS) {
            for (long at : new long[] {-2, -1, -3, Batches.TIME + 5}) {
                var answer =
                    (ListOffsetsResponseData) side.call(ApiKeys.LIST_OFFSETS, (short) 7, Requests.offsets(topic, 0, at))
                        .message();
                var p = answer.topics().get(0).partitions().get(0);
                out.add(topic + " at " + at + ": " + p.offset() + " " + p.timestamp() + " error " + p.errorCode());
            }
            var end = (OffsetForLeaderEpochResponseData) side
                          .call(ApiKeys.OFFSET_FOR_LEADER_EPOCH, (short) 3, Reading.epoch(topic, 0, 0, -1))
                          .message();
            out.add(topic + " epoch 0: " + end.topics().iterator().next().partitions().get(0).endOffset());
            var configs =
                (DescribeConfigsResponseData) side
                    .call(ApiKeys.DESCRIBE_CONFIGS, (short) 1,
                        Administering.describe(2, topic, "retention.ms", "segment.bytes", "max.message.bytes"))
                    .message();
            configs.results()
                .get(0)
                .configs()
                .stream()
                .map(c -> topic + " " + c.name() + "=" + c.value())
                .sorted()
                .forEach(out::add);
            out.add(topic + " id " + side.id(topic));
            long offset = Long.parseLong(
                out.stream().filter(l -> l.startsWith(topic + " at -2: ")).findFirst().get().split(" ")[3]);
            for (long next = offset;;) {
                long from = next;
                var answer = side.call(
                    ApiKeys.FETCH, (short) 11, Requests.fetch(side, (short) 11, topic, Requests.part(0, from)));
                var records = (MemoryRecords) ((FetchResponseData) answer.message())
                                  .responses()
                                  .get(0)
                                  .partitions()
                                  .get(0)
                                  .records();
                for (var batch : records.batches()) {
                    if (batch.lastOffset() < from) continue;
                    out.add(topic + " batch " + batch.baseOffset() + "-" + batch.lastOffset() + " epoch "
                        + batch.partitionLeaderEpoch() + " crc " + batch.checksum() + " producer " + batch.producerId()
                        + " " + batch.producerEpoch() + " " + batch.baseSequence());
                    next = batch.nextOffset();
                }
                if (next == from) break;
            }
        }
        return out;
    }

    static void continues(List<String> before) throws Exception {
        long id = side.longOf("id");
        long end = Long.parseLong(
            before.stream().filter(l -> l.startsWith("idempotent at -1: ")).findFirst().get().split(" ")[3]);
        var last = before.stream()
                       .filter(l -> l.startsWith("idempotent batch") && l.contains(" producer " + id + " 0 "))
                       .reduce((a, b) -> b)
                       .get()
                       .split(" ");
        long base = Long.parseLong(last[2].split("-")[0]);
        int sequence = Integer.parseInt(last[last.length - 1]),
            count = (int) (Long.parseLong(last[2].split("-")[1]) - base + 1);
        expect("the last batch again is a duplicate", Errors.NONE, base,
            send("idempotent", Batches.idempotent(id, 0, sequence, count)));
        expect("a gap is refused", Errors.OUT_OF_ORDER_SEQUENCE_NUMBER, -1,
            send("idempotent", Batches.idempotent(id, 0, sequence + count + 1, 1)));
        expect("an epoch before the last is refused", Errors.INVALID_PRODUCER_EPOCH, -1,
            send("idempotent", Batches.idempotent(id + 1, 4, 0, 1)));
        expect("the next sequence is taken", Errors.NONE, end,
            send("idempotent", Batches.idempotent(id, 0, sequence + count, 2)));
        expect("other records are taken", Errors.NONE, -1, send("plain", Batches.plain(4)));
        make(Requests.topic("made-" + System.nanoTime(), 1, 1));
        System.out.println("ok a topic is made");
    }
}
