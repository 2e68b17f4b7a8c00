// java -cp JARS Clients.java BOOTSTRAP: Apache Kafka's Java producer, consumer and admin client against one broker that
// makes topics when they are first used. One line a check: "ok NAME", "not ok NAME: why".

import java.time.Duration;
import java.util.*;
import java.util.concurrent.*;
import java.util.stream.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.*;

public class Clients {
    static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");
    static final long BEGIN = System.currentTimeMillis() - 3_600_000;  // records must not be older than their retention
    static String bootstrap;
    static int failed = 0;

    interface Check {
        void run() throws Throwable;
    }

    static void check(String name, Check check) {
        try {
            check.run();
            System.out.println("ok " + name);
        } catch (Throwable error) {
            ++failed;
            System.out.println("not ok " + name + ": " + String.valueOf(error).replace('\n', ' '));
        }
    }

    static void same(String what, Object wanted, Object got) {
        if (!Objects.equals(wanted, got)) throw new AssertionError(what + ": wanted " + wanted + ", got " + got);
    }

    static void fails(Class<? extends Throwable> wanted, Future<?> future) throws Exception {
        try {
            future.get(20, TimeUnit.SECONDS);
        } catch (ExecutionException error) {
            if (wanted.isInstance(error.getCause())) return;
            throw new AssertionError("wanted " + wanted.getSimpleName() + ", got " + error.getCause());
        }
        throw new AssertionError("wanted " + wanted.getSimpleName() + ", got no error");
    }

    static <T> T get(KafkaFuture<T> future) throws Exception { return future.get(20, TimeUnit.SECONDS); }

    static void until(String what, Callable<Boolean> condition) throws Exception {
        for (long end = System.nanoTime() + 20_000_000_000L; System.nanoTime() < end; Thread.sleep(20))
            if (condition.call()) return;
        throw new AssertionError("never: " + what);
    }

    static KafkaProducer<byte[], byte[]> producer(Object... settings) {
        Map<String, Object> config = new HashMap<>(Map.of(
            "bootstrap.servers", bootstrap, "linger.ms", 5, "delivery.timeout.ms", 30000, "request.timeout.ms", 10000));
        for (int i = 0; i < settings.length; i += 2) config.put((String) settings[i], settings[i + 1]);
        return new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
    }

    static KafkaConsumer<byte[], byte[]> consumer(Object... settings) {
        Map<String, Object> config = new HashMap<>(Map.of("bootstrap.servers", bootstrap, "enable.auto.commit", false,
            "auto.offset.reset", "none", "fetch.max.wait.ms", 50));
        for (int i = 0; i < settings.length; i += 2) config.put((String) settings[i], settings[i + 1]);
        return new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    // Record `i`: every tenth has no key, every seventh is a tombstone, every fifth has headers.
    static ProducerRecord<byte[], byte[]> record(String topic, int partition, int i) {
        byte[] key = i % 10 == 0 ? null : ("key " + i).getBytes();
        byte[] value = i % 7 == 0 ? null
                                  : ("value " + i + " "
                                      + "x".repeat(i % 200))
                                        .getBytes();
        List<org.apache.kafka.common.header.Header> headers = i % 5 != 0
            ? List.of()
            : List.of(new RecordHeader("h", ("header " + i).getBytes()), new RecordHeader("empty", new byte[0]),
                new RecordHeader("null", null));
        return new ProducerRecord<>(topic, partition, BEGIN + i, key, value, headers);
    }

    static String text(
        byte[] key, byte[] value, Iterable<org.apache.kafka.common.header.Header> headers, long timestamp) {
        StringBuilder out = new StringBuilder();
        out.append(timestamp).append(Arrays.toString(key)).append(Arrays.toString(value));
        for (var header : headers) out.append(header.key()).append(Arrays.toString(header.value()));
        return out.toString();
    }

    static List<ConsumerRecord<byte[], byte[]>> read(Consumer<byte[], byte[]> consumer, int count) {
        List<ConsumerRecord<byte[], byte[]>> all = new ArrayList<>();
        for (long end = System.nanoTime() + 20_000_000_000L; all.size() < count && System.nanoTime() < end;)
            consumer.poll(Duration.ofMillis(200)).forEach(all::add);
        return all;
    }

    static void expect(String topic, int partition, int count, Object... settings) {
        try (var consumer = consumer(settings)) {
            var tp = new TopicPartition(topic, partition);
            consumer.assign(List.of(tp));
            consumer.seek(tp, 0);
            var got = read(consumer, count);
            same("records", count, got.size());
            for (int i = 0; i < count; ++i) {
                var sent = record(topic, partition, i);
                var r = got.get(i);
                same("offset", (long) i, r.offset());
                same("record " + i, text(sent.key(), sent.value(), sent.headers(), sent.timestamp()),
                    text(r.key(), r.value(), r.headers(), r.timestamp()));
            }
        }
    }

    static void produce() {
        for (String codec : CODECS) {
            for (String acks : List.of("0", "1", "all")) {
                for (boolean idempotent : acks.equals("all") ? new boolean[] {false, true} : new boolean[] {false}) {
                    String topic = "java-" + codec + "-" + acks + (idempotent ? "-idempotent" : "");
                    check("produce and consume " + topic.substring(5), () -> {
                        try (var admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
                            get(admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all());
                        }
                        try (var producer =
                                 producer("acks", acks, "enable.idempotence", idempotent, "compression.type", codec)) {
                            List<Future<RecordMetadata>> sent = new ArrayList<>();
                            for (int i = 0; i < 1000; ++i) sent.add(producer.send(record(topic, 0, i)));
                            producer.flush();
                            for (int i = 0; i < 1000; ++i) {
                                var m = sent.get(i).get();
                                if (!acks.equals("0")) same("offset", (long) i, m.offset());
                                same("timestamp", BEGIN + i, m.timestamp());
                            }
                        }
                        expect(topic, 0, 1000);
                    });
                }
            }
        }
        check("a topic is made when it is first used", () -> {
            try (var producer = producer()) {
                same("offset", 0L, producer.send(record("java-auto", 0, 0)).get(20, TimeUnit.SECONDS).offset());
            }
        });
        check("small batches, several in flight, idempotent", () -> {
            try (var producer = producer("linger.ms", 0, "batch.size", 100)) {
                for (int i = 0; i < 5000; ++i) producer.send(record("java-small", 0, i));
            }
            expect("java-small", 0, 5000, "max.partition.fetch.bytes", 2000);
        });
        check("a batch just below max.message.bytes, and one above it", () -> {
            try (var producer = producer("max.request.size", 10_000_000, "batch.size", 0)) {
                int most = 1048588 - 61 - 14;  // a batch's header, and a record's with its lengths
                var fits = new ProducerRecord<byte[], byte[]>("java-large", 0, null, new byte[most]);
                same("offset", 0L, producer.send(fits).get(20, TimeUnit.SECONDS).offset());
                fails(RecordTooLargeException.class,
                    producer.send(new ProducerRecord<>("java-large", 0, null, new byte[most + 200])));
                same("offset", 1L, producer.send(fits).get(20, TimeUnit.SECONDS).offset());
            }
            try (var consumer = consumer("max.partition.fetch.bytes", 1000)) {
                var tp = new TopicPartition("java-large", 0);
                consumer.assign(List.of(tp));
                consumer.seek(tp, 0);
                same("records", 2, read(consumer, 2).size());
            }
        });
        check("a timestamp too far in the future is refused", () -> {
            try (var producer = producer()) {
                fails(InvalidTimestampException.class,
                    producer.send(new ProducerRecord<>(
                        "java-auto", 0, System.currentTimeMillis() + 7_200_000, null, new byte[1])));
            }
        });
        check("no key in a compacted topic is refused, by record", () -> {
            try (var admin = Admin.create(Map.of("bootstrap.servers", bootstrap)); var producer = producer()) {
                get(admin
                        .createTopics(List.of(
                            new NewTopic("java-compacted", 1, (short) 1).configs(Map.of("cleanup.policy", "compact"))))
                        .all());
                fails(InvalidRecordException.class,
                    producer.send(new ProducerRecord<>("java-compacted", 0, null, new byte[1])));
                producer.send(new ProducerRecord<>("java-compacted", 0, new byte[1], new byte[1]))
                    .get(20, TimeUnit.SECONDS);
            }
        });
        check("LogAppendTime: the broker's clock is told and kept", () -> {
            try (var admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
                 var producer = producer("compression.type", "lz4"); var consumer = consumer()) {
                get(admin
                        .createTopics(List.of(new NewTopic("java-append-time", 1, (short) 1)
                                                  .configs(Map.of("message.timestamp.type", "LogAppendTime"))))
                        .all());
                long told = producer.send(record("java-append-time", 0, 1)).get(20, TimeUnit.SECONDS).timestamp();
                if (Math.abs(told - System.currentTimeMillis()) > 60_000) throw new AssertionError("told " + told);
                var tp = new TopicPartition("java-append-time", 0);
                consumer.assign(List.of(tp));
                consumer.seek(tp, 0);
                same("timestamp", told, read(consumer, 1).get(0).timestamp());
            }
        });
        for (String codec : CODECS) {
            check("the topic's compression.type is " + codec + ", the producer's is not", () -> {
                String topic = "java-recompressed-" + codec;
                try (var admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
                    get(admin
                            .createTopics(List.of(new NewTopic(topic, 1, (short) 1)
                                                      .configs(Map.of("compression.type",
                                                          codec.equals("none") ? "uncompressed" : codec))))
                            .all());
                }
                try (var producer = producer("compression.type", codec.equals("gzip") ? "lz4" : "gzip")) {
                    for (int i = 0; i < 500; ++i) producer.send(record(topic, 0, i));
                }
                expect(topic, 0, 500);
            });
        }
    }

    static void consume() throws Exception {
        var tp = new TopicPartition("java-lz4-all", 0);
        check("seek, position, beginningOffsets, endOffsets", () -> {
            try (var consumer = consumer()) {
                consumer.assign(List.of(tp));
                same("beginning", Map.of(tp, 0L), consumer.beginningOffsets(List.of(tp)));
                same("end", Map.of(tp, 1000L), consumer.endOffsets(List.of(tp)));
                for (long at : new long[] {0, 1, 499, 500, 999}) {
                    consumer.seek(tp, at);
                    same("first record", at, read(consumer, 1).get(0).offset());
                }
                consumer.seekToEnd(List.of(tp));
                same("position", 1000L, consumer.position(tp));
                consumer.seekToBeginning(List.of(tp));
                same("position", 0L, consumer.position(tp));
                same("lag", OptionalLong.of(1000), consumer.currentLag(tp));
            }
        });
        check("offsetsForTimes", () -> {
            try (var consumer = consumer()) {
                for (int i : new int[] {0, 1, 77, 999}) {
                    var got = consumer.offsetsForTimes(Map.of(tp, BEGIN + i)).get(tp);
                    same("offset", (long) i, got.offset());
                    same("timestamp", BEGIN + i, got.timestamp());
                }
                same("before all", 0L, consumer.offsetsForTimes(Map.of(tp, 1L)).get(tp).offset());
                same("after all", null, consumer.offsetsForTimes(Map.of(tp, BEGIN + 1000)).get(tp));
            }
        });
        check("out of range without a reset policy", () -> {
            try (var consumer = consumer()) {
                consumer.assign(List.of(tp));
                consumer.seek(tp, 5000);
                try {
                    for (int i = 0; i < 100; ++i) consumer.poll(Duration.ofMillis(100));
                } catch (OffsetOutOfRangeException wanted) {
                    return;
                }
                throw new AssertionError("no OffsetOutOfRangeException");
            }
        });
        for (String reset : List.of("earliest", "latest", "by_duration:PT2H")) {
            check("out of range, auto.offset.reset=" + reset, () -> {
                try (var consumer = consumer("auto.offset.reset", reset)) {
                    consumer.assign(List.of(tp));
                    consumer.seek(tp, 5000);
                    consumer.poll(Duration.ofMillis(500));
                    until("position", () -> {
                        var seen = consumer.poll(Duration.ofMillis(100));
                        return consumer.position(tp) == 1000;
                    });
                }
            });
        }
        check("read_committed", () -> expect("java-gzip-all-idempotent", 0, 1000, "isolation.level", "read_committed"));
        check("a seek with a leader epoch", () -> {
            try (var consumer = consumer()) {
                consumer.assign(List.of(tp));
                consumer.seek(tp, new OffsetAndMetadata(10, Optional.of(0), ""));
                var got = read(consumer, 1).get(0);
                same("offset", 10L, got.offset());
                same("leader epoch", Optional.of(0), got.leaderEpoch());
            }
        });
        check("partitionsFor and listTopics", () -> {
            try (var consumer = consumer()) {
                same("partitions", 1, consumer.partitionsFor("java-lz4-all").size());
                if (!consumer.listTopics().containsKey("java-lz4-all")) throw new AssertionError("not listed");
            }
        });
        check("many partitions in one session, paused and resumed", () -> {
            try (var admin = Admin.create(Map.of("bootstrap.servers", bootstrap)); var producer = producer();
                 var consumer = consumer()) {
                get(admin.createTopics(List.of(new NewTopic("java-many", 40, (short) 1))).all());
                for (int i = 0; i < 4000; ++i) producer.send(record("java-many", i % 40, i));
                producer.flush();
                var all = IntStream.range(0, 40)
                              .mapToObj(p -> new TopicPartition("java-many", p))
                              .collect(Collectors.toList());
                consumer.assign(all);
                consumer.seekToBeginning(all);
                consumer.pause(all.subList(0, 20));
                var got = read(consumer, 2000);
                same("records", 2000, got.size());
                same("of paused", 0L, got.stream().filter(r -> r.partition() < 20).count());
                consumer.resume(all.subList(0, 20));
                same("records", 2000, read(consumer, 2000).size());
            }
        });
        check("a new record wakes a waiting fetch", () -> {
            try (var producer = producer(); var consumer = consumer("fetch.max.wait.ms", 10000)) {
                producer.send(record("java-wake", 0, 1)).get(20, TimeUnit.SECONDS);
                var wake = new TopicPartition("java-wake", 0);
                consumer.assign(List.of(wake));
                consumer.seek(wake, 1);
                consumer.poll(Duration.ofMillis(300));
                producer.send(record("java-wake", 0, 2)).get(20, TimeUnit.SECONDS);
                long began = System.nanoTime();
                same("records", 1, read(consumer, 1).size());
                if (System.nanoTime() - began > 8_000_000_000L) throw new AssertionError("only after the fetch's wait");
            }
        });
    }

    static void administer() throws Exception {
        try (var admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            check("describeCluster", () -> {
                var cluster = admin.describeCluster(new DescribeClusterOptions().includeAuthorizedOperations(true));
                same("nodes", 1, get(cluster.nodes()).size());
                same("id's length", 22, get(cluster.clusterId()).length());
                get(cluster.controller());
                get(cluster.authorizedOperations());
                same("with fenced brokers", 1,
                    get(admin.describeCluster(new DescribeClusterOptions().includeFencedBrokers(true)).nodes()).size());
            });
            check("createTopics and its refusals", () -> {
                get(admin
                        .createTopics(
                            List.of(new NewTopic("admin", 3, (short) 1).configs(Map.of("retention.ms", "3600000"))))
                        .all());
                var made = admin.createTopics(List.of(new NewTopic("admin-2", Optional.empty(), Optional.empty())));
                if (get(made.numPartitions("admin-2")) < 1) throw new AssertionError("no partitions");
                same("replicas", 1, get(made.replicationFactor("admin-2")));
                if (get(made.config("admin-2")).get("segment.bytes") == null)
                    throw new AssertionError("no configuration");
                get(made.topicId("admin-2"));
                fails(
                    TopicExistsException.class, admin.createTopics(List.of(new NewTopic("admin", 1, (short) 1))).all());
                fails(InvalidTopicException.class,
                    admin.createTopics(List.of(new NewTopic("not a name", 1, (short) 1))).all());
                fails(InvalidTopicException.class,
                    admin
                        .createTopics(
                            List.of(new NewTopic("admin_2.x", 1, (short) 1), new NewTopic("admin.2_x", 1, (short) 1)))
                        .all());
                fails(InvalidReplicationFactorException.class,
                    admin.createTopics(List.of(new NewTopic("a3", 1, (short) 3))).all());
                fails(InvalidPartitionsException.class,
                    admin.createTopics(List.of(new NewTopic("a3", 0, (short) 1))).all());
                fails(InvalidConfigurationException.class,
                    admin.createTopics(List.of(new NewTopic("a3", 1, (short) 1).configs(Map.of("no.such", "1"))))
                        .all());
                fails(InvalidConfigurationException.class,
                    admin.createTopics(List.of(new NewTopic("a3", 1, (short) 1).configs(Map.of("retention.ms", "x"))))
                        .all());
                fails(InvalidReplicaAssignmentException.class,
                    admin.createTopics(List.of(new NewTopic("a3", Map.of(0, List.of(1, 1))))).all());
                fails(InvalidReplicaAssignmentException.class,
                    admin.createTopics(List.of(new NewTopic("a3", Map.of(1, List.of(1))))).all());
                get(admin.createTopics(List.of(new NewTopic("a4", Map.of(0, List.of(1), 1, List.of(1))))).all());
                get(admin
                        .createTopics(
                            List.of(new NewTopic("a5", 1, (short) 1)), new CreateTopicsOptions().validateOnly(true))
                        .all());
                fails(UnknownTopicOrPartitionException.class, admin.describeTopics(List.of("a5")).allTopicNames());
            });
            check("listTopics and describeTopics, by name and by id", () -> {
                // Made in the metadata log, a topic may be told of a moment later.
                until("all are told of",
                    () -> get(admin.listTopics().names()).containsAll(List.of("admin", "admin-2", "a4")));
                var topic = get(
                    admin
                        .describeTopics(List.of("admin"), new DescribeTopicsOptions().includeAuthorizedOperations(true))
                        .allTopicNames())
                                .get("admin");
                same("partitions", 3, topic.partitions().size());
                same("elr", List.of(), topic.partitions().get(0).elr());
                same("by id", "admin",
                    get(admin.describeTopics(TopicCollection.ofTopicIds(List.of(topic.topicId()))).allTopicIds())
                        .get(topic.topicId())
                        .name());
                fails(UnknownTopicIdException.class,
                    admin.describeTopics(TopicCollection.ofTopicIds(List.of(Uuid.randomUuid()))).allTopicIds());
                var many = IntStream.range(0, 30)
                               .mapToObj(i -> new NewTopic("paged-" + i, 2, (short) 1))
                               .collect(Collectors.toList());
                get(admin.createTopics(many).all());
                var names = many.stream().map(NewTopic::name).collect(Collectors.toList());
                until("thirty more", () -> get(admin.listTopics().names()).containsAll(names));
                same("page by page", 30,
                    get(admin.describeTopics(names, new DescribeTopicsOptions().partitionSizeLimitPerResponse(7))
                            .allTopicNames())
                        .size());
                get(admin.deleteTopics(names).all());
            });
            check("createPartitions and its refusals", () -> {
                get(admin.createPartitions(Map.of("admin", NewPartitions.increaseTo(5))).all());
                fails(InvalidPartitionsException.class,
                    admin.createPartitions(Map.of("admin", NewPartitions.increaseTo(5))).all());
                fails(InvalidPartitionsException.class,
                    admin.createPartitions(Map.of("admin", NewPartitions.increaseTo(2))).all());
                fails(UnknownTopicOrPartitionException.class,
                    admin.createPartitions(Map.of("none-such", NewPartitions.increaseTo(2))).all());
                fails(InvalidReplicaAssignmentException.class,
                    admin.createPartitions(Map.of("admin", NewPartitions.increaseTo(6, List.of(List.of(9))))).all());
                until("five partitions",
                    ()
                        -> get(admin.describeTopics(List.of("admin")).allTopicNames()).get("admin").partitions().size()
                        == 5);
            });
            check("describeConfigs and incrementalAlterConfigs, of topics", () -> {
                var topic = new ConfigResource(ConfigResource.Type.TOPIC, "admin");
                Callable<Config> described = ()
                    -> get(admin
                               .describeConfigs(List.of(topic),
                                   new DescribeConfigsOptions().includeSynonyms(true).includeDocumentation(true))
                               .all())
                           .get(topic);
                same("set", "3600000", described.call().get("retention.ms").value());
                same("source", ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG,
                    described.call().get("retention.ms").source());
                same("type", ConfigEntry.ConfigType.LONG, described.call().get("retention.ms").type());
                get(admin
                        .incrementalAlterConfigs(Map.of(topic,
                            List.of(
                                new AlterConfigOp(new ConfigEntry("retention.ms", "7200000"), AlterConfigOp.OpType.SET),
                                new AlterConfigOp(
                                    new ConfigEntry("cleanup.policy", "compact"), AlterConfigOp.OpType.APPEND))))
                        .all());
                until("altered",
                    ()
                        -> described.call().get("retention.ms").value().equals("7200000")
                        && described.call().get("cleanup.policy").value().equals("delete,compact"));
                get(admin
                        .incrementalAlterConfigs(Map.of(topic,
                            List.of(
                                new AlterConfigOp(new ConfigEntry("retention.ms", null), AlterConfigOp.OpType.DELETE),
                                new AlterConfigOp(
                                    new ConfigEntry("cleanup.policy", "compact"), AlterConfigOp.OpType.SUBTRACT))))
                        .all());
                until("back",
                    ()
                        -> described.call().get("retention.ms").isDefault()
                        && described.call().get("cleanup.policy").value().equals("delete"));
                fails(InvalidConfigurationException.class,
                    admin
                        .incrementalAlterConfigs(Map.of(topic,
                            List.of(new AlterConfigOp(new ConfigEntry("retention.ms", "x"), AlterConfigOp.OpType.SET))))
                        .all());
                fails(InvalidConfigurationException.class,
                    admin
                        .incrementalAlterConfigs(Map.of(topic,
                            List.of(new AlterConfigOp(new ConfigEntry("no.such", "x"), AlterConfigOp.OpType.SET))))
                        .all());
                var missing = new ConfigResource(ConfigResource.Type.TOPIC, "none-such");
                fails(UnknownTopicOrPartitionException.class, admin.describeConfigs(List.of(missing)).all());
                fails(UnknownTopicOrPartitionException.class,
                    admin
                        .incrementalAlterConfigs(Map.of(missing,
                            List.of(new AlterConfigOp(new ConfigEntry("retention.ms", "1"), AlterConfigOp.OpType.SET))))
                        .all());
            });
            check("describeConfigs and incrementalAlterConfigs, of brokers", () -> {
                var broker = new ConfigResource(ConfigResource.Type.BROKER, "1");
                var all = new ConfigResource(ConfigResource.Type.BROKER, "");
                same("static", ConfigEntry.ConfigSource.STATIC_BROKER_CONFIG,
                    get(admin.describeConfigs(List.of(broker)).all()).get(broker).get("process.roles").source());
                get(admin
                        .incrementalAlterConfigs(Map.of(all,
                            List.of(new AlterConfigOp(
                                new ConfigEntry("log.cleaner.threads", "2"), AlterConfigOp.OpType.SET))))
                        .all());
                until("altered",
                    ()
                        -> "2".equals(get(admin.describeConfigs(List.of(broker)).all())
                                          .get(broker)
                                          .get("log.cleaner.threads")
                                          .value()));
                same("dynamic", "2",
                    get(admin.describeConfigs(List.of(all)).all()).get(all).get("log.cleaner.threads").value());
                get(admin
                        .incrementalAlterConfigs(Map.of(all,
                            List.of(new AlterConfigOp(
                                new ConfigEntry("log.cleaner.threads", null), AlterConfigOp.OpType.DELETE))))
                        .all());
                fails(InvalidRequestException.class,
                    admin
                        .incrementalAlterConfigs(Map.of(broker,
                            List.of(
                                new AlterConfigOp(new ConfigEntry("process.roles", "x"), AlterConfigOp.OpType.SET))))
                        .all());
            });
            check("listOffsets by every specification", () -> {
                var tp = new TopicPartition("java-lz4-all", 0);
                Map<OffsetSpec, Long> wanted = new LinkedHashMap<>();
                wanted.put(OffsetSpec.earliest(), 0L);
                wanted.put(OffsetSpec.latest(), 1000L);
                wanted.put(OffsetSpec.forTimestamp(BEGIN + 3), 3L);
                wanted.put(OffsetSpec.maxTimestamp(), 999L);
                wanted.put(OffsetSpec.earliestLocal(), 0L);
                wanted.put(OffsetSpec.latestTiered(), -1L);
                for (var e : wanted.entrySet())
                    same(e.getKey().getClass().getSimpleName(), e.getValue(),
                        get(admin.listOffsets(Map.of(tp, e.getKey())).all()).get(tp).offset());
            });
            check("deleteRecords", () -> {
                var tp = new TopicPartition("java-zstd-all", 0);
                same("low watermark", 10L,
                    get(admin.deleteRecords(Map.of(tp, RecordsToDelete.beforeOffset(10))).lowWatermarks().get(tp))
                        .lowWatermark());
                same("earliest", 10L, get(admin.listOffsets(Map.of(tp, OffsetSpec.earliest())).all()).get(tp).offset());
                fails(org.apache.kafka.common.errors.OffsetOutOfRangeException.class,
                    admin.deleteRecords(Map.of(tp, RecordsToDelete.beforeOffset(5000))).all());
                same("all", 1000L,
                    get(admin.deleteRecords(Map.of(tp, RecordsToDelete.beforeOffset(-1))).lowWatermarks().get(tp))
                        .lowWatermark());
            });
            check("electLeaders", () -> {
                var tp = new TopicPartition("admin", 0);
                fails(ElectionNotNeededException.class,
                    get(admin.electLeaders(ElectionType.PREFERRED, Set.of(tp)).partitions())
                        .get(tp)
                        .map(e -> CompletableFuture.failedFuture(e))
                        .orElseThrow());
                var missing = new TopicPartition("none-such", 0);
                fails(UnknownTopicOrPartitionException.class,
                    get(admin.electLeaders(ElectionType.UNCLEAN, Set.of(missing)).partitions())
                        .get(missing)
                        .map(e -> CompletableFuture.failedFuture(e))
                        .orElseThrow());
                same("of all", Map.of(), get(admin.electLeaders(ElectionType.PREFERRED, null).partitions()));
            });
            check("describeLogDirs and describeReplicaLogDirs", () -> {
                var directories = get(admin.describeLogDirs(List.of(1)).allDescriptions()).get(1);
                same("directories", 1, directories.size());
                var d = directories.values().iterator().next();
                same("error", null, d.error());
                if (d.replicaInfos().get(new TopicPartition("java-lz4-all", 0)).size() <= 0)
                    throw new AssertionError("no size");
                if (d.totalBytes().getAsLong() <= 0 || d.usableBytes().getAsLong() <= 0)
                    throw new AssertionError("no room");
            });
            check("describeFeatures and updateFeatures", () -> {
                var features = get(admin.describeFeatures().featureMetadata());
                short level = features.finalizedFeatures().get("metadata.version").maxVersionLevel();
                get(admin
                        .updateFeatures(
                            Map.of("metadata.version", new FeatureUpdate(level, FeatureUpdate.UpgradeType.UPGRADE)),
                            new UpdateFeaturesOptions().validateOnly(true))
                        .all());
                fails(InvalidUpdateVersionException.class,
                    admin
                        .updateFeatures(Map.of("metadata.version",
                                            new FeatureUpdate((short) 999, FeatureUpdate.UpgradeType.UPGRADE)),
                            new UpdateFeaturesOptions())
                        .all());
            });
            check("describeMetadataQuorum", () -> {
                var quorum = get(admin.describeMetadataQuorum().quorumInfo());
                same("leader", 1, quorum.leaderId());
                same("voters", 1, quorum.voters().size());
                if (quorum.highWatermark() <= 0) throw new AssertionError("no high watermark");
            });
            check("deleteTopics, by name and by id", () -> {
                var id = get(admin.describeTopics(List.of("a4")).allTopicNames()).get("a4").topicId();
                get(admin.deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all());
                get(admin.deleteTopics(List.of("admin", "admin-2")).all());
                until("gone", () -> !get(admin.listTopics().names()).contains("admin"));
                fails(UnknownTopicOrPartitionException.class, admin.deleteTopics(List.of("admin")).all());
                fails(UnknownTopicIdException.class, admin.deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all());
            });
            check("a topic deleted and made again is a new one", () -> {
                for (int round = 0; round < 5; ++round) {
                    get(admin.createTopics(List.of(new NewTopic("again", 1, (short) 1))).all());
                    try (var producer = producer()) {
                        same("offset", 0L, producer.send(record("again", 0, 0)).get(20, TimeUnit.SECONDS).offset());
                    }
                    get(admin.deleteTopics(List.of("again")).all());
                }
            });
        }
    }

    public static void main(String[] arguments) throws Exception {
        bootstrap = arguments[0];
        System.setProperty("org.slf4j.simpleLogger.defaultLogLevel", "error");
        System.out.println("client kafka-clients " + org.apache.kafka.common.utils.AppInfoParser.getVersion());
        produce();
        consume();
        administer();
        System.exit(failed == 0 ? 0 : 1);
    }
}
