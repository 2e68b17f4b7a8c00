// What became of logs on their disks: S, R2, and what a process or a log directory died of.

#include <algorithm>

#include <fmt/format.h>

#include "sim/explain/teller.h"
#include "sim/explain/words.h"
#include "sim/history/sqlite.h"

namespace ksim::sim {
namespace {

std::string log_words(const Fact& fact) {
  const auto number = [&](const char* field) { return fact.number(field); };
  if (fact.name == "log.loaded")
    return fmt::format(
        "loads {} ({}), {} to {}{}", fact.subject,
        number("clean") == 1 ? "after a stop in order" : "with a recovery", number("start_offset"),
        number("end_offset"),
        number("bytes_cut") > 0 ? fmt::format(", {} torn bytes cut", number("bytes_cut")) : "");
  if (fact.name == "log.truncated")
    return fmt::format("cuts {} from {} to {}", fact.subject, number("from_offset"), number("to_offset"));
  if (fact.name == "log.rolled")
    return fmt::format("begins segment {} of {}", number("base_offset"), fact.subject);
  if (fact.name == "log.start_moved")
    return fmt::format("moves the start of {} to {} ({})", fact.subject, number("start_offset"),
                       fact.text("reason"));
  if (fact.name == "log_dir.failed")
    return fmt::format("gives up {}: {}", fact.text("directory"), fact.text("reason"));
  if (fact.name == "log_dir.checkpoint") return fmt::format("writes {}", fact.text("file"));
  if (fact.name == "raft.snapshot")
    return fmt::format("finishes a snapshot up to {} of epoch {}{}", number("end_offset"), number("epoch"),
                       number("fetched") == 1 ? ", which it has fetched" : "");
  if (fact.name == "log.line") return fmt::format("logs: {}", fact.text("text"));
  return fmt::format(
      "appends {} to {} of {}{}", number("base_offset"), number("end_offset") - 1, fact.subject,
      number("fetched_epoch") < 0 ? ", as its leader"
                                  : fmt::format(", fetched in epoch {}", number("fetched_epoch")));
}

// Which of the facts that a log's node tells is the step that its checker judged: that of the same moment.
std::string_view judged_by(std::string_view kind, bool of_a_cut) {
  if (kind == "unsynced_flush" || kind == "checkpoint_not_synced") return "log_dir.checkpoint";
  if ((kind == "wrong_state" && of_a_cut) || kind == "recovery_point_stays" || kind == "cut_not_synced")
    return "log.truncated";
  if (kind == "log_start_not_synced" || kind == "early_deletion" || kind == "start_went_back")
    return "log.start_moved";
  if (kind == "snapshot_not_synced") return "raft.snapshot";
  if (kind == "damage_copied" || kind == "too_large" || kind == "append_without_cut") return "log.appended";
  if (kind == "disk_given_up") return "log_dir.failed";
  return "log.loaded";
}

// Whom it follows, and what the faults did to that one's disk.
std::string source_words(const Tale& tale, int32_t node) {
  const int32_t leader = tale.past.followed(node, tale.at_ns());
  if (leader < 0) return "";
  std::string text = fmt::format(" It follows broker {}.", leader);
  for (const PastFault& fault : tale.past.faults) {
    if (fault.began_ns > tale.at_ns() || !fault.strikes(leader)) continue;
    if (fault.kind.find("rot") != std::string::npos || fault.kind.find("misdirected") != std::string::npos)
      text = fmt::format(" It follows broker {}, whose disk was damaged at {} ({}).", leader,
                         seconds_text(fault.began_ns), fault_text(fault));
  }
  return text;
}

// A deletion that an administrator was told is done.
Result<void> tell_deletion(Tale& tale) {
  const int32_t leader = number_behind(tale.violation.message, {"acknowledged by leader "});
  const int32_t replica = number_behind(tale.violation.message, {"replica "});
  Query query(
      tale.database,
      fmt::format("SELECT client, invoked_ns, completed_ns, offset FROM op WHERE kind = 'delete_records' AND "
                  "partition = {} AND outcome = 'ok' AND completed_ns <= {} ORDER BY "
                  "completed_ns DESC LIMIT 1",
                  sql_text(tale.page.partition), tale.at_ns()));
  int64_t at = tale.at_ns();
  std::string text = fmt::format("At {}: {}.", seconds_text(at), tale.violation.message);
  while (query.next()) {
    at = query.number(2);
    text = fmt::format("{} asked at {} to delete, and was told at {} that it is done: {}.", query.text(0),
                       seconds_text(query.number(1)), seconds_text(at), tale.violation.message);
    tale.spine(at, "told", leader, fmt::format("{} is told that its records are deleted", query.text(0)));
  }
  TRY(query.end());
  if (leader >= 0 && replica >= 0)
    text += fmt::format(
        " Broker {} had to wait until broker {} of its ISR had deleted as well: it could be elected, and "
        "serve what is deleted.",
        leader, replica);
  tale.found(at, leader, text);
  return {};
}

// The log that a complaint of a process or of its disk names; empty: none.
Result<std::string> log_in(const Tale& tale, int32_t node) {
  std::string word;
  for (const char c : tale.violation.message + " ") {
    if (c != ' ' && c != ':' && c != '/') {
      word += c;
      continue;
    }
    const bool fits =
        word.find('-') != std::string::npos && !word.empty() && word.back() >= '0' && word.back() <= '9';
    if (fits) {
      TRY_ASSIGN(
          const std::optional<Fact> known,
          tale.last_fact("'log.loaded'", fmt::format("subject = {} AND node = {}", sql_text(word), node)));
      if (known) return word;
    }
    word.clear();
  }
  return std::string();
}

// What a log went through on its node before.
Result<std::string> past_of_log(Tale& tale, const std::string& log, int32_t node) {
  TRY_ASSIGN(
      const std::vector<Fact> facts,
      tale.facts("'log.loaded', 'log.truncated', 'log.rolled'",
                 fmt::format("subject = {} AND node = {} AND at_ns <= {}", sql_text(log), node, tale.at_ns()),
                 4));
  std::string text;
  for (const Fact& fact : facts) {
    text += fmt::format("{}at {} it {}", text.empty() ? "" : ", ", seconds_text(fact.at_ns), log_words(fact));
    tale.spine(fact.at_ns, "log", node, fmt::format("{} {}", tale.past.name_of(node), log_words(fact)));
  }
  const PastNode* end = nullptr;
  for (const PastNode& event : tale.past.nodes) {
    const bool of_process = event.what == "crashed" || event.what == "power_lost" || event.what == "wiped" ||
                            event.what == "stopped";
    if (event.node == node && event.at_ns <= tale.at_ns() && of_process) end = &event;
  }
  if (end != nullptr)
    text += fmt::format("{}and at {} {}", text.empty() ? "" : ", ", seconds_text(end->at_ns),
                        node_words(end->what));
  return text.empty() ? text : " What came before: " + text + ".";
}

}  // namespace

Result<void> tell_logs(Tale& tale) {
  const PastViolation& violation = tale.violation;
  const int32_t node =
      violation.suspect() >= 0 ? violation.suspect() : number_behind(violation.subject, {"controller-"});
  const std::string_view kind = tale.wrong.kind;
  if (!tale.page.partition.empty()) TRY(tell_partition(tale, kLookBackNs / 2));
  const bool of_metadata = violation.subject.starts_with(kMetadataPartition);
  const std::string log = of_metadata ? std::string(kMetadataPartition) : tale.page.partition;
  const std::string whose =
      fmt::format("at_ns <= {}{}", tale.at_ns(), node < 0 ? "" : fmt::format(" AND node = {}", node));
  const std::string which =
      log.empty()
          ? ""
          : fmt::format(" AND (subject = {} OR name LIKE 'log_dir%' OR name = 'log.line')", sql_text(log));
  const std::string_view judged = judged_by(kind, tale.says("log truncated"));
  TRY_ASSIGN(const std::vector<Fact> facts,
             tale.facts("'log.loaded', 'log.rolled', 'log.start_moved', 'log_dir.failed', 'raft.snapshot'",
                        whose + which, 12));
  TRY_ASSIGN(const std::vector<Fact> writes,
             tale.facts("'log.appended', 'log_dir.checkpoint'", whose + which, 4));
  TRY_ASSIGN(const std::vector<Fact> warnings,
             tale.facts("'log.line'",
                        whose + fmt::format(" AND at_ns >= {} AND json_extract(detail, '$.level') >= 2",
                                            tale.since(kLookBackNs)),
                        6));
  const Fact* step = nullptr;
  for (const std::vector<Fact>* some : {&facts, &writes, &warnings}) {
    for (const Fact& fact : *some) {
      const bool minor =
          fact.name == "log.rolled" || fact.name == "log.appended" || fact.name == "log_dir.checkpoint";
      // A node may do the same with several logs at one moment.
      const bool named = step == nullptr || violation.message.find(fact.subject) != std::string::npos;
      if (fact.name == judged && fact.at_ns == tale.at_ns() && named) step = &fact;
      tale.steps.add(minor ? Weight::context : Weight::cause, fact.at_ns, "log", fact.node,
                     fmt::format("{} {}", tale.past.name_of(fact.node), log_words(fact)));
    }
  }
  TRY_ASSIGN(const std::vector<Fact> cuts, tale.facts("'log.truncated'", whose + which, 3));
  for (const Fact& fact : cuts) {
    if (of_metadata)
      tale.steps.add(Weight::cause, fact.at_ns, "log", fact.node,
                     fmt::format("{} {}", tale.past.name_of(fact.node), log_words(fact)));
    if (fact.name == judged && (fact.at_ns == tale.at_ns() || kind == "cut_not_synced")) step = &fact;
  }
  tale.steps.add_troubles(tale.past, node < 0 ? tale.replicas() : Nodes{node}, tale.since(kLookBackNs),
                          tale.at_ns());
  if (kind == "deletion_not_done") return tell_deletion(tale);
  if (kind == "watermark_above_parting" || kind == "not_cut") return tell_offset(tale);
  // What was judged is an event of that node; the checker's words say what is wrong with it.
  const std::string name = tale.past.name_of(node);
  std::string wrong = violation.message;
  for (const std::string& subject :
       {fmt::format("node {} ", node), fmt::format("node {}, ", node), fmt::format("leader {} ", node)}) {
    if (wrong.starts_with(subject)) wrong = "it " + wrong.substr(subject.size());
  }
  for (const std::string_view when : {"it log loaded: ", "it log truncated: "}) {
    if (wrong.starts_with(when)) wrong = wrong.substr(when.size());
  }
  const std::string of = log.empty() ? "" : fmt::format(", in {}", log);
  int64_t at = tale.at_ns();
  std::string text = wrong.starts_with("it ")
                         ? fmt::format("At {} {} {}{}.", seconds_text(at), name, wrong.substr(3), of)
                         : fmt::format("At {} {}{}: {}.", seconds_text(at), name, of, wrong);
  if (step != nullptr) {
    at = step->at_ns;
    text = fmt::format("At {} {} {}.", seconds_text(at), name, log_words(*step));
    if (kind == "cut_not_synced") text += " It went on before that was on its disk.";
    if (kind != "disk_given_up") text += fmt::format(" What is wrong: {}.", wrong);
  }
  if (kind == "damage_copied" || kind == "append_without_cut") text += source_words(tale, node);
  if (kind == "disk_given_up" || kind == "assertion") {
    if (kind == "assertion" && !warnings.empty())
      text += fmt::format(" The last that it had logged, at {}: {}.", seconds_text(warnings.back().at_ns),
                          warnings.back().text("text"));
    TRY_ASSIGN(const std::string named, log_in(tale, node));
    const std::string whom = named.empty() && tale.says("raft") ? std::string(kMetadataPartition) : named;
    if (!whom.empty()) {
      TRY_ASSIGN(const std::string before, past_of_log(tale, whom, node));
      text += before;
    }
  }
  tale.spine(
      at, "log", node,
      step != nullptr ? fmt::format("{} {}", tale.past.name_of(node), log_words(*step)) : violation.message);
  if (!text.empty()) tale.found(at, node, text);
  return tale.about() >= 0 && !tale.page.partition.empty() ? tell_offset(tale) : Result<void>{};
}

}  // namespace ksim::sim
