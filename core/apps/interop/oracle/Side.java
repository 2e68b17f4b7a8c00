// One of the two brokers under comparison: raw frames over one connection, and what names stand for here (topic ids,
// sessions, producer ids), so that answers of both can be told in the same words.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.*;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.util.*;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.*;
import org.apache.kafka.common.protocol.*;
import org.apache.kafka.common.requests.*;
import org.apache.kafka.network.RequestConvertToJson;

final class Side {
    static final int SILENCE_MS = 700;  // after which no answer is "no answer"
    static final int ANSWER_MS = 4_000;
    static final int PATIENCE_MS = 15_000;

    final String name;
    final int port;
    final Map<ApiKeys, short[]> versions = new EnumMap<>(ApiKeys.class);
    final Map<String, Uuid> topicIds = new HashMap<>();
    final Map<String, Object> values = new HashMap<>();  // what a script keeps of an answer
    final List<Long> producerIds = new ArrayList<>();
    String clientId = "oracle";
    private Socket socket;
    private int correlation = 0;

    // An answer: its message (null if there is none), and in words.
    record Answer(ApiMessage message, JsonNode json) {}

    Side(String name, int port) throws Exception {
        this.name = name;
        this.port = port;
        var answer =
            (ApiVersionsResponseData) call(ApiKeys.API_VERSIONS, (short) 0, new ApiVersionsRequestData()).message;
        for (var key : answer.apiKeys())
            if (ApiKeys.hasId(key.apiKey()))
                versions.put(ApiKeys.forId(key.apiKey()), new short[] {key.minVersion(), key.maxVersion()});
    }

    void reconnect() throws IOException {
        if (socket != null) socket.close();
        socket = null;
    }

    private Socket connected() throws IOException {
        if (socket == null) {
            socket = new Socket("127.0.0.1", port);
            socket.setTcpNoDelay(true);
        }
        return socket;
    }

    static Answer outcome(String text) {
        ObjectNode node = JsonNodeFactory.instance.objectNode();
        node.put("outcome", text);
        return new Answer(null, node);
    }

    byte[] frame(ApiKeys api, short version, ApiMessage request) {
        var header = new RequestHeader(api, version, clientId, ++correlation);
        return bytes(RequestUtils.serialize(header.data(), header.headerVersion(), request, version));
    }

    static byte[] bytes(ByteBuffer buffer) {
        byte[] out = new byte[buffer.remaining()];
        buffer.get(out);
        return out;
    }

    Answer call(ApiKeys api, short version, ApiMessage request) throws Exception {
        byte[] frame = frame(api, version, request);
        boolean silent = request instanceof ProduceRequestData produce && produce.acks() == 0;
        byte[] answer = exchange(frame, silent ? SILENCE_MS : ANSWER_MS);
        if (answer == null) return outcome("closed");
        if (answer.length == 0) {
            if (!silent) reconnect();  // an answer that comes later is no other request's
            return outcome("no answer");
        }
        return decode(api, version, answer);
    }

    // The body of an answer after its header, decoded; what is left over is part of the words.
    Answer decode(ApiKeys api, short version, byte[] answer) {
        var buffer = ByteBuffer.wrap(answer);
        var header = ResponseHeader.parse(buffer, api.responseHeaderVersion(version));
        if (header.correlationId() != correlation)
            return outcome("correlation " + (header.correlationId() - correlation) + " off");
        AbstractResponse response = AbstractResponse.parseResponse(api, new ByteBufferAccessor(buffer), version);
        JsonNode json = response instanceof FetchResponse fetch ? Batches.describe(fetch, version)
                                                                : RequestConvertToJson.response(response, version);
        if (buffer.hasRemaining()) ((ObjectNode) json).put("bytes left over", buffer.remaining());
        return new Answer(response.data(), json);
    }

    // Sends a frame and waits for one: null if the connection was closed, empty if nothing came.
    byte[] exchange(byte[] frame, int wait_ms) throws IOException {
        var out = new DataOutputStream(connected().getOutputStream());
        try {
            byte[] all = ByteBuffer.allocate(frame.length + 4).putInt(frame.length).put(frame).array();
            out.write(all);
            out.flush();
        } catch (IOException closed) {
            reconnect();
            return null;
        }
        return receive(wait_ms);
    }

    byte[] raw(byte[] bytes, int wait_ms) throws IOException {
        reconnect();
        connected().getOutputStream().write(bytes);
        byte[] answer = receive(wait_ms);
        reconnect();
        return answer;
    }

    private byte[] receive(int wait_ms) throws IOException {
        socket.setSoTimeout(wait_ms);
        try {
            var in = new DataInputStream(socket.getInputStream());
            byte[] answer = new byte[in.readInt()];
            in.readFully(answer);
            return answer;
        } catch (SocketTimeoutException none) {
            return new byte[0];
        } catch (IOException closed) {
            reconnect();
            return null;
        }
    }

    // Until every partition of the topic has a leader that is known here; keeps its id.
    Uuid await(String topic) throws Exception {
        for (long end = System.nanoTime() + PATIENCE_MS * 1_000_000L; System.nanoTime() < end; Thread.sleep(20)) {
            var request = new MetadataRequestData().setAllowAutoTopicCreation(false).setTopics(
                List.of(new MetadataRequestData.MetadataRequestTopic().setName(topic)));
            var answer = (MetadataResponseData) call(ApiKeys.METADATA, (short) 12, request).message;
            var found = answer.topics().iterator().next();
            if (found.errorCode() != 0
                || found.partitions().stream().anyMatch(p -> p.errorCode() != 0 || p.leaderId() < 0))
                continue;
            topicIds.put(topic, found.topicId());
            return found.topicId();
        }
        throw new IllegalStateException(name + ": no topic " + topic);
    }

    // Until the topic is unknown here.
    void awaitGone(String topic) throws Exception {
        for (long end = System.nanoTime() + PATIENCE_MS * 1_000_000L; System.nanoTime() < end; Thread.sleep(20)) {
            var request = new MetadataRequestData().setAllowAutoTopicCreation(false).setTopics(
                List.of(new MetadataRequestData.MetadataRequestTopic().setName(topic)));
            var answer = (MetadataResponseData) call(ApiKeys.METADATA, (short) 12, request).message;
            if (answer.topics().iterator().next().errorCode() == Errors.UNKNOWN_TOPIC_OR_PARTITION.code()) return;
        }
        throw new IllegalStateException(name + ": topic " + topic + " stays");
    }

    Uuid id(String topic) { return topicIds.get(topic); }
    long longOf(String key) { return ((Number) values.get(key)).longValue(); }
    int intOf(String key) { return ((Number) values.get(key)).intValue(); }
}
