// Words for what may differ between two brokers that behave alike.

import com.fasterxml.jackson.databind.JsonNode;
import java.util.*;
import org.apache.kafka.common.Uuid;

final class Words {
    static final Set<String> UNORDERED = Set.of("apiKeys", "supportedFeatures", "finalizedFeatures", "configs",
        "topics", "responses", "results", "synonyms", "nodeEndpoints", "brokers", "replicaElectionResults", "nodes",
        "listeners", "partitions", "partitionResponses", "partitionResult");

    static String of(Side side, String field, JsonNode node) {
        switch (field) {
            case "topicId": {
                for (var e : side.topicIds.entrySet())
                    if (e.getValue().toString().equals(node.asText())) return "id of " + e.getKey();
                return node.asText().equals(Uuid.ZERO_UUID.toString()) ? "zero" : node.asText();
            }
            case "clusterId":
                return "cluster";
            case "host":
                return node.asText().isEmpty() ? null : "host";
            case "port":
                return node.asInt() > 0 ? "port" : null;
            case "logDir":
            case "path":
                return "directory";
            case "sessionId":
                return node.asInt() == 0 ? null : "session";
            case "logAppendTimeMs":
                return node.asLong() > 1_600_000_000_000L ? "now" : null;
            case "lastCaughtUpTimestamp":
            case "lastFetchTimestamp":
                return node.asLong() > 0 ? "now" : null;
            case "finalizedFeaturesEpoch":
                return node.asLong() > 0 ? "offset of metadata" : null;
            case "highWatermark":
                return null;
            case "totalBytes":
            case "usableBytes":
                return node.asLong() > 0 ? "bytes" : null;
            case "producerId":
                return producer(side, node.asLong());
            case "brokerEpoch":
                return node.asLong() > 0 ? "epoch" : null;
            default:
                return null;
        }
    }

    private static String producer(Side side, long id) {
        if (id < 0) return null;
        int at = side.producerIds.indexOf(id);
        return at < 0 ? "a producer id" : "producer " + at;
    }
}
