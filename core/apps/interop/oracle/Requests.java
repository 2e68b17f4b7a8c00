// Short ways to the messages that the scripts send.

import java.util.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.message.*;
import org.apache.kafka.common.message.CreateTopicsRequestData.*;
import org.apache.kafka.common.protocol.*;
import org.apache.kafka.common.record.*;

final class Requests {
    static CreatableTopic topic(String name, int partitions, int replicas, String... configs) {
        var topic =
            new CreatableTopic().setName(name).setNumPartitions(partitions).setReplicationFactor((short) replicas);
        for (int i = 0; i < configs.length; i += 2)
            topic.configs().add(new CreatableTopicConfig().setName(configs[i]).setValue(configs[i + 1]));
        return topic;
    }

    static CreatableTopic assigned(String name, int[]... replicas) {
        var topic = new CreatableTopic().setName(name).setNumPartitions(-1).setReplicationFactor((short) -1);
        for (int p = 0; p < replicas.length; ++p)
            topic.assignments().add(new CreatableReplicaAssignment().setPartitionIndex(p).setBrokerIds(
                Arrays.stream(replicas[p]).boxed().toList()));
        return topic;
    }

    static CreateTopicsRequestData create(CreatableTopic... topics) {
        var request = new CreateTopicsRequestData().setTimeoutMs(10_000);
        for (var topic : topics) request.topics().add(topic);
        return request;
    }

    // Makes a topic on both sides and waits until it can be used.
    static void make(Comparison c, CreatableTopic topic) throws Exception {
        for (Side side : List.of(c.ours, c.theirs)) {
            side.call(ApiKeys.CREATE_TOPICS, (short) 5, create(topic.duplicate()));
            side.await(topic.name());
        }
    }

    static ProduceRequestData produce(int acks, String topic, int partition, MemoryRecords records) {
        return produce(acks, topic, new PartitionRecords(partition, records));
    }

    record PartitionRecords(int partition, MemoryRecords records) {}

    static ProduceRequestData produce(int acks, String topic, PartitionRecords... parts) {
        var data = new ProduceRequestData.TopicProduceData().setName(topic);
        for (var part : parts)
            data.partitionData().add(
                new ProduceRequestData.PartitionProduceData().setIndex(part.partition).setRecords(part.records));
        var request = new ProduceRequestData().setAcks((short) acks).setTimeoutMs(5000);
        request.topicData().add(data);
        return request;
    }

    static FetchRequestData.FetchPartition part(int partition, long offset) {
        return new FetchRequestData.FetchPartition()
            .setPartition(partition)
            .setFetchOffset(offset)
            .setPartitionMaxBytes(1 << 20)
            .setCurrentLeaderEpoch(-1)
            .setLastFetchedEpoch(-1)
            .setLogStartOffset(-1);
    }

    static FetchRequestData fetch(Side side, short version, String topic, FetchRequestData.FetchPartition... parts) {
        var request = new FetchRequestData()
                          .setMaxWaitMs(0)
                          .setMinBytes(0)
                          .setMaxBytes(50 << 20)
                          .setIsolationLevel((byte) 0)
                          .setSessionId(0)
                          .setSessionEpoch(-1);
        if (topic != null) request.setTopics(new ArrayList<>(List.of(fetchTopic(side, version, topic, parts))));
        return request;
    }

    static FetchRequestData.FetchTopic fetchTopic(
        Side side, short version, String topic, FetchRequestData.FetchPartition... parts) {
        var out = new FetchRequestData.FetchTopic().setPartitions(List.of(parts));
        if (version < 13) return out.setTopic(topic);
        Uuid id = side.id(topic);
        return out.setTopicId(id != null ? id : new Uuid(0x1111, topic.hashCode()));
    }

    static FetchRequestData.ForgottenTopic forgotten(Side side, short version, String topic, int partition) {
        var out = new FetchRequestData.ForgottenTopic().setPartitions(List.of(partition));
        return version < 13 ? out.setTopic(topic) : out.setTopicId(side.id(topic));
    }

    static ListOffsetsRequestData offsets(String topic, int partition, long... timestamps) {
        var t = new ListOffsetsRequestData.ListOffsetsTopic().setName(topic);
        for (long at : timestamps)
            t.partitions().add(new ListOffsetsRequestData.ListOffsetsPartition()
                                   .setPartitionIndex(partition)
                                   .setTimestamp(at)
                                   .setCurrentLeaderEpoch(-1));
        return new ListOffsetsRequestData().setReplicaId(-1).setTopics(List.of(t));
    }
}
