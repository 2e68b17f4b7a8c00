// Images of the metadata, and what administrators are told of topics: M4 and M5.

#include <algorithm>

#include <fmt/format.h>

#include "sim/explain/teller.h"
#include "sim/explain/words.h"
#include "sim/history/sqlite.h"

namespace ksim::sim {
namespace {

// "at offset 64 the log itself and the controller of node 101 (start 3) have different metadata: topics"
struct Differing {
  int64_t offset = -1;
  int32_t node = -1;
  bool controller = false;
  bool snapshot = false;
  std::string other;
  std::string parts;
};

Differing differing(const std::string& message) {
  Differing found;
  found.offset = number_behind(message, {"at offset "});
  const size_t have = message.find(" have different metadata: ");
  const size_t both = message.find(" and ");
  if (have == std::string::npos || both == std::string::npos) return found;
  found.parts = message.substr(have + 26);
  const std::string prefix = fmt::format("at offset {} ", found.offset);
  const std::string first = message.substr(prefix.size(), both - prefix.size());
  const std::string second = message.substr(both + 5, have - both - 5);
  // The log is right; what came from a snapshot is compared with what was replayed.
  const bool blames_first = second == "the log itself" || (first.find("snapshot") != std::string::npos &&
                                                           second.find("snapshot") == std::string::npos);
  const std::string& wrong = blames_first ? first : second;
  found.other = blames_first ? second : first;
  found.node = number_behind(wrong, {"node "});
  found.controller = wrong.starts_with("the controller");
  found.snapshot = wrong.find("from a snapshot") != std::string::npos;
  return found;
}

// Since when the process runs whose images are told: it has loaded its metadata log then.
Result<int64_t> started(const Tale& tale, int32_t node, int64_t by_ns) {
  TRY_ASSIGN(const std::optional<Fact> loaded,
             tale.last_fact("'log.loaded'", fmt::format("subject = '{}' AND node = {} AND at_ns <= {}",
                                                        kMetadataPartition, node, by_ns)));
  return loaded ? loaded->at_ns : int64_t{0};
}

// Where its log ended and what it had replayed when a controller began to decide.
Result<bool> tell_early_start(Tale& tale, const Differing& is) {
  TRY_ASSIGN(const std::optional<Fact> active,
             tale.last_fact("'controller.activated'",
                            fmt::format("node = {} AND at_ns <= {}", is.node, tale.at_ns())));
  if (!active) return false;
  const std::string before = fmt::format("node = {} AND at_ns <= {}", is.node, active->at_ns);
  TRY_ASSIGN(const int64_t started_ns, started(tale, is.node, active->at_ns));
  TRY_ASSIGN(const std::optional<Fact> replayed,
             tale.last_fact("'controller.replayed'", before + fmt::format(" AND at_ns >= {}", started_ns)));
  TRY_ASSIGN(const std::optional<Fact> end,
             tale.last_fact("'log.appended', 'log.loaded'",
                            before + fmt::format(" AND subject = '{}'", kMetadataPartition)));
  const int64_t known = replayed ? replayed->number("offset") + 1 : 0;
  // The last record is its own, with which its epoch begins.
  if (!end || known >= end->number("end_offset") - 1) return false;
  tale.spine(
      active->at_ns, "controller", is.node,
      fmt::format("node {} becomes the active controller, epoch {}", is.node, active->number("epoch")));
  tale.found(active->at_ns, is.node,
             fmt::format("Node {} began to decide as the active controller of epoch {} at {}, when it had "
                         "replayed the metadata log up to {}, and that log ended "
                         "at {}: what lay between it did not know. At {} {}.",
                         is.node, active->number("epoch"), seconds_text(active->at_ns), known,
                         end->number("end_offset"), seconds_text(tale.at_ns()), tale.violation.message),
             "active_too_early");
  return true;
}

// Who decides on a topic, and what they answered meanwhile.
Result<std::vector<Fact>> answers_about(Tale& tale, const std::string& kind, int64_t from_ns, int64_t to_ns) {
  const std::string_view api = kind == "create_topics"       ? "CreateTopics"
                               : kind == "delete_topics"     ? "DeleteTopics"
                               : kind == "create_partitions" ? "CreatePartitions"
                                                             : "IncrementalAlterConfigs', 'AlterConfigs";
  TRY_ASSIGN(std::vector<Fact> answers,
             tale.facts("'controller.answered'",
                        fmt::format("at_ns BETWEEN {} AND {} AND json_extract(detail, '$.api') IN ('{}')",
                                    from_ns, to_ns, api),
                        6));
  for (const Fact& fact : answers)
    tale.steps.add(Weight::cause, fact.at_ns, "answered", fact.node,
                   fmt::format("controller {} answers {}, decided in epoch {}, resting on offset {}",
                               fact.node, fact.text("api"), fact.number("epoch"), fact.number("offset")));
  return answers;
}

// Which controller wrote an offset of the metadata log, and when.
Result<std::optional<Fact>> written_at(const Tale& tale, int64_t offset) {
  return tale.last_fact(
      "'log.appended'",
      fmt::format("subject = '{}' AND at_ns <= {} AND json_extract(detail, '$.fetched_epoch') < 0 AND "
                  "json_extract(detail, '$.base_offset') <= {} AND json_extract(detail, '$.end_offset') > {}",
                  kMetadataPartition, tale.at_ns(), offset, offset));
}

// Which leaders wrote something at an offset of the metadata log.
Result<std::string> writers_words(Tale& tale, int64_t offset) {
  TRY_ASSIGN(
      const std::vector<Fact> written,
      tale.facts(
          "'log.appended'",
          fmt::format(
              "subject = '{}' AND at_ns <= {} AND json_extract(detail, '$.fetched_epoch') < 0 AND "
              "json_extract(detail, '$.base_offset') <= {} AND json_extract(detail, '$.end_offset') > {}",
              kMetadataPartition, tale.at_ns(), offset, offset),
          4));
  std::string text;
  for (const Fact& fact : written) {
    text += fmt::format("{}node {} in epoch {} at {}", text.empty() ? "" : ", ", fact.node,
                        fact.number("leader_epoch"), seconds_text(fact.at_ns));
    tale.spine(
        fact.at_ns, "written", fact.node,
        fmt::format("node {} writes offset {} in epoch {}", fact.node, offset, fact.number("leader_epoch")));
  }
  return text.empty() ? text : fmt::format(" What stands at offset {} was written by {}.", offset, text);
}

}  // namespace

Result<void> tell_image(Tale& tale) {
  const Differing is = differing(tale.violation.message);
  const int32_t node = is.node >= 0 ? is.node : tale.violation.suspect();
  const char* const told = is.controller ? "'controller.replayed'" : "'metadata.published'";
  TRY_ASSIGN(const int64_t started_ns, started(tale, node, tale.at_ns()));
  TRY_ASSIGN(
      const std::vector<Fact> images,
      tale.facts(told, fmt::format("node = {} AND at_ns BETWEEN {} AND {}", node, started_ns, tale.at_ns()),
                 5));
  for (const Fact& fact : images)
    tale.steps.add(
        Weight::cause, fact.at_ns, "metadata", node,
        fmt::format("{} {} comes to offset {} of epoch {}{}",
                    is.controller ? "the controller of node" : "node", node, fact.number("offset"),
                    fact.number("epoch"), fact.number("snapshot") == 1 ? ", from a snapshot" : ""));
  TRY_ASSIGN(const std::vector<Fact> logs,
             tale.facts("'raft.snapshot', 'log.loaded', 'log.truncated', 'log.start_moved'",
                        fmt::format("subject = '{}' AND node = {} AND at_ns <= {}", kMetadataPartition, node,
                                    tale.at_ns()),
                        6));
  std::string snapshots;
  for (const Fact& fact : logs) {
    const bool snapshot = fact.name == "raft.snapshot";
    const std::string what =
        snapshot ? fmt::format("{} a snapshot up to {}", fact.number("fetched") == 1 ? "fetches" : "makes",
                               fact.number("end_offset"))
        : fact.name == "log.loaded" ? fmt::format("loads its metadata log, {} to {}",
                                                  fact.number("start_offset"), fact.number("end_offset"))
        : fact.name == "log.truncated"
            ? fmt::format("cuts its metadata log from {} to {}", fact.number("from_offset"),
                          fact.number("to_offset"))
            : fmt::format("begins its metadata log at {}", fact.number("start_offset"));
    if (snapshot)
      snapshots = fmt::format(" The newest snapshot on its disk then is that up to {}, {} at {}.",
                              fact.number("end_offset"), fact.number("fetched") == 1 ? "fetched" : "made",
                              seconds_text(fact.at_ns));
    tale.steps.add(snapshot ? Weight::context : Weight::cause, fact.at_ns, "log", node,
                   fmt::format("node {} {}", node, what));
  }
  tale.steps.add_troubles(tale.past, {node}, tale.since(kLookBackNs), tale.at_ns());
  TRY_ASSIGN(const std::vector<Fact> reigns, tale.facts("'controller.activated', 'controller.deactivated'",
                                                        fmt::format("at_ns <= {}", tale.at_ns()), 4));
  for (const Fact& fact : reigns)
    tale.steps.add(
        Weight::cause, fact.at_ns, "controller", fact.node,
        fmt::format("node {} {} the active controller, epoch {}", fact.node,
                    fact.name == "controller.activated" ? "becomes" : "is no more", fact.number("epoch")));
  if (is.node < 0) return {};
  if (is.controller) {
    TRY_ASSIGN(const bool early, tell_early_start(tale, is));
    if (early) return {};
  }
  const Fact* there = nullptr;
  const Fact* before = nullptr;
  for (const Fact& fact : images) {
    if (fact.number("offset") < is.offset) before = &fact;
    if (fact.number("offset") == is.offset) there = &fact;
  }
  const int64_t at = there != nullptr ? there->at_ns : tale.at_ns();
  std::string text =
      fmt::format("{} {} came to offset {} at {}{}, and its metadata differ from those of {} in: {}.",
                  is.controller ? "The controller of node" : "Node", node, is.offset, seconds_text(at),
                  is.snapshot ? ", from a snapshot" : "", is.other, is.parts);
  if (is.snapshot) {
    TRY_ASSIGN(const std::optional<Fact> made,
               tale.last_fact(
                   "'raft.snapshot'",
                   fmt::format("at_ns <= {} AND json_extract(detail, '$.end_offset') = {} AND "
                               "json_extract(detail, '$.fetched') = 0 AND (node = {} OR NOT EXISTS (SELECT 1 "
                               "FROM event own WHERE own.name = 'raft.snapshot' AND own.node = {} AND "
                               "json_extract(own.detail, '$.end_offset') = {} AND json_extract(own.detail, "
                               "'$.fetched') = 0))",
                               at, is.offset + 1, node, node, is.offset + 1)));
    if (made) {
      text += fmt::format(
          " Node {} had made that snapshot at {}: it does not say all that stood there by then, or was not "
          "read as it says.",
          made->node, seconds_text(made->at_ns));
      tale.spine(made->at_ns, "snapshot", made->node,
                 fmt::format("node {} makes a snapshot up to {}", made->node, is.offset + 1));
      tale.spine(at, "metadata", node,
                 fmt::format("node {} loads it, and has other {} at offset {}", node, is.parts, is.offset));
      tale.found(made->at_ns, made->node, text, "snapshot_differs");
      return {};
    }
  } else if (before != nullptr) {
    text += fmt::format(
        " Before, since {}, it stood at offset {}{}: what it made of the records between is wrong, or it did "
        "not have them all.",
        seconds_text(before->at_ns), before->number("offset"),
        before->number("snapshot") == 1 ? ", from a snapshot" : "");
  }
  if (is.parts.find("epoch") != std::string::npos) {
    TRY_ASSIGN(const std::string writers, writers_words(tale, is.offset));
    text += writers;
  }
  text += snapshots;
  tale.spine(at, "metadata", node,
             fmt::format("{} {} has other {} at offset {}", is.controller ? "the controller of node" : "node",
                         node, is.parts, is.offset));
  tale.found(at, node, text);
  return {};
}

Result<void> tell_topics(Tale& tale) {
  const PastViolation& violation = tale.violation;
  const int64_t at = tale.at_ns();
  // What stands in the log was asked for before; what was answered, a while ago at most.
  const bool answered = tale.says("was acknowledged") || tale.says("was answered with");
  const int64_t offset = answered ? -1 : number_behind(violation.message, {"at offset "});
  TRY_ASSIGN(const std::optional<Fact> written, written_at(tale, offset));
  const int64_t until_ns = written ? written->at_ns : at;
  // Calls of administrators about the topic.
  Query query(tale.database,
              fmt::format("SELECT client, kind, invoked_ns, completed_ns, outcome, coalesce(error, '') FROM "
                          "op WHERE partition = {} AND kind IN "
                          "('create_topics', 'delete_topics', 'create_partitions', 'alter_configs') AND "
                          "invoked_ns <= {} AND coalesce(completed_ns, {}) >= {} "
                          "ORDER BY id DESC LIMIT 8",
                          sql_text(violation.subject), until_ns, until_ns,
                          std::max<int64_t>(0, until_ns - kLookBackNs)));
  struct Call {
    std::string client, kind;
    int64_t invoked_ns = 0;
    std::optional<int64_t> completed_ns;
    std::string outcome;
  };
  std::vector<Call> calls;
  while (query.next()) {
    const std::string error = query.text(5) == "NONE" ? "" : " " + query.text(5);
    calls.push_back(
        {query.text(0), query.text(1), query.number(2), query.number_or_null(3), query.text(4) + error});
    tale.steps.add(
        Weight::cause, calls.back().completed_ns.value_or(calls.back().invoked_ns), "call", -1,
        fmt::format("{} of {} by {}, asked at {}: {}", calls.back().kind, violation.subject,
                    calls.back().client, seconds_text(calls.back().invoked_ns), calls.back().outcome));
  }
  TRY(query.end());
  const std::string kind = violation.message.substr(0, violation.message.find(' '));
  const Call* judged = nullptr;
  for (const Call& call : calls) {
    if (judged == nullptr && call.completed_ns == at &&
        violation.message.find(call.kind + " of " + call.client) == 0)
      judged = &call;
  }
  const std::string_view wrong = tale.wrong.kind;
  TRY_ASSIGN(const std::vector<Fact> reigns, tale.facts("'controller.activated', 'controller.deactivated'",
                                                        fmt::format("at_ns <= {}", at), 6));
  for (const Fact& fact : reigns)
    tale.steps.add(
        Weight::cause, fact.at_ns, "controller", fact.node,
        fmt::format("node {} {} the active controller, epoch {}", fact.node,
                    fact.name == "controller.activated" ? "becomes" : "is no more", fact.number("epoch")));
  if (judged != nullptr) {
    TRY_ASSIGN(const std::vector<Fact> answers, answers_about(tale, judged->kind, judged->invoked_ns, at));
    const Fact* answer = answers.empty() ? nullptr : &answers.back();
    std::string text =
        fmt::format("{} asked for {} of {} at {} and was told {} at {}.", judged->client, judged->kind,
                    violation.subject, seconds_text(judged->invoked_ns), judged->outcome, seconds_text(at));
    if (answer != nullptr)
      text += fmt::format(" That answer is of controller {}, which gave it at {}.", answer->node,
                          seconds_text(answer->at_ns));
    text += fmt::format(" In the metadata log it is not so: {}.", text_behind(violation.message, "; "));
    for (const Call& call : calls) {
      if (&call == judged || call.kind != judged->kind || call.outcome != "ok" ||
          call.completed_ns < judged->invoked_ns - 2'000'000'000)
        continue;
      text += fmt::format(" {} was told ok for another one at {}.", call.client,
                          seconds_text(*call.completed_ns));
      break;
    }
    tale.found(answer == nullptr ? at : answer->at_ns, answer == nullptr ? -1 : answer->node, text);
    return {};
  }
  if (wrong == "older_metadata_shown") {
    const int32_t broker = number_behind(violation.subject, {"broker "});
    tale.found(at, broker,
               fmt::format("Broker {} answered at {}: {}.", broker, seconds_text(at), violation.message));
    return {};
  }
  if (!written) return {};
  // Somebody had asked, and was told that it is certainly not done.
  for (const Call& call : calls) {
    const std::string_view does = tale.says("it is created")   ? "create_topics"
                                  : tale.says("it is deleted") ? "delete_topics"
                                  : tale.says(" partitions")   ? "create_partitions"
                                                               : "alter_configs";
    if (wrong != "change_unasked" || call.kind != does || !call.outcome.starts_with("failed") ||
        call.invoked_ns > written->at_ns || !call.completed_ns)
      continue;
    tale.spine(written->at_ns, "decided", written->node,
               fmt::format("controller {} writes it, offsets {} to {} of the metadata log", written->node,
                           written->number("base_offset"), written->number("end_offset") - 1));
    tale.found(
        *call.completed_ns, -1,
        fmt::format("{} had asked for {} of {} at {}, and was told {} at {}: that it certainly is not done. "
                    "Controller {} wrote it at {} all the "
                    "same: an attempt before, which was not answered, was under way or had done it.",
                    call.client, call.kind, violation.subject, seconds_text(call.invoked_ns), call.outcome,
                    seconds_text(*call.completed_ns), written->node, seconds_text(written->at_ns)),
        "told_not_done");
    return {};
  }
  tale.spine(written->at_ns, "decided", written->node,
             fmt::format("controller {} writes offsets {} to {} of the metadata log", written->node,
                         written->number("base_offset"), written->number("end_offset") - 1));
  tale.found(written->at_ns, written->node,
             fmt::format("Controller {} wrote it at {} into the metadata log, in epoch {}: of {}, {}.",
                         written->node, seconds_text(written->at_ns), written->number("leader_epoch"),
                         violation.subject, violation.message));
  return {};
}

}  // namespace ksim::sim
