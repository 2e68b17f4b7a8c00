#include <algorithm>

#include <fmt/format.h>

#include "sim/explain/stuck.h"
#include "sim/explain/words.h"
#include "sim/history/sqlite.h"

namespace ksim::sim {

Result<Stretch> counted(Database& database, const std::string& what) {
  Query query(database,
              fmt::format("SELECT count(*), coalesce(min(at), 0), coalesce(max(at), 0) FROM ({})", what));
  Stretch found;
  while (query.next()) found = {query.number(0), query.number(1), query.number(2)};
  TRY(query.end());
  return found;
}

std::string times_words(int64_t times) { return times == 1 ? "once" : fmt::format("{} times", times); }

std::string Scene::leader_words() const {
  if (state_ == nullptr) return "";
  std::string text =
      state_->leader < 0
          ? fmt::format(" Nobody leads {} since {}.", partition_, seconds_text(state_->at_ns))
          : fmt::format(" Broker {} leads {} in epoch {}, with the ISR {} since {}.", state_->leader,
                        partition_, state_->leader_epoch, set_text(state_->isr), seconds_text(state_->at_ns));
  for (const PastEvent& event : past_.events) {
    if (event.name == "replica.became_leader" && event.node == state_->leader &&
        event.leader_epoch == state_->leader_epoch)
      return text + fmt::format(" It took that over at {}.", seconds_text(event.at_ns));
  }
  return state_->leader < 0
             ? text
             : text + fmt::format(" By its own word broker {} never began to lead in that epoch.",
                                  state_->leader);
}

Result<void> StuckClients::reader(const std::string& client) {
  Query query(
      tale_.database,
      fmt::format("SELECT kind, offset, coalesce(completed_ns, invoked_ns) FROM op WHERE client = {} AND "
                  "partition = {} AND kind IN ('read', 'assign', 'seek', 'reset') AND offset IS "
                  "NOT NULL ORDER BY id DESC LIMIT 1",
                  sql_text(client), sql_text(partition_)));
  int64_t since = 0;
  std::string text = fmt::format("{} never began to read {}.", client, partition_);
  while (query.next()) {
    since = query.number(2);
    const bool read = query.text(0) == "read";
    text = fmt::format("{} came to offset {} of {} at {} and no further.", client,
                       query.number(1) + (read ? 1 : 0), partition_, seconds_text(since));
    tale_.spine(since, "last sign", -1,
                fmt::format("{} {} {}: the last that it does there", client,
                            read ? "is handed offset" : "is set to", query.number(1)));
  }
  TRY(query.end());
  TRY_ASSIGN(const std::string asked, asked_since(client, since, ""));
  text += asked + leader_words();
  tale_.found(since, -1, text, "stuck_reader");
  return {};
}

// Deletions of records that are never said to be done.
Result<void> StuckClients::deletion(const std::string& client) {
  Query query(tale_.database,
              fmt::format("SELECT invoked_ns, completed_ns, coalesce(error, ''), offset FROM op WHERE "
                          "client = {} AND partition = {} AND kind = 'delete_records' AND outcome <> "
                          "'ok' AND completed_ns <= {} ORDER BY id DESC LIMIT 1",
                          sql_text(client), sql_text(partition_), tale_.at_ns()));
  int64_t asked = 0;
  int64_t told = 0;
  std::string text;
  while (query.next()) {
    asked = query.number(0), told = query.number(1);
    text = fmt::format("{} asked at {} to delete records of {}, and was told {} at {}.", client,
                       seconds_text(asked), partition_, query.text(2), seconds_text(told));
    tale_.spine(told, "told", -1, fmt::format("{} is told of its deletion: {}", client, query.text(2)));
  }
  TRY(query.end());
  if (told == 0) return {};
  TRY_ASSIGN(
      const std::vector<Fact> moves,
      tale_.facts("'log.start_moved'",
                  fmt::format("subject = {} AND at_ns BETWEEN {} AND {}", sql_text(partition_), asked, told),
                  6));
  std::string moved;
  for (const Fact& fact : moves) {
    moved += fmt::format("{}broker {} at {} to {}", moved.empty() ? "" : ", ", fact.node,
                         seconds_text(fact.at_ns), fact.number("start_offset"));
    tale_.spine(
        fact.at_ns, "deleted", fact.node,
        fmt::format("broker {} moves the start of its log to {}", fact.node, fact.number("start_offset")));
  }
  text += moved.empty()
              ? std::string(" No replica deleted anything meanwhile.")
              : fmt::format(" Meanwhile replicas moved their log starts: {}. Nobody told it so.", moved);
  const int32_t leader = state_ == nullptr ? -1 : state_->leader;
  tale_.found(moves.empty() ? told : moves.back().at_ns, leader, text + leader_words(), "stuck_deletion");
  return {};
}

// One who sends and is not told.
Result<void> StuckClients::sender(const std::string& client, int64_t since_ns, std::string text,
                                  std::string_view kind) {
  const std::string sends =
      fmt::format("client = {} AND partition = {} AND kind = 'send'", sql_text(client), sql_text(partition_));
  TRY_ASSIGN(
      const Stretch told,
      counted(
          tale_.database,
          fmt::format("SELECT completed_ns AS at FROM op WHERE {} AND outcome = 'ok' AND completed_ns <= {}",
                      sends, tale_.at_ns())));
  text += told.times == 0 ? fmt::format(" No record of it was ever acknowledged in {}.", partition_)
                          : fmt::format(" The last of its records in {} was acknowledged at {}.", partition_,
                                        seconds_text(told.last_ns));
  if (since_ns < 0) {
    TRY_ASSIGN(
        const Stretch open,
        counted(tale_.database, fmt::format("SELECT invoked_ns AS at FROM op WHERE {} AND invoked_ns >= {}",
                                            sends, told.last_ns)));
    since_ns = open.first_ns;
    text += fmt::format(" It has sent {} since, from {} on.",
                        open.times == 1 ? "one" : fmt::format("{}", open.times), seconds_text(since_ns));
  }
  TRY_ASSIGN(
      const Stretch produced,
      counted(tale_.database,
              fmt::format(
                  "SELECT asked_ns AS at FROM call WHERE client = {} AND api = 'Produce' AND asked_ns <= {}",
                  sql_text(client), tale_.at_ns())));
  TRY_ASSIGN(const std::string asked,
             asked_since(client, since_ns, " AND api IN ('Produce', 'Metadata', 'InitProducerId')"));
  text += asked + leader_words();
  // Who sends nothing any more holds his batches back; else it is the leader that does not take them.
  const bool silent = produced.last_ns < since_ns || produced.last_ns < tale_.at_ns() - 10'000'000'000;
  if (silent) {
    text += fmt::format(" It sent its last Produce request, to whomever, at {}: it holds its batches back.",
                        seconds_text(produced.last_ns));
    const int64_t at = std::max(since_ns, produced.last_ns);
    tale_.spine(at, "last sign", -1, fmt::format("{} sends no Produce request from here on", client));
    tale_.found(at, -1, text, "held_back");
    return {};
  }
  const int64_t at = std::max(since_ns, told.last_ns);
  tale_.spine(at, "last sign", -1, fmt::format("{} waits from here on", client));
  tale_.found(at, -1, text, kind);
  return {};
}

// What a client asked of whom since then.
Result<std::string> StuckClients::asked_since(const std::string& client, int64_t since_ns,
                                              const std::string& which) {
  Query query(
      tale_.database,
      fmt::format(
          "SELECT server, api, count(*), max(asked_ns), sum(fate = 'answered') FROM call WHERE client = {} "
          "AND asked_ns BETWEEN {} AND {}{} AND api <> 'ApiVersions' GROUP BY server, api "
          "ORDER BY 3 DESC LIMIT 6",
          sql_text(client), since_ns + 1, tale_.at_ns(), which));
  std::string text;
  while (query.next()) {
    text +=
        fmt::format("{}{} {} of {} (the last at {}; {} answered)", text.empty() ? "" : ", ", query.number(2),
                    query.text(1), query.text(0), seconds_text(query.number(3)), query.number(4));
    tale_.steps.add(Weight::spine, query.number(3), "asked", number_behind(query.text(0), {"broker-"}),
                    fmt::format("{} asks {} for {}: the last of {} times since {}", client, query.text(0),
                                query.text(1), query.number(2), seconds_text(since_ns)));
  }
  TRY(query.end());
  return text.empty() ? fmt::format(" {} has asked nobody for anything since.", client)
                      : fmt::format(" {} has asked since: {}.", client, text);
}

}  // namespace ksim::sim
