#include "sim/explain/words.h"

#include <algorithm>

#include <fmt/format.h>

namespace ksim::sim {

std::string seconds_text(int64_t ns) {
  return fmt::format("{}.{:03} s", ns / 1'000'000'000, ns / 1'000'000 % 1000);
}

std::string lasting_text(int64_t ns) {
  if (ns < 1'000'000) return fmt::format("{} us", ns / 1'000);
  return ns < 1'000'000'000 ? fmt::format("{} ms", ns / 1'000'000) : seconds_text(ns);
}

std::string brokers(const Nodes& nodes) {
  if (nodes.empty()) return "no broker";
  std::string text = nodes.size() == 1 ? "broker " : "brokers ";
  for (size_t i = 0; i < nodes.size(); ++i)
    text += fmt::format("{}{}", i == 0 ? "" : i + 1 == nodes.size() ? " and " : ", ", nodes[i]);
  return text;
}

std::string set_text(const Nodes& nodes) { return fmt::format("[{}]", fmt::join(nodes, ",")); }

std::string acks_words(int32_t acks) { return acks == -1 ? "acks=all" : fmt::format("acks={}", acks); }

std::string fault_text(const PastFault& fault) {
  const auto more = std::count(fault.target.begin(), fault.target.end(), ',');
  if (more > 2) return fmt::format("{} of {} machines", fault.kind, more + 1);
  return fmt::format("{} of {}", fault.kind, fault.target);
}

std::string_view node_words(std::string_view what) {
  if (what == "crashed") return "its process dies; what it wrote stays in the page cache";
  if (what == "power_lost") return "it loses power";
  if (what == "wiped") return "its disk is replaced";
  if (what == "stopped") return "it stops in order";
  if (what == "started") return "it starts";
  if (what == "registered") return "it registers after a stop in order";
  if (what == "registered uncleanly") return "it registers after a stop that was not in order";
  if (what == "fenced") return "the controller fences it";
  if (what == "unfenced") return "the controller unfences it";
  return what;
}

Explanation::Rule rule_of(std::string_view culprit) {
  if (culprit == "unclean_election")
    return {"unclean.leader.election.enable (KIP-106, KIP-460)",
            "A leader from outside ISR and ELR may lack what was acknowledged; its log becomes everybody's, "
            "since a "
            "follower cuts off whatever its leader does not have (KIP-101). Kafka trades records for "
            "availability "
            "only where the setting, or an administrator (ElectLeaders of the type UNCLEAN), asks for it."};
  if (culprit == "last_known_leader")
    return {"KIP-966, last known leader",
            "When ISR and ELR are empty, the leader that was known last may lead again, with what its disk "
            "still has."};
  if (culprit == "election_outside_isr")
    return {
        "the ISR (KIP-497) and the ELR (KIP-966)",
        "Only a member of ISR or ELR may be elected: they are the replicas that hold all that is committed."};
  if (culprit == "leader_alone")
    return {"acks=1",
            "The leader answers as soon as its own log has the record. A clean election takes any member of "
            "the ISR, "
            "which need not have fetched it yet: only acks=all waits for them."};
  if (culprit == "nothing_promised")
    return {"acks=0", "The client waits for no answer, and nothing is promised."};
  if (culprit == "deposed_leader")
    return {"leader epochs (KIP-101, KIP-320)",
            "A leader that was replaced and has not heard of it still takes records for itself; with acks=1 "
            "it even "
            "acknowledges them. When it hears of its successor it cuts them off."};
  if (culprit == "power_loss" || culprit == "replaced_disk")
    return {"durability by replication (flush.messages, min.insync.replicas)",
            "Kafka does not sync before it acknowledges: a copy in the page cache dies with the machine's "
            "power. What is "
            "acknowledged under acks=all survives as long as fewer than min.insync.replicas of its copies "
            "are destroyed."};
  if (culprit == "damage")
    return {"batch CRC, recovery",
            "Recovery after a stop that was not in order cuts a log off at the first batch whose CRC is "
            "wrong; all "
            "behind it goes with it, there."};
  if (culprit == "truncation")
    return {"KIP-101, KIP-279: truncation by leader epochs",
            "A follower cuts its log only where it parts from its leader's, and asks the leader for the end "
            "of its last "
            "epoch to find out. Its own high watermark may lag behind what is committed and says nothing."};
  if (culprit == "acknowledgement")
    return {"acks=all and the high watermark (KIP-16, min.insync.replicas)",
            "acks=all is answered when the high watermark has passed the record, that is when every member "
            "of the ISR has "
            "it and the ISR is large enough."};
  if (culprit == "high_watermark")
    return {"the high watermark",
            "It is the smallest log end among the leader and all members of the ISR, those included that are "
            "proposed and "
            "not yet committed (KIP-497); and it stands still while the ISR is smaller than "
            "min.insync.replicas (KIP-966)."};
  if (culprit == "elr_kept")
    return {"KIP-966, eligible leader replicas",
            "Who leaves the ISR stays eligible while the ISR is smaller than min.insync.replicas, since the "
            "high watermark stands "
            "still meanwhile; once the ISR is large enough the ELR is empty."};
  if (culprit == "isr_join")
    return {"joining the ISR (KIP-497, KAFKA-7128)",
            "A follower joins when it has come to the leader's high watermark and to the start of the "
            "leader's epoch, "
            "and is registered and not fenced (KIP-841, KIP-903)."};
  if (culprit == "unclean_restart")
    return {"KIP-966, KIP-903: unclean restarts",
            "Who registers after a stop that was not in order may have lost what was not synced, and leaves "
            "ISR and ELR "
            "until it has caught up again."};
  if (culprit == "lone_member")
    return {
        "KIP-966: without eligible leader replicas",
        "The last member of an ISR stays in it, also where it comes back after a stop that was not in order "
        "and may "
        "have lost what was not synced: who else could lead? With eligible.leader.replicas.version=1 it "
        "leaves the "
        "ISR, and who left it before with all that is committed stays eligible."};
  if (culprit == "unflushed")
    return {"flush.messages=1",
            "With it a copy is synced before it counts: only a lost disk destroys it then."};
  if (culprit == "recovery")
    return {"log recovery",
            "A dead process leaves the page cache: recovery keeps every batch that is whole and sound."};
  if (culprit == "deletion")
    return {"retention.ms, retention.bytes, DeleteRecords (KIP-107)",
            "Records are deleted by age, by size, or because a client asked for it, below the high watermark "
            "only."};
  return {};
}

}  // namespace ksim::sim
