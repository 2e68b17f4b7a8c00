// Two answers, field by field. What depends on the machine or the moment is replaced by a word first; a difference is
// mended, or stands in known.txt with its reason.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.*;
import java.nio.file.*;
import java.util.*;
import java.util.regex.Pattern;
import org.apache.kafka.common.errors.UnsupportedVersionException;
import org.apache.kafka.common.protocol.*;

final class Comparison {
    interface Make {
        ApiMessage of(Side side, short version) throws Exception;
    }
    interface Take {
        void from(Side side, ApiMessage answer) throws Exception;
    }

    record Difference(String label, String path, String ours, String theirs) {}
    record Known(Pattern label, Pattern path, boolean oneSided, String reason, int[] uses) {}

    final Side ours, theirs;
    final List<Difference> differences = new ArrayList<>();
    final Map<Known, List<Difference>> excused = new LinkedHashMap<>();
    final List<Difference> messages = new ArrayList<>();
    final Map<String, int[]> counts =
        new TreeMap<>();  // of an API: comparisons, those with a difference that is not known
    private final List<Known> known = new ArrayList<>();
    boolean verbose = false;

    Comparison(Side ours, Side theirs, Path knownFile) throws Exception {
        this.ours = ours;
        this.theirs = theirs;
        for (String line : Files.readAllLines(knownFile)) {
            if (line.isBlank() || line.startsWith("#")) continue;
            String[] parts = line.split("\\|", 3);
            boolean oneSided = parts[1].strip().startsWith("-");
            known.add(new Known(glob(parts[0]), glob(oneSided ? parts[1].strip().substring(1) : parts[1]), oneSided,
                parts[2].strip(), new int[1]));
        }
    }

    static Pattern glob(String text) { return Pattern.compile(Pattern.quote(text.strip()).replace("*", "\\E.*\\Q")); }

    // Each version that both serve.
    List<Short> versions(ApiKeys api) {
        short[] a = ours.versions.get(api), b = theirs.versions.get(api);
        List<Short> both = new ArrayList<>();
        if (a == null || b == null) return both;
        for (short v = (short) Math.max(a[0], b[0]); v <= Math.min(a[1], b[1]); ++v) both.add(v);
        return both;
    }

    void every(String label, ApiKeys api, Make make) throws Exception { every(label, api, make, (side, answer) -> {}); }

    // The same request at every version that can express it.
    void every(String label, ApiKeys api, Make make, Take take) throws Exception {
        for (short v : versions(api)) one(label, api, v, make, take);
    }

    void one(String label, ApiKeys api, int version, Make make) throws Exception {
        one(label, api, version, make, (side, answer) -> {});
    }

    void one(String label, ApiKeys api, int version, Make make, Take take) throws Exception {
        short v = (short) version;
        Side.Answer a, b;
        try {
            a = ours.call(api, v, make.of(ours, v));
            b = theirs.call(api, v, make.of(theirs, v));
        } catch (UnsupportedVersionException cannotExpress) {
            return;
        }
        if (a.message() != null) take.from(ours, a.message());
        if (b.message() != null) take.from(theirs, b.message());
        judge(api.name, label + " v" + v, a, b);
    }

    void judge(String api, String label, Side.Answer a, Side.Answer b) {
        if (verbose) System.out.println(label + "\n  ours   " + a.json() + "\n  theirs " + b.json());
        int before = differences.size();
        compare(api + ": " + label, "", plain(ours, "", a.json()), plain(theirs, "", b.json()));
        int[] count = counts.computeIfAbsent(api, key -> new int[2]);
        ++count[0];
        if (differences.size() > before) ++count[1];
    }

    void raw(String label, byte[] bytes, int wait_ms) throws Exception {
        judge("garbage", label, rawOutcome(ours.raw(bytes, wait_ms)), rawOutcome(theirs.raw(bytes, wait_ms)));
    }

    static Side.Answer rawOutcome(byte[] answer) {
        return Side.outcome(answer == null ? "closed"
                : answer.length == 0       ? "no answer"
                                           : HexFormat.of().formatHex(answer, 0, Math.min(answer.length, 8)));
    }

    // The answer without what is this machine's or this moment's.
    JsonNode plain(Side side, String field, JsonNode node) {
        if (node instanceof ObjectNode object) {
            ObjectNode out = JsonNodeFactory.instance.objectNode();
            object.fields().forEachRemaining(e -> out.set(e.getKey(), plain(side, e.getKey(), e.getValue())));
            return out;
        }
        if (node instanceof ArrayNode array) {
            List<JsonNode> all = new ArrayList<>();
            array.forEach(e -> all.add(plain(side, field, e)));
            // Sets, in Kafka's words: the order of a hash map means nothing.
            if (Words.UNORDERED.contains(field)) all.sort(Comparator.comparing(JsonNode::toString));
            ArrayNode out = JsonNodeFactory.instance.arrayNode();
            out.addAll(all);
            return out;
        }
        String word = Words.of(side, field, node);
        return word == null ? node : TextNode.valueOf(word);
    }

    void compare(String label, String path, JsonNode a, JsonNode b) {
        if (a.equals(b)) return;
        if (a.isObject() && b.isObject()) {
            Set<String> names = new LinkedHashSet<>();
            a.fieldNames().forEachRemaining(names::add);
            b.fieldNames().forEachRemaining(names::add);
            for (String name : names) {
                JsonNode none = MissingNode.getInstance();
                compare(label, path + "." + name, a.has(name) ? a.get(name) : none, b.has(name) ? b.get(name) : none);
            }
            return;
        }
        if (a.isArray() && b.isArray() && a.size() == b.size()) {
            for (int i = 0; i < a.size(); ++i)
                compare(label, path + "[" + nameOf(a.get(i), i) + "]", a.get(i), b.get(i));
            return;
        }
        if (a.isArray() && b.isArray() && keyed(a) && keyed(b)) {
            compare(label, path, byKey(a), byKey(b));
            return;
        }
        var difference = new Difference(label, path, shorten(a), shorten(b));
        // Texts may differ, and to say why is no fault; to be silent where the other one speaks is.
        if (path.toLowerCase().endsWith("errormessage")
            && (a.isTextual() && !a.asText().isEmpty() || b.asText().isEmpty())) {
            messages.add(difference);
            return;
        }
        for (Known k : known) {
            if (!k.label.matcher(label).matches() || !k.path.matcher(path).matches()) continue;
            if (k.oneSided && !a.isMissingNode() && !b.isMissingNode()) continue;
            ++k.uses[0];
            excused.computeIfAbsent(k, key -> new ArrayList<>()).add(difference);
            return;
        }
        differences.add(difference);
        System.out.println(
            label + "\n    " + path + "\n    ours    " + difference.ours + "\n    theirs  " + difference.theirs);
    }

    static String key(JsonNode node) {
        for (String field : List.of("name", "apiKey", "topic", "partitionIndex"))
            if (node.has(field)) return node.get(field).asText();
        return null;
    }

    static String nameOf(JsonNode node, int index) { return key(node) != null ? key(node) : String.valueOf(index); }

    static boolean keyed(JsonNode array) {
        for (JsonNode e : array)
            if (key(e) == null) return false;
        return true;
    }

    static ObjectNode byKey(JsonNode array) {
        ObjectNode out = JsonNodeFactory.instance.objectNode();
        array.forEach(e -> out.set(key(e), e));
        return out;
    }

    static String shorten(JsonNode node) {
        String text = node.isMissingNode() ? "(absent)" : node.toString();
        return text.length() < 160 ? text : text.substring(0, 160) + "...";
    }

    List<Known> unused() { return known.stream().filter(k -> k.uses[0] == 0).toList(); }
}
