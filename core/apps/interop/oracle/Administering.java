// Topics, configurations, the cluster, and what is no request at all.

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.message.*;
import org.apache.kafka.common.message.MetadataRequestData.MetadataRequestTopic;
import org.apache.kafka.common.protocol.*;

final class Administering {
    private final Comparison c;

    Administering(Comparison comparison) { c = comparison; }

    void settle(String... topics) throws Exception {
        for (String topic : topics) {
            c.ours.await(topic);
            c.theirs.await(topic);
        }
    }

    void gone(String... topics) throws Exception {
        for (String topic : topics) {
            c.ours.awaitGone(topic);
            c.theirs.awaitGone(topic);
        }
    }

    void apiVersions() throws Exception {
        c.every("all", ApiKeys.API_VERSIONS,
            (side, v) -> new ApiVersionsRequestData().setClientSoftwareName("oracle").setClientSoftwareVersion("1.0"));
        c.every("a bad name", ApiKeys.API_VERSIONS,
            (side, v) -> new ApiVersionsRequestData().setClientSoftwareName("no name").setClientSoftwareVersion("1.0"));
        c.every("no name", ApiKeys.API_VERSIONS, (side, v) -> new ApiVersionsRequestData());
        c.every("a name that ends with a dot", ApiKeys.API_VERSIONS,
            (side, v) -> new ApiVersionsRequestData().setClientSoftwareName("n.").setClientSoftwareVersion("1"));
    }

    static MetadataRequestData metadata(boolean create, String... names) {
        var request = new MetadataRequestData().setAllowAutoTopicCreation(create).setTopics(new ArrayList<>());
        for (String name : names) request.topics().add(new MetadataRequestTopic().setName(name));
        return request;
    }

    // Before version 10 a name cannot be null.
    static String nameless(short version) {
        if (version < 10) throw new org.apache.kafka.common.errors.UnsupportedVersionException("no null");
        return null;
    }

    void metadata() throws Exception {
        Requests.make(c, Requests.topic("meta", 3, 1));
        c.every("one topic", ApiKeys.METADATA, (side, v) -> metadata(v < 4, "meta"));
        c.every("two, one not there", ApiKeys.METADATA, (side, v) -> metadata(false, "none-such", "meta"));
        c.every("names that are none", ApiKeys.METADATA,
            (side, v) -> metadata(false, "not a name", "..", ".", "x".repeat(250), "", "é"));
        c.every("one twice", ApiKeys.METADATA, (side, v) -> metadata(false, "meta", "meta"));
        c.every("an internal topic", ApiKeys.METADATA, (side, v) -> metadata(false, "__share_group_state"));
        c.every("no topics", ApiKeys.METADATA, (side, v) -> v == 0 ? metadata(true, "meta") : metadata(v < 4));
        c.every("operations", ApiKeys.METADATA,
            (side, v)
                -> metadata(false, "meta")
                       .setIncludeClusterAuthorizedOperations(v <= 10)
                       .setIncludeTopicAuthorizedOperations(true));
        c.every("by id", ApiKeys.METADATA,
            (side, v)
                -> new MetadataRequestData().setAllowAutoTopicCreation(false).setTopics(
                    List.of(new MetadataRequestTopic().setName(nameless(v)).setTopicId(side.id("meta")))));
        c.every("by an id that is none", ApiKeys.METADATA,
            (side, v)
                -> new MetadataRequestData().setAllowAutoTopicCreation(false).setTopics(
                    List.of(new MetadataRequestTopic().setName(nameless(v)).setTopicId(new Uuid(1, 2)))));
        c.every("by id and by name", ApiKeys.METADATA,
            (side, v)
                -> new MetadataRequestData().setAllowAutoTopicCreation(false).setTopics(
                    List.of(new MetadataRequestTopic().setName("meta"),
                        new MetadataRequestTopic().setName(nameless(v)).setTopicId(side.id("meta")))));
        c.every("by name with an id", ApiKeys.METADATA,
            (side, v)
                -> new MetadataRequestData().setAllowAutoTopicCreation(false).setTopics(
                    List.of(new MetadataRequestTopic().setName("meta").setTopicId(side.id("meta")))));
        c.every("neither name nor id", ApiKeys.METADATA,
            (side, v)
                -> new MetadataRequestData().setAllowAutoTopicCreation(false).setTopics(
                    List.of(new MetadataRequestTopic().setName(nameless(v)))));
        for (short v : c.versions(ApiKeys.METADATA)) {
            c.one("made when first asked for", ApiKeys.METADATA, v, (side, i) -> metadata(true, "made-by-" + v));
            settle("made-by-" + v);
            c.one("and there", ApiKeys.METADATA, v, (side, i) -> metadata(true, "made-by-" + v));
        }
    }

    void createTopics() throws Exception {
        for (short v : c.versions(ApiKeys.CREATE_TOPICS)) {
            String t = "create-" + v;
            create(v, "one", Requests.topic(t, 2, 1));
            settle(t);
            create(v, "it again", Requests.topic(t, 2, 1));
            create(v, "defaults", Requests.topic(t + "-defaults", -1, -1));
            create(v, "with a configuration",
                Requests.topic(t + "-config", 1, 1, "retention.ms", "1000", "cleanup.policy", "compact"));
            create(v, "assigned", Requests.assigned(t + "-assigned", new int[] {1}, new int[] {1}));
            settle(t + "-defaults", t + "-config", t + "-assigned");
            for (String name : List.of("", ".", "..", "a b", "x".repeat(250), "é", "a/b"))
                create(v, "the name '" + name + "'", Requests.topic(name, 1, 1));
            create(v, "a name that collides", Requests.topic(t.replace('-', '.') + "_x", 1, 1));
            settle(t.replace('-', '.') + "_x");
            create(v, "a name that collides with it", Requests.topic(t.replace('-', '_') + ".x", 1, 1));
            create(v, "an internal name", Requests.topic("__share_group_state_" + v, 1, 1));
            for (int partitions : new int[] {0, -2, Integer.MIN_VALUE})
                create(v, partitions + " partitions", Requests.topic(t + "-p", partitions, 1));
            for (int replicas : new int[] {0, -2, 2, 30000})
                create(v, replicas + " replicas", Requests.topic(t + "-r", 1, replicas));
            create(v, "partitions and an assignment", Requests.assigned(t + "-pa", new int[] {1}).setNumPartitions(1));
            create(v, "replicas and an assignment",
                Requests.assigned(t + "-ra", new int[] {1}).setReplicationFactor((short) 1));
            create(v, "a replica twice", Requests.assigned(t + "-a", new int[] {1, 1}));
            create(v, "a broker that is none", Requests.assigned(t + "-a", new int[] {9}));
            create(v, "no replicas", Requests.assigned(t + "-a", new int[] {}));
            create(v, "different counts of replicas", Requests.assigned(t + "-a", new int[] {1}, new int[] {}));
            create(v, "a negative broker", Requests.assigned(t + "-a", new int[] {-1}));
            var from1 = Requests.assigned(t + "-a", new int[] {1});
            from1.assignments().iterator().next().setPartitionIndex(1);
            create(v, "partitions from 1", from1);
            for (var bad : List.of(List.of("retention.ms", "x"), List.of("retention.ms", "-2"), List.of("no.such", "1"),
                     List.of("cleanup.policy", "x"), List.of("segment.bytes", "1"), List.of("min.insync.replicas", "0"),
                     List.of("compression.type", "x"), List.of("min.cleanable.dirty.ratio", "2"),
                     List.of("preallocate", "x"), List.of("", "1"), List.of("message.timestamp.type", "x"),
                     List.of("max.message.bytes", "-1"), List.of("unclean.leader.election.enable", "maybe"),
                     List.of("remote.storage.enable", "true"), List.of("compression.gzip.level", "99"),
                     List.of("leader.replication.throttled.replicas", "x"), List.of("segment.ms", "0"),
                     List.of("message.format.version", "2.0")))
                create(v, bad.get(0) + "=" + bad.get(1), Requests.topic(t + "-bad", 1, 1, bad.get(0), bad.get(1)));
            create(v, "a null configuration", Requests.topic(t + "-null", 1, 1, "retention.ms", null));
            create(v, "one twice", Requests.topic(t + "-twice", 1, 1), Requests.topic(t + "-twice", 2, 1));
            create(v, "a good and a bad one", Requests.topic(t + "-good", 1, 1), Requests.topic(t + "-bad", 0, 1));
            settle(t + "-good");
            c.one("none", ApiKeys.CREATE_TOPICS, v, (side, i) -> Requests.create());
            c.one("only validated", ApiKeys.CREATE_TOPICS, v,
                (side, i) -> Requests.create(Requests.topic(t + "-validated", 3, 1)).setValidateOnly(true));
            c.one("only validated, it is there", ApiKeys.CREATE_TOPICS, v,
                (side, i) -> Requests.create(Requests.topic(t, 3, 1)).setValidateOnly(true));
            c.one(
                "only validated, then asked for", ApiKeys.METADATA, 9, (side, i) -> metadata(false, t + "-validated"));
            c.one("what was made", ApiKeys.METADATA, 9,
                (side, i) -> metadata(false, t, t + "-defaults", t + "-assigned", t + "-good"));
        }
    }

    void create(short v, String label, CreateTopicsRequestData.CreatableTopic... topics) throws Exception {
        c.one(label, ApiKeys.CREATE_TOPICS, v,
            (side, i)
                -> {
                var copies = Arrays.stream(topics)
                                 .map(t -> t.duplicate())
                                 .toArray(CreateTopicsRequestData.CreatableTopic[] ::new);
                return Requests.create(copies);
            },
            (side, answer) -> {
                for (var t : ((CreateTopicsResponseData) answer).topics())
                    if (t.errorCode() == 0 && v >= 7) side.topicIds.put(t.name(), t.topicId());
            });
    }

    void createPartitions() throws Exception {
        for (short v : c.versions(ApiKeys.CREATE_PARTITIONS)) {
            String t = "grow-" + v;
            Requests.make(c, Requests.topic(t, 2, 1));
            for (int count : new int[] {1, 2, 0, -1, 3, 3}) grow(v, "to " + count, t, count, null);
            grow(v, "assigned", t, 4, new int[][] {{1}});
            grow(v, "assigned too few", t, 6, new int[][] {{1}});
            grow(v, "assigned too many", t, 5, new int[][] {{1}, {1}});
            grow(v, "assigned to nobody", t, 5, new int[][] {{}});
            grow(v, "assigned to one twice", t, 5, new int[][] {{1, 1}});
            grow(v, "assigned to a broker that is none", t, 5, new int[][] {{9}});
            grow(v, "no such topic", "none-such", 5, null);
            grow(v, "a name that is none", "not a name", 5, null);
            c.one(
                "only validated", ApiKeys.CREATE_PARTITIONS, v, (side, i) -> growing(t, 9, null).setValidateOnly(true));
            c.one("one twice", ApiKeys.CREATE_PARTITIONS, v, (side, i) -> {
                var request = growing(t, 9, null);
                request.topics().add(
                    new CreatePartitionsRequestData.CreatePartitionsTopic().setName(t + "x").setCount(3).setAssignments(
                        null));
                return request;
            });
            c.one("none", ApiKeys.CREATE_PARTITIONS, v,
                (side, i) -> new CreatePartitionsRequestData().setTimeoutMs(5000));
        }
    }

    static CreatePartitionsRequestData growing(String topic, int count, int[][] assigned) {
        var t =
            new CreatePartitionsRequestData.CreatePartitionsTopic().setName(topic).setCount(count).setAssignments(null);
        if (assigned != null)
            t.setAssignments(Arrays.stream(assigned)
                                 .map(ids
                                     -> new CreatePartitionsRequestData.CreatePartitionsAssignment().setBrokerIds(
                                         Arrays.stream(ids).boxed().toList()))
                                 .toList());
        var request = new CreatePartitionsRequestData().setTimeoutMs(5000);
        request.topics().add(t);
        return request;
    }

    void grow(short v, String label, String topic, int count, int[][] assigned) throws Exception {
        c.one(label, ApiKeys.CREATE_PARTITIONS, v, (side, i) -> growing(topic, count, assigned));
    }

    void deleteTopics() throws Exception {
        for (short v : c.versions(ApiKeys.DELETE_TOPICS)) {
            for (int i = 0; i < 4; ++i) Requests.make(c, Requests.topic("delete-topic-" + v + "-" + i, 1, 1));
            String t = "delete-topic-" + v + "-";
            delete(v, "one", t + 0);
            gone(t + 0);
            delete(v, "it again", t + 0);
            delete(v, "two, one not there", t + 1, "none-such");
            delete(v, "a name that is none", "not a name");
            delete(v, "one twice", t + 2, t + 2);
            c.one("none", ApiKeys.DELETE_TOPICS, v, (side, i) -> new DeleteTopicsRequestData().setTimeoutMs(5000));
            if (v < 6) continue;
            c.one("by id", ApiKeys.DELETE_TOPICS, v, (side, i) -> byId(null, side.id(t + 3)));
            gone(t + 3);
            c.one("by id, again", ApiKeys.DELETE_TOPICS, v, (side, i) -> byId(null, side.id(t + 3)));
            c.one("by an id that is none", ApiKeys.DELETE_TOPICS, v, (side, i) -> byId(null, new Uuid(5, 5)));
            c.one("by name and id", ApiKeys.DELETE_TOPICS, v, (side, i) -> byId(t + 2, side.id(t + 2)));
            c.one("by neither", ApiKeys.DELETE_TOPICS, v, (side, i) -> byId(null, Uuid.ZERO_UUID));
        }
    }

    static DeleteTopicsRequestData byId(String name, Uuid id) {
        return new DeleteTopicsRequestData().setTimeoutMs(5000).setTopics(
            List.of(new DeleteTopicsRequestData.DeleteTopicState().setName(name).setTopicId(id)));
    }

    void delete(short v, String label, String... topics) throws Exception {
        c.one(label, ApiKeys.DELETE_TOPICS, v, (side, i) -> {
            var request = new DeleteTopicsRequestData().setTimeoutMs(5000);
            if (i < 6) return request.setTopicNames(List.of(topics));
            request.setTopics(new ArrayList<>());
            for (String topic : topics)
                request.topics().add(new DeleteTopicsRequestData.DeleteTopicState().setName(topic));
            return request;
        });
    }

    static DescribeConfigsRequestData describe(int type, String name, String... keys) {
        return new DescribeConfigsRequestData().setIncludeSynonyms(true).setIncludeDocumentation(false).setResources(
            List.of(new DescribeConfigsRequestData.DescribeConfigsResource()
                        .setResourceType((byte) type)
                        .setResourceName(name)
                        .setConfigurationKeys(keys.length == 0 ? null : List.of(keys))));
    }

    static IncrementalAlterConfigsRequestData alter(int type, String name, Object... changes) {
        var resource = new IncrementalAlterConfigsRequestData.AlterConfigsResource()
                           .setResourceType((byte) type)
                           .setResourceName(name);
        for (int i = 0; i < changes.length; i += 3)
            resource.configs().add(new IncrementalAlterConfigsRequestData.AlterableConfig()
                                       .setName((String) changes[i])
                                       .setConfigOperation(((Number) changes[i + 1]).byteValue())
                                       .setValue((String) changes[i + 2]));
        var request = new IncrementalAlterConfigsRequestData();
        request.resources().add(resource);
        return request;
    }

    void configs() throws Exception {
        Requests.make(c, Requests.topic("configured", 1, 1, "retention.ms", "5000"));
        c.every("a topic", ApiKeys.DESCRIBE_CONFIGS, (side, v) -> describe(2, "configured"));
        c.every("a topic with documentation", ApiKeys.DESCRIBE_CONFIGS,
            (side, v) -> describe(2, "configured", "retention.ms").setIncludeDocumentation(v >= 3));
        c.every("some keys", ApiKeys.DESCRIBE_CONFIGS,
            (side, v) -> describe(2, "configured", "retention.ms", "no.such", "min.insync.replicas"));
        c.every("no such topic", ApiKeys.DESCRIBE_CONFIGS, (side, v) -> describe(2, "none-such"));
        c.every("a name that is none", ApiKeys.DESCRIBE_CONFIGS, (side, v) -> describe(2, "not a name"));
        c.every("no name", ApiKeys.DESCRIBE_CONFIGS, (side, v) -> describe(2, ""));
        c.every("this broker", ApiKeys.DESCRIBE_CONFIGS, (side, v) -> describe(4, "1"));
        c.every("all brokers", ApiKeys.DESCRIBE_CONFIGS, (side, v) -> describe(4, ""));
        c.every("another broker", ApiKeys.DESCRIBE_CONFIGS, (side, v) -> describe(4, "2"));
        c.every("a broker that is no number", ApiKeys.DESCRIBE_CONFIGS, (side, v) -> describe(4, "x"));
        for (int type : new int[] {0, 1, 3, 8, 16, 32, 99})
            c.every("resources of type " + type, ApiKeys.DESCRIBE_CONFIGS, (side, v) -> describe(type, "1"));
        String t = "configured";
        change("set", 2, t, "retention.ms", 0, "9000");
        change("deleted", 2, t, "retention.ms", 1, null);
        change("appended to the default", 2, t, "cleanup.policy", 2, "compact");
        change("appended again", 2, t, "cleanup.policy", 2, "compact");
        change("subtracted", 2, t, "cleanup.policy", 3, "delete");
        change("subtracted what is not there", 2, t, "cleanup.policy", 3, "delete");
        change("appended to what is no list", 2, t, "retention.ms", 2, "5");
        change("an operation that is none", 2, t, "retention.ms", 9, "5");
        change("set to null", 2, t, "retention.ms", 0, null);
        change("a bad value", 2, t, "retention.ms", 0, "x");
        change("a key that is none", 2, t, "no.such", 0, "1");
        change("a key that is none, deleted", 2, t, "no.such", 1, null);
        change("one key twice", 2, t, "retention.ms", 0, "1", "retention.ms", 1, null);
        change("a good and a bad one", 2, t, "retention.ms", 0, "1234", "segment.bytes", 0, "x");
        change("nothing", 2, t);
        change("min.insync.replicas", 2, t, "min.insync.replicas", 0, "1");
        change("no such topic", 2, "none-such", "retention.ms", 0, "1");
        change("a name that is none", 2, "not a name", "retention.ms", 0, "1");
        change("all brokers", 4, "", "log.retention.ms", 0, "12345");
        change("this broker", 4, "1", "log.cleaner.threads", 0, "2");
        change("a read-only key", 4, "1", "log.dirs", 0, "x");
        change("a key of clusters for one broker", 4, "1", "min.insync.replicas", 0, "1");
        change("a bad value for brokers", 4, "", "log.retention.ms", 0, "x");
        change("another broker", 4, "7", "log.cleaner.threads", 0, "2");
        change("a broker that is no number", 4, "x", "log.cleaner.threads", 0, "2");
        change("a key that is none, of brokers", 4, "1", "no.such", 0, "2");
        for (int type : new int[] {0, 1, 3, 99}) change("resources of type " + type, type, "1", "x", 0, "1");
        c.every("only validated", ApiKeys.INCREMENTAL_ALTER_CONFIGS,
            (side, v) -> alter(2, t, "retention.ms", 0, "777").setValidateOnly(true));
        c.every("only validated, bad", ApiKeys.INCREMENTAL_ALTER_CONFIGS,
            (side, v) -> alter(2, t, "retention.ms", 0, "x").setValidateOnly(true));
        c.every("none", ApiKeys.INCREMENTAL_ALTER_CONFIGS, (side, v) -> new IncrementalAlterConfigsRequestData());
        Requests.make(c, Requests.topic("after-configs", 1, 1));  // by then the changes have come everywhere
        c.every("the topic after that", ApiKeys.DESCRIBE_CONFIGS, (side, v) -> describe(2, t));
        c.every("the brokers after that", ApiKeys.DESCRIBE_CONFIGS, (side, v) -> describe(4, ""));
        c.every("this broker after that", ApiKeys.DESCRIBE_CONFIGS,
            (side, v) -> describe(4, "1", "log.retention.ms", "log.cleaner.threads", "min.insync.replicas"));
        for (Side side : List.of(c.ours, c.theirs)) {
            side.call(ApiKeys.INCREMENTAL_ALTER_CONFIGS, (short) 1, alter(4, "", "log.retention.ms", 1, null));
            side.call(ApiKeys.INCREMENTAL_ALTER_CONFIGS, (short) 1, alter(4, "1", "log.cleaner.threads", 1, null));
        }
        c.every("AlterConfigs", ApiKeys.ALTER_CONFIGS, (side, v) -> replace(2, t, "retention.ms", "4321"));
        c.every("AlterConfigs, a bad value", ApiKeys.ALTER_CONFIGS, (side, v) -> replace(2, t, "retention.ms", "x"));
        c.every("AlterConfigs, null", ApiKeys.ALTER_CONFIGS, (side, v) -> replace(2, t, "retention.ms", null));
        c.every("AlterConfigs, no such topic", ApiKeys.ALTER_CONFIGS,
            (side, v) -> replace(2, "none-such", "retention.ms", "1"));
        Requests.make(c, Requests.topic("after-configs-2", 1, 1));
        c.every("the topic after AlterConfigs", ApiKeys.DESCRIBE_CONFIGS,
            (side, v) -> describe(2, t, "retention.ms", "cleanup.policy"));
    }

    static AlterConfigsRequestData replace(int type, String name, String key, String value) {
        var resource =
            new AlterConfigsRequestData.AlterConfigsResource().setResourceType((byte) type).setResourceName(name);
        resource.configs().add(new AlterConfigsRequestData.AlterableConfig().setName(key).setValue(value));
        var request = new AlterConfigsRequestData();
        request.resources().add(resource);
        return request;
    }

    void change(String label, int type, String name, Object... changes) throws Exception {
        c.every(label, ApiKeys.INCREMENTAL_ALTER_CONFIGS, (side, v) -> alter(type, name, changes));
    }

    void cluster() throws Exception {
        Requests.make(c, Requests.topic("read", 3, 1, "retention.ms", "-1"));
        Requests.make(c, Requests.topic("meta", 3, 1));
        c.every("the cluster", ApiKeys.DESCRIBE_CLUSTER, (side, v) -> new DescribeClusterRequestData());
        c.every("with operations", ApiKeys.DESCRIBE_CLUSTER,
            (side, v) -> new DescribeClusterRequestData().setIncludeClusterAuthorizedOperations(true));
        for (int type : new int[] {0, 1, 2, 3})
            c.every("endpoints of type " + type, ApiKeys.DESCRIBE_CLUSTER,
                (side, v) -> new DescribeClusterRequestData().setEndpointType((byte) type));
        c.every("with fenced brokers", ApiKeys.DESCRIBE_CLUSTER,
            (side, v) -> new DescribeClusterRequestData().setIncludeFencedBrokers(true));
        c.every("all directories", ApiKeys.DESCRIBE_LOG_DIRS,
            (side, v) -> new DescribeLogDirsRequestData().setTopics(directories("read", 0)));
        c.every("no such topic", ApiKeys.DESCRIBE_LOG_DIRS,
            (side, v) -> new DescribeLogDirsRequestData().setTopics(directories("none-such", 0)));
        c.every("no topics", ApiKeys.DESCRIBE_LOG_DIRS,
            (side, v)
                -> new DescribeLogDirsRequestData().setTopics(
                    new DescribeLogDirsRequestData.DescribableLogDirTopicCollection()));
        c.every("the quorum", ApiKeys.DESCRIBE_QUORUM, (side, v) -> quorum("__cluster_metadata", 0));
        c.every("the quorum of another topic", ApiKeys.DESCRIBE_QUORUM, (side, v) -> quorum("read", 0));
        c.every("the quorum of partition 1", ApiKeys.DESCRIBE_QUORUM, (side, v) -> quorum("__cluster_metadata", 1));
        c.every("no quorum", ApiKeys.DESCRIBE_QUORUM, (side, v) -> new DescribeQuorumRequestData());
        for (int type : new int[] {0, 1, 2}) {
            c.every("election of type " + type, ApiKeys.ELECT_LEADERS, (side, v) -> elect(type, "read", 0));
            c.every("no such topic, type " + type, ApiKeys.ELECT_LEADERS, (side, v) -> elect(type, "none-such", 0));
            c.every("no such partition, type " + type, ApiKeys.ELECT_LEADERS, (side, v) -> elect(type, "read", 77));
            c.every("all, type " + type, ApiKeys.ELECT_LEADERS,
                (side, v)
                    -> new ElectLeadersRequestData()
                           .setTimeoutMs(5000)
                           .setElectionType((byte) type)
                           .setTopicPartitions(null));
        }
        c.every("no partitions", ApiKeys.ELECT_LEADERS, (side, v) -> new ElectLeadersRequestData().setTimeoutMs(5000));
        for (int type : new int[] {-1, 0, 1, 2, 3, 9})
            c.every("type " + type, ApiKeys.FIND_COORDINATOR,
                (side, v)
                    -> v < 4
                    ? new FindCoordinatorRequestData().setKey("g").setKeyType((byte) type)
                    : new FindCoordinatorRequestData().setKeyType((byte) type).setCoordinatorKeys(List.of("g", "h")));
        c.every("an empty key", ApiKeys.FIND_COORDINATOR,
            (side, v)
                -> v < 4 ? new FindCoordinatorRequestData().setKey("")
                         : new FindCoordinatorRequestData().setCoordinatorKeys(List.of("")));
        c.every("no keys", ApiKeys.FIND_COORDINATOR,
            (side, v) -> v < 4 ? new FindCoordinatorRequestData().setKey("x") : new FindCoordinatorRequestData());
        c.every("partitions of topics", ApiKeys.DESCRIBE_TOPIC_PARTITIONS,
            (side, v) -> partitions(100, null, "read", "none-such", "meta"));
        c.every("a page", ApiKeys.DESCRIBE_TOPIC_PARTITIONS, (side, v) -> partitions(2, null, "read", "meta"));
        c.every("the page after it", ApiKeys.DESCRIBE_TOPIC_PARTITIONS,
            (side, v)
                -> partitions(2,
                    new DescribeTopicPartitionsRequestData.Cursor().setTopicName("meta").setPartitionIndex(2), "read",
                    "meta"));
        c.every("a cursor at a topic that is gone", ApiKeys.DESCRIBE_TOPIC_PARTITIONS,
            (side, v)
                -> partitions(2,
                    new DescribeTopicPartitionsRequestData.Cursor().setTopicName("nowhere").setPartitionIndex(0),
                    "read", "meta"));
        c.every("a cursor past the end", ApiKeys.DESCRIBE_TOPIC_PARTITIONS,
            (side, v)
                -> partitions(2,
                    new DescribeTopicPartitionsRequestData.Cursor().setTopicName("read").setPartitionIndex(99), "read",
                    "meta"));
        c.every("a negative cursor", ApiKeys.DESCRIBE_TOPIC_PARTITIONS,
            (side, v)
                -> partitions(2,
                    new DescribeTopicPartitionsRequestData.Cursor().setTopicName("read").setPartitionIndex(-1), "read",
                    "meta"));
        for (int limit : new int[] {0, -1})
            c.every(
                "a limit of " + limit, ApiKeys.DESCRIBE_TOPIC_PARTITIONS, (side, v) -> partitions(limit, null, "read"));
        c.every("names that are none", ApiKeys.DESCRIBE_TOPIC_PARTITIONS,
            (side, v) -> partitions(5, null, "", "not a name"));
        c.every("a feature of its own level", ApiKeys.UPDATE_FEATURES,
            (side, v) -> feature("metadata.version", 25, 1).setValidateOnly(v >= 1));
        for (int level : new int[] {0, 3, 24, 99}) {
            c.every("metadata.version " + level, ApiKeys.UPDATE_FEATURES,
                (side, v) -> feature("metadata.version", level, 1).setValidateOnly(v >= 1));
            c.every("metadata.version " + level + ", downgrade", ApiKeys.UPDATE_FEATURES,
                (side, v) -> feature("metadata.version", level, v == 0 ? 1 : 2).setValidateOnly(v >= 1));
        }
        c.every("no such feature", ApiKeys.UPDATE_FEATURES, (side, v) -> feature("no.such", 1, 1));
        c.every(
            "a kind of upgrade that is none", ApiKeys.UPDATE_FEATURES, (side, v) -> feature("metadata.version", 25, 9));
        c.every("kraft.version 0", ApiKeys.UPDATE_FEATURES,
            (side, v) -> feature("kraft.version", 0, 1).setValidateOnly(v >= 1));
        c.every("a broker that is none", ApiKeys.UNREGISTER_BROKER,
            (side, v) -> new UnregisterBrokerRequestData().setBrokerId(99));
    }

    static DescribeLogDirsRequestData.DescribableLogDirTopicCollection directories(String topic, int partition) {
        var all = new DescribeLogDirsRequestData.DescribableLogDirTopicCollection();
        all.add(
            new DescribeLogDirsRequestData.DescribableLogDirTopic().setTopic(topic).setPartitions(List.of(partition)));
        return all;
    }

    static DescribeQuorumRequestData quorum(String topic, int partition) {
        return new DescribeQuorumRequestData().setTopics(
            List.of(new DescribeQuorumRequestData.TopicData().setTopicName(topic).setPartitions(
                List.of(new DescribeQuorumRequestData.PartitionData().setPartitionIndex(partition)))));
    }

    static ElectLeadersRequestData elect(int type, String topic, int partition) {
        var request = new ElectLeadersRequestData().setTimeoutMs(5000).setElectionType((byte) type);
        request.topicPartitions().add(
            new ElectLeadersRequestData.TopicPartitions().setTopic(topic).setPartitions(List.of(partition)));
        return request;
    }

    static DescribeTopicPartitionsRequestData partitions(
        int limit, DescribeTopicPartitionsRequestData.Cursor cursor, String... topics) {
        return new DescribeTopicPartitionsRequestData().setResponsePartitionLimit(limit).setCursor(cursor).setTopics(
            Arrays.stream(topics).map(t -> new DescribeTopicPartitionsRequestData.TopicRequest().setName(t)).toList());
    }

    static UpdateFeaturesRequestData feature(String name, int level, int kind) {
        var request = new UpdateFeaturesRequestData().setTimeoutMs(5000);
        request.featureUpdates().add(new UpdateFeaturesRequestData.FeatureUpdateKey()
                                         .setFeature(name)
                                         .setMaxVersionLevel((short) level)
                                         .setUpgradeType((byte) kind)
                                         .setAllowDowngrade(false));
        return request;
    }

    // A frame: length, header of version 1 (correlation id 7, client "o"), and what comes after it.
    static byte[] frame(int api, int version, int... rest) {
        ByteBuffer out = ByteBuffer.allocate(4 + 11 + rest.length);
        out.putInt(11 + rest.length)
            .putShort((short) api)
            .putShort((short) version)
            .putInt(7)
            .putShort((short) 1)
            .put((byte) 'o');
        for (int b : rest) out.put((byte) b);
        return out.array();
    }

    void garbage() throws Exception {
        c.raw("an HTTP request", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(StandardCharsets.US_ASCII), 1500);
        c.raw("zeroes", new byte[64], 1500);
        c.raw("a TLS hello", new byte[] {0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0}, 1500);
        c.raw("a length of 0", new byte[] {0, 0, 0, 0}, 1500);
        c.raw("a length of -1", new byte[] {-1, -1, -1, -1}, 1500);
        c.raw("a length of 2 GiB", new byte[] {0x7f, -1, -1, -1, 0, 3}, 1500);
        c.raw("a length of 1", new byte[] {0, 0, 0, 1, 0}, 1500);
        c.raw("an unknown API", frame(999, 0), 1500);
        c.raw("API -1", frame(-1, 0), 1500);
        c.raw("an API of ZooKeeper's times", frame(4, 0), 1500);
        c.raw("a version too high", frame(3, 99), 1500);
        c.raw("a version too low", frame(1, 3), 1500);
        c.raw("version -1", frame(3, -1), 1500);
        c.raw("Produce 0", frame(0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0), 1500);
        c.raw("Produce 2", frame(0, 2, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0), 1500);
        c.raw("ApiVersions, version 99", frame(18, 99, 0), 1500);
        c.raw("ApiVersions, version -1", frame(18, -1), 1500);
        c.raw("Metadata without a body", frame(3, 1), 1500);
        c.raw("Metadata with a count of topics that is too large", frame(3, 1, 0x7f, 0xff, 0xff, 0xff), 1500);
        c.raw("Metadata with a negative count of topics", frame(3, 1, 0xff, 0xff, 0xff, 0xfe), 1500);
        c.raw("Metadata with bytes left over", frame(3, 1, 0, 0, 0, 0, 1, 2, 3), 1500);
        c.raw("Metadata with a name that is too long", frame(3, 1, 0, 0, 0, 1, 0x7f, 0xff), 1500);
        c.raw("Metadata with a name that is null", frame(3, 1, 0, 0, 0, 1, 0xff, 0xff), 1500);
        c.raw("a request of controllers", frame(52, 0, 0, 0, 0), 1500);
        c.raw("a truncated header", new byte[] {0, 0, 0, 5, 0, 3, 0, 1, 0}, 1500);
        c.raw("a client id that is too long", new byte[] {0, 0, 0, 12, 0, 3, 0, 1, 0, 0, 0, 1, 0x7f, -1, 0, 0}, 1500);
        c.raw("a client id that is null", new byte[] {0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 1, -1, -1, 0, 0, 0, 0}, 1500);
        c.raw("a negative length of the client id", new byte[] {0, 0, 0, 10, 0, 3, 0, 1, 0, 0, 0, 1, -1, -2}, 1500);
    }
}
