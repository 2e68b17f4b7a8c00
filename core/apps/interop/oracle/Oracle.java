// java -cp JARS:CLASSES Oracle OURS THEIRS KNOWN REPORT [--verbose] [PART...]: the same requests to a kbroker and to an
// Apache Kafka, each on localhost with an empty data directory; answers compared field by field. The report is
// markdown.

import java.io.PrintWriter;
import java.nio.file.*;
import java.time.LocalDate;
import java.util.*;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.utils.AppInfoParser;

public final class Oracle {
    interface Part {
        void run() throws Exception;
    }

    public static void main(String[] arguments) throws Exception {
        var ours = new Side("kbroker", Integer.parseInt(arguments[0]));
        var theirs = new Side("Apache Kafka", Integer.parseInt(arguments[1]));
        var c = new Comparison(ours, theirs, Path.of(arguments[2]));
        var wanted = new HashSet<>(List.of(arguments).subList(4, arguments.length));
        c.verbose = wanted.remove("--verbose");
        var administering = new Administering(c);
        var producing = new Producing(c);
        var reading = new Reading(c);
        Map<String, Part> parts = new LinkedHashMap<>();
        parts.put("versions", administering::apiVersions);
        parts.put("produce", () -> {
            producing.prepare();
            producing.producerIds();
            producing.produces();
            producing.sequences();
        });
        parts.put("fetch", () -> {
            reading.prepare();
            reading.fetches();
            reading.sessions();
            reading.listOffsets();
            reading.epochs();
            reading.deleteRecords();
        });
        parts.put("metadata", administering::metadata);
        parts.put("cluster", administering::cluster);
        parts.put("topics", () -> {
            administering.createTopics();
            administering.createPartitions();
            administering.deleteTopics();
        });
        parts.put("configs", administering::configs);
        parts.put("garbage", administering::garbage);
        for (var part : parts.entrySet()) {
            if (!wanted.isEmpty() && !wanted.contains(part.getKey())) continue;
            System.out.println("part: " + part.getKey());
            part.getValue().run();
        }
        tell(c);
        report(c, Path.of(arguments[3]));
        int compared = c.counts.values().stream().mapToInt(n -> n[0]).sum(),
            different = c.counts.values().stream().mapToInt(n -> n[1]).sum();
        System.out.println((compared - different) + " passed, " + different + " failed");
        System.exit(different == 0 ? 0 : 1);
    }

    static void tell(Comparison c) {
        for (var k : c.unused()) System.out.println("known.txt: not seen any more: " + k.reason());
    }

    static void report(Comparison c, Path path) throws Exception {
        try (var out = new PrintWriter(path.toFile())) {
            out.println("# kbroker and Apache Kafka, answer by answer\n");
            out.println("Written by `scripts/oracle` on " + LocalDate.now()
                + ": the same requests to kbroker and to Apache Kafka " + AppInfoParser.getVersion()
                + ", one node each, at every version of an API that both serve. Ids, times, hosts and directories are left out of the comparison;"
                + " texts of errors may differ.\n");
            out.println("| API | versions | answers compared | different, not explained |\n|---|---|---|---|");
            c.counts.forEach((api, n) -> {
                var both = Arrays.stream(ApiKeys.values())
                               .filter(k -> k.name.equals(api))
                               .findFirst()
                               .map(c::versions)
                               .orElse(List.of());
                out.println("| " + api + " | " + (both.isEmpty() ? "-" : both.get(0) + "-" + both.get(both.size() - 1))
                    + " | " + n[0] + " | " + n[1] + " |");
            });
            if (!c.differences.isEmpty()) {
                out.println("\n## Not explained\n");
                for (var d : c.differences)
                    out.println("- " + d.label() + ", `" + d.path() + "`: kbroker " + d.ours() + ", Apache Kafka "
                        + d.theirs());
            }
            out.println(
                "\n## Known differences\n\n| where | times | kbroker | Apache Kafka | why |\n|---|---|---|---|---|");
            c.excused.forEach((known, seen) -> {
                var d = seen.get(0);
                out.println("| " + d.label() + " `" + d.path() + "` | " + seen.size() + " | " + cell(d.ours()) + " | "
                    + cell(d.theirs()) + " | " + known.reason() + " |");
            });
            out.println("\n## APIs that only one of the two serves\n");
            out.println(
                "Apache Kafka only: " + only(c.theirs, c.ours) + ".\n\nkbroker only: " + only(c.ours, c.theirs) + ".");
        }
    }

    // Where the directories of this run are is nobody's business.
    static String cell(String text) {
        return "`" + text.replaceAll("/[^\" ,]*/build/interop/run/oracle/", "").replace("|", "\\|") + "`";
    }

    static String only(Side a, Side b) {
        var names = a.versions.keySet().stream().filter(k -> !b.versions.containsKey(k)).map(k -> k.name).toList();
        return names.isEmpty() ? "none" : String.join(", ", names);
    }
}
