// What clients were told and given: readers (K, R4, R5) and senders (P, X).

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "sim/explain/teller.h"
#include "sim/explain/words.h"
#include "sim/history/sqlite.h"

namespace ksim::sim {
namespace {

// ---- readers ----

struct Move {
  int64_t at_ns = 0;
  std::string client;
  std::string kind;
  int64_t offset = -1;

  std::string words() const {
    return kind == "read"           ? fmt::format("{} is handed offset {}", client, offset)
           : kind == "list_offsets" ? fmt::format("{} is told offset {} (ListOffsets)", client, offset)
           : kind == "assign"       ? fmt::format("{} begins to read at {}", client, offset)
           : kind == "seek"         ? fmt::format("{} seeks to {}", client, offset)
                                    : fmt::format("{} resets its position to {}", client, offset);
  }
};

// The positions that were set, and the ends of stretches that were read one after the other, up to an
// operation; the last comes first.
Result<std::vector<Move>> moves_of(const Tale& tale, int32_t reader, int64_t last_op) {
  Query query(tale.database, fmt::format("SELECT client, kind, offset, coalesce(completed_ns, invoked_ns) "
                                         "FROM op WHERE partition = {} AND session = {} AND kind IN "
                                         "('read', 'assign', 'seek', 'reset', 'list_offsets') AND offset IS "
                                         "NOT NULL AND id <= {} ORDER BY id DESC LIMIT 400",
                                         sql_text(tale.page.partition), reader, last_op));
  std::vector<Move> moves;
  int64_t expected = -1;
  while (query.next()) {
    const Move move{query.number(3), query.text(0), query.text(1), query.number(2)};
    const bool goes_on = move.kind == "read" && move.offset + 1 == expected;
    if (move.kind == "read") expected = move.offset;
    if (!goes_on && moves.size() < 8) moves.push_back(move);
  }
  TRY(query.end());
  return moves;
}

// The operation that the violation is about: the last one, the reset to that offset, or the first behind what
// was passed over.
Result<int64_t> judged_move(const Tale& tale, int32_t reader) {
  const std::string_view kind = tale.wrong.kind;
  const std::string& message = tale.violation.message;
  std::string which = fmt::format(
      "partition = {} AND session = {} AND offset IS NOT NULL AND coalesce(completed_ns, invoked_ns) <= {}",
      sql_text(tale.page.partition), reader, tale.at_ns());
  std::string order = "max(id)";
  if (kind == "needless_reset")
    which += fmt::format(" AND kind = 'reset' AND offset = {}", number_behind(message, {"was reset to "}));
  if (kind == "wrong_beginning") which += " AND kind = 'assign'";
  if (kind == "wrong_position")
    which += fmt::format(" AND kind = 'read' AND offset = {}", number_behind(message, {"handed offset "}));
  if (kind == "skipped") {
    // Something else may have stood there before, which it was handed.
    TRY_ASSIGN(const std::vector<PastBatch> batches,
               read_batches(tale.database, tale.page.partition, tale.violation.record, -1));
    which += fmt::format(
        " AND kind IN ('read', 'assign', 'seek', 'reset') AND offset > {} AND coalesce(completed_ns, "
        "invoked_ns) >= {}",
        number_behind(message, {" at offset "}),
        batches.empty() ? 0 : batches.front().copies.front().from_ns);
    order = "min(id)";
  } else {
    which += " AND kind IN ('read', 'assign', 'seek', 'reset')";
  }
  Query query(tale.database, fmt::format("SELECT coalesce({}, 0) FROM op WHERE {}", order, which));
  int64_t found = 0;
  while (query.next()) found = query.number(0);
  TRY(query.end());
  return found;
}

// What the client asked and was answered just before: the last of each kind from each server.
Result<std::vector<Asked>> heard_before(Tale& tale, const std::string& client, int64_t at_ns) {
  TRY_ASSIGN(const std::vector<Asked> all,
             tale.asked(fmt::format("client = {} AND api IN ('Fetch', 'ListOffsets', 'OffsetForLeaderEpoch') "
                                    "AND done_ns BETWEEN {} AND {}",
                                    sql_text(client), at_ns - 5'000'000'000, at_ns),
                        60));
  std::vector<Asked> last;
  for (auto one = all.rbegin(); one != all.rend() && last.size() < 5; ++one) {
    const bool known = std::any_of(last.begin(), last.end(), [&](const Asked& other) {
      return other.api == one->api && other.server == one->server;
    });
    if (!known) last.push_back(*one);
  }
  std::stable_sort(last.begin(), last.end(),
                   [](const Asked& a, const Asked& b) { return *a.done_ns < *b.done_ns; });
  for (const Asked& one : last)
    tale.steps.add(Weight::cause, *one.done_ns, "answered", one.node(), one.words());
  return last;
}

// Who led when a reader was served, and how far that leader knew the log to be committed.
std::string leader_words(const Tale& tale) {
  const PastEvent* leads = nullptr;
  const PastEvent* mark = nullptr;
  for (const PastEvent& event : tale.past.events) {
    if (event.at_ns > tale.at_ns()) break;
    if (event.name == "replica.became_leader") leads = &event, mark = nullptr;
    if (leads != nullptr && event.name == "replica.high_watermark" && event.node == leads->node)
      mark = &event;
  }
  if (leads == nullptr) return "";
  std::string text = fmt::format(
      " Broker {} leads since {} in epoch {}; its log began that epoch at {}, with a high watermark of {}",
      leads->node, seconds_text(leads->at_ns), leads->leader_epoch, leads->from_offset,
      leads->high_watermark);
  if (mark != nullptr)
    text += fmt::format(", which came to {} at {}", mark->high_watermark, seconds_text(mark->at_ns));
  return text + ".";
}

// The replicas whose disks hold an offset, and of which epochs.
Result<std::string> holders_words(const Tale& tale, int64_t offset) {
  TRY_ASSIGN(const std::vector<PastBatch> batches,
             read_batches(tale.database, tale.page.partition, "", offset));
  std::string text;
  for (const PastBatch& batch : batches) {
    const Nodes nodes = batch.holders(tale.at_ns());
    if (!nodes.empty())
      text += fmt::format("{}on {} in a batch of epoch {}", text.empty() ? "" : ", ", brokers(nodes),
                          batch.leader_epoch);
  }
  return text.empty() ? fmt::format(" Offset {} stood on no disk then.", offset)
                      : fmt::format(" Offset {} stood {}.", offset, text);
}

// An offset at which a leader began, and whether the reader asked about epochs under the leader there is.
Result<std::string> epochs_words(const Tale& tale, const Move& move) {
  std::string text;
  const PastEvent* leads = nullptr;
  for (const PastEvent& event : tale.past.events) {
    if (event.at_ns > move.at_ns || event.name != "replica.became_leader") continue;
    leads = &event;
    if (move.kind == "reset" && event.from_offset == move.offset)
      text = fmt::format(" Offset {} is where epoch {} began on broker {}.", move.offset, event.leader_epoch,
                         event.node);
  }
  // One that is below the position says that what was read there is gone.
  const int32_t position = number_behind(tale.violation.message, {" was at "});
  TRY_ASSIGN(const std::optional<Fact> told,
             tale.last_fact(
                 "'log.epoch_end_told'",
                 fmt::format(
                     "subject = {} AND at_ns BETWEEN {} AND {} AND json_extract(detail, '$.end_offset') < {}",
                     sql_text(tale.page.partition), move.at_ns - 1'000'000'000, move.at_ns, position)));
  if (told && move.kind == "reset")
    text += fmt::format(" Broker {} was asked at {} where epoch {} ends, and told the end of epoch {}, {}.",
                        told->node, seconds_text(told->at_ns), told->number("asked_epoch"),
                        told->number("epoch"), told->number("end_offset"));
  if (leads == nullptr || leads->leader_epoch == 0) return text;
  TRY_ASSIGN(
      const std::vector<Asked> asked,
      tale.asked(fmt::format("client = {} AND api = 'OffsetForLeaderEpoch' AND asked_ns BETWEEN {} AND {}",
                             sql_text(move.client), leads->at_ns, move.at_ns),
                 1));
  text += asked.empty() ? fmt::format(
                              " Since broker {} leads in epoch {} ({}) it has asked nobody where an epoch "
                              "ends (OffsetForLeaderEpoch).",
                              leads->node, leads->leader_epoch, seconds_text(leads->at_ns))
                        : fmt::format(
                              " Where its epoch ends it asked last at {} ({}), under broker {}, leader of "
                              "epoch {} since {}.",
                              seconds_text(asked.back().asked_ns), asked.back().server, leads->node,
                              leads->leader_epoch, seconds_text(leads->at_ns));
  return text;
}

// The last answers that it had from who led the partition by its own word; from nobody who did: the last of
// all.
Result<std::string> last_heard_words(const Tale& tale, const std::vector<Asked>& heard, int64_t at_ns) {
  std::string whose;
  std::string role_words;
  for (auto one = heard.rbegin(); one != heard.rend(); ++one) {
    TRY_ASSIGN(const std::optional<Fact> role,
               tale.last_fact(
                   "'replica.became_leader', 'replica.became_follower'",
                   fmt::format("subject = {} AND node = {} AND at_ns <= {}", sql_text(tale.page.partition),
                               one->node(), one->answered_ns.value_or(at_ns))));
    const bool led = role && role->name == "replica.became_leader";
    if (!led && !whose.empty()) continue;
    whose = one->server;
    role_words = !role ? ""
                       : fmt::format(", which {} in epoch {} since {},", led ? "led" : "followed",
                                     role->number("leader_epoch"), seconds_text(role->at_ns));
    if (led) break;
  }
  std::string text;
  for (const Asked& one : heard) {
    if (one.server == whose)
      text += fmt::format("{}to its {} of {} at {}", text.empty() ? "" : ", ", one.api,
                          seconds_text(one.asked_ns), seconds_text(*one.done_ns));
  }
  return text.empty()
             ? text
             : fmt::format(" The last answers that it had from {}{} were {}.", whose, role_words, text);
}

Result<void> tell_moves(Tale& tale, int32_t reader) {
  TRY_ASSIGN(const int64_t judged, judged_move(tale, reader));
  TRY_ASSIGN(const std::vector<Move> moves, moves_of(tale, reader, judged));
  if (moves.empty()) return {};
  for (auto move = moves.rbegin(); move != moves.rend(); ++move)
    tale.steps.add(move->kind == "reset" ? Weight::spine : Weight::cause, move->at_ns, move->kind, -1,
                   move->words());
  const std::string_view kind = tale.wrong.kind;
  const std::string& message = tale.violation.message;
  const Move* wrong = &moves.front();
  const int64_t never = kind == "skipped" ? number_behind(message, {" at offset "}) : -1;
  const std::string client = wrong->client;
  TRY_ASSIGN(const std::vector<Asked> heard, heard_before(tale, client, wrong->at_ns));
  std::string text = fmt::format("At {} {}: {}.", seconds_text(wrong->at_ns), wrong->words(), message);
  if (wrong != &moves.back())
    text += fmt::format(" Other than to read on, the last it had done was at {}: {}.",
                        seconds_text((wrong + 1)->at_ns), (wrong + 1)->words());
  TRY_ASSIGN(const std::string answer, last_heard_words(tale, heard, wrong->at_ns));
  text += answer;
  const int64_t offset = kind == "skipped" ? never : number_behind(message, {" was at "});
  if (offset >= 0) {
    TRY_ASSIGN(const std::string holders, holders_words(tale, offset));
    text += holders;
  }
  if (kind != "wrong_position") {
    TRY_ASSIGN(const std::string epochs, epochs_words(tale, *wrong));
    text += epochs;
  }
  tale.spine(wrong->at_ns, wrong->kind, -1, wrong->words());
  tale.found(wrong->at_ns, -1, text + leader_words(tale));
  return {};
}

// Whose beliefs they are: senders are numbered by their sessions, readers from a million on.
Result<std::string> believer(const Tale& tale, int32_t number) {
  constexpr int32_t kReaders = 1'000'000;
  const bool reads = number >= kReaders;
  Query query(tale.database,
              fmt::format("SELECT client FROM op WHERE session = {} AND kind {} LIMIT 1",
                          reads ? number - kReaders : number, reads ? "IN ('read', 'assign')" : "= 'send'"));
  std::string client;
  while (query.next()) client = query.text(0);
  TRY(query.end());
  return client;
}

// A client that went back to an earlier leader.
Result<void> tell_belief(Tale& tale, int32_t number) {
  TRY_ASSIGN(const std::string client, believer(tale, number));
  TRY_ASSIGN(const std::vector<Asked> heard,
             tale.asked(fmt::format("client = {} AND api IN ('Metadata', 'Produce', 'Fetch', 'ListOffsets', "
                                    "'OffsetForLeaderEpoch') AND done_ns BETWEEN {} AND {}",
                                    sql_text(client), tale.since(kLookBackNs), tale.at_ns()),
                        3));
  std::string text = fmt::format("{} at {}: {}.", client, seconds_text(tale.at_ns()), tale.violation.message);
  std::string answers;
  for (const Asked& one : heard) {
    TRY_ASSIGN(const std::optional<Fact> known,
               tale.last_fact(
                   "'replica.became_leader', 'replica.became_follower'",
                   fmt::format("subject = {} AND node = {} AND at_ns <= {}", sql_text(tale.page.partition),
                               one.node(), one.answered_ns.value_or(tale.at_ns()))));
    answers +=
        fmt::format("{}that of {} to its {}, at {}{}", answers.empty() ? "" : ", ", one.server, one.api,
                    seconds_text(*one.done_ns),
                    known ? fmt::format(" (epoch {} by its own word)", known->number("leader_epoch")) : "");
    tale.spine(*one.done_ns, "answered", one.node(), one.words());
  }
  if (!answers.empty()) text += fmt::format(" The last answers that it had: {}.", answers);
  if (const PastState* state = tale.past.state_at(tale.at_ns()))
    text += fmt::format(" The controller had come to leader {} of epoch {} at {}.", state->leader,
                        state->leader_epoch, seconds_text(state->at_ns));
  tale.found(heard.empty() ? tale.at_ns() : *heard.back().done_ns, -1, text);
  return {};
}

// What one poll handed out, by partition.
Result<void> tell_poll(Tale& tale, int32_t reader) {
  Query query(tale.database, fmt::format("SELECT partition, count(*) FROM op WHERE kind = 'read' AND session "
                                         "= {} AND completed_ns = {} GROUP BY partition ORDER BY 1",
                                         reader, tale.at_ns()));
  std::string parts;
  while (query.next())
    parts += fmt::format("{}{} of {}", parts.empty() ? "" : ", ", query.number(1), query.text(0));
  TRY(query.end());
  tale.spine(tale.at_ns(), "poll", -1, fmt::format("consumer {} is handed records: {}", reader, parts));
  tale.found(
      tale.at_ns(), -1,
      fmt::format("Consumer {} polled at {}: {}. Handed out were {}.", reader, seconds_text(tale.at_ns()),
                  tale.violation.message, parts.empty() ? "records that nobody counted" : parts));
  return {};
}

// What the faults did to the disks of the replicas before.
std::string damage_words(const Tale& tale) {
  std::string text;
  if (tale.wrong.kind != "served_another") return text;
  for (const PastFault& fault : tale.past.faults) {
    const bool damages =
        fault.kind.find("rot") != std::string::npos || fault.kind.find("misdirected") != std::string::npos;
    if (damages && fault.began_ns <= tale.at_ns())
      text += fmt::format(" {} at {} ({}).", fault_text(fault), seconds_text(fault.began_ns),
                          fault.effect.substr(0, fault.effect.find(';')));
  }
  return text.empty()
             ? text
             : " Disks were damaged:" + text + " A reader hands out no batch whose checksum is wrong.";
}

// An offset that a leader told, or handed out, and must not.
Result<void> tell_served(Tale& tale) {
  const bool told = tale.violation.checker == "R4";
  const std::string which =
      fmt::format("api = '{}' AND server LIKE 'broker-%' AND done_ns BETWEEN {} AND {}",
                  told ? "ListOffsets" : "Fetch", tale.at_ns() - 1'000'000'000, tale.at_ns());
  TRY_ASSIGN(const std::vector<Asked> all, tale.asked(which + " AND client NOT LIKE 'broker-%'", 20));
  const int32_t reader = number_behind(tale.violation.message, {"consumer ", "client "});
  const Asked* last = nullptr;
  for (const Asked& one : all) {
    const bool his = reader < 0 || one.client.ends_with(fmt::format("-{}", reader));
    if (his && (last == nullptr || *one.done_ns >= *last->done_ns)) last = &one;
  }
  std::string text = fmt::format("At {}: {}.", seconds_text(tale.at_ns()), tale.violation.message);
  int32_t node = -1;
  int64_t at = tale.at_ns();
  if (last != nullptr) {
    node = last->node();
    at = last->answered_ns.value_or(at);
    tale.spine(at, "answered", node,
               fmt::format("broker {} answers {}: {}", node, last->client, last->words()));
    text +=
        fmt::format(" Broker {} answered {}'s {} at {}.", node, last->client, last->api, seconds_text(at));
  }
  // No leader says that a log ends at -1, and a batch whose checksum is wrong goes to the reader, who must
  // look.
  const bool by_client = tale.says("and -1 when asked") || tale.wrong.kind == "served_another";
  if (tale.says("and -1 when asked")) text += " No log ends at -1: the client took an error for the answer.";
  tale.found(by_client ? tale.at_ns() : at, by_client ? -1 : node,
             text + leader_words(tale) + damage_words(tale));
  return {};
}

// ---- senders ----

int64_t number_of(const std::string& record) {
  int64_t number = 0;
  std::from_chars(record.data(), record.data() + record.size(), number, 16);
  return number;
}

std::string id_text(int64_t number) { return fmt::format("{:016x}", number); }

// The request that brought a batch to the broker that appended it, and its answer.
Result<std::optional<Asked>> brought_by(const Tale& tale, const std::string& client, const PastCopy& copy) {
  TRY_ASSIGN(const std::vector<Asked> found,
             tale.asked(fmt::format("api = 'Produce' AND client = {} AND server = 'broker-{}' AND arrived_ns "
                                    "<= {} AND coalesce(answered_ns, {}) >= {}",
                                    sql_text(client), copy.node, copy.from_ns + 2'000'000, copy.from_ns,
                                    copy.from_ns),
                        1));
  std::optional<Asked> one;
  if (!found.empty()) one = found.back();
  return one;
}

std::string fate_words(const Asked& asked) {
  return asked.done_ns ? fmt::format("answered at {}", seconds_text(*asked.done_ns))
         : asked.answered_ns
             ? fmt::format("whose answer left at {} and was lost", seconds_text(*asked.answered_ns))
             : std::string("which was never answered");
}

// Each time that the record was appended by a leader, and what the client heard of it.
Result<std::string> tell_appends(Tale& tale, const std::string& client, const std::string& record) {
  TRY_ASSIGN(const std::vector<PastBatch> batches,
             read_batches(tale.database, tale.page.partition, record, -1));
  std::string text;
  for (const PastBatch& batch : batches) {
    const PastCopy& first = batch.copies.front();
    if (first.from_ns > tale.at_ns()) continue;
    TRY_ASSIGN(const std::optional<Asked> asked, brought_by(tale, client, first));
    const std::string request = asked ? fmt::format(", brought by the request of {}, {}",
                                                    seconds_text(asked->asked_ns), fate_words(*asked))
                                      : "";
    const std::string what = fmt::format(
        "broker {} wrote it at {} in a batch at offsets {} to {} of epoch {}{}", first.node,
        seconds_text(first.from_ns), batch.base_offset, batch.last_offset, batch.leader_epoch, request);
    tale.spine(first.from_ns, "written", first.node, fmt::format("record {}: {}", record, what));
    text += fmt::format("{}{}", text.empty() ? "" : "; ", what);
  }
  return text;
}

struct Append {
  int64_t at_ns = 0;
  int32_t node = -1;
};

// The append that put the record where it must not be: of the batch at that offset.
Result<Append> append_at(const Tale& tale, const std::string& record, int64_t offset) {
  TRY_ASSIGN(const std::vector<PastBatch> batches,
             read_batches(tale.database, tale.page.partition, record, -1));
  Append found{tale.at_ns(), -1};
  for (const PastBatch& batch : batches) {
    if (batch.base_offset <= offset && offset <= batch.last_offset)
      found = {batch.copies.front().from_ns, batch.copies.front().node};
  }
  return found;
}

Result<void> tell_order(Tale& tale, const SentRecord& sent) {
  const std::string& record = tale.violation.record;
  const std::string& message = tale.violation.message;
  const int64_t offset = number_behind(message, {" at offset "});
  TRY_ASSIGN(const Append append, append_at(tale, record, offset));
  TRY_ASSIGN(const std::string appends, tell_appends(tale, sent.client, record));
  std::string text;
  if (tale.wrong.kind == "gap") {
    const int64_t before = message.rfind(": send ") == std::string::npos
                               ? -1
                               : number_behind(message.substr(message.rfind(": send ")), {"send "});
    const std::string missing = id_text((number_of(record) & ~0xffffffffLL) | before);
    TRY_ASSIGN(const std::optional<SentRecord> gone, read_record(tale.database, missing));
    TRY_ASSIGN(const std::string elsewhere, tell_appends(tale, sent.client, missing));
    text = fmt::format(
        "Broker {} wrote record {} at {}, though record {} of the same producer, which was sent before it, "
        "is not in front of it: {}.",
        append.node, record, seconds_text(append.at_ns), missing,
        elsewhere.empty() ? "it was never written" : elsewhere);
    if (gone)
      text += fmt::format(" {} was told of that one: {}{}.", gone->client, gone->outcome,
                          gone->told_ns ? " at " + seconds_text(*gone->told_ns) : "");
  } else {
    text = fmt::format("Broker {} wrote record {} at offset {} at {}, {}. In all: {}.", append.node, record,
                       offset, seconds_text(append.at_ns),
                       tale.wrong.kind == "written_twice"
                           ? "which it had taken before, or a leader before it"
                           : fmt::format("behind later ones of the same producer (send {} at offset {})",
                                         number_behind(message, {"follows send "}),
                                         number_behind(text_behind(message, "follows"), {" at offset "})),
                       appends);
  }
  tale.found(append.at_ns, append.node, text);
  return {};
}

// It was told that nothing was written, or never told in time.
Result<void> tell_told(Tale& tale, const SentRecord& sent) {
  const int64_t told = sent.told_ns.value_or(tale.at_ns());
  TRY_ASSIGN(const std::string appends, tell_appends(tale, sent.client, sent.id));
  std::string text;
  if (tale.wrong.kind == "told_not_written") {
    text = fmt::format(
        "{} sent record {} at {} and was told {} at {}, which says that it is certainly not written. But "
        "{}. ",
        sent.client, sent.id, seconds_text(sent.sent_ns), sent.error, seconds_text(told),
        appends.empty() ? "it stands in the log" : appends);
    text +=
        "A client may say so only if no attempt of its own can have been written; one that was not answered, "
        "or refused after the append, can.";
  } else if (tale.wrong.kind == "late_end") {
    text = fmt::format("{} sent record {} at {} and had its answer at {}, {} later: {}.", sent.client,
                       sent.id, seconds_text(sent.sent_ns), seconds_text(told),
                       lasting_text(told - sent.sent_ns), tale.violation.message);
    if (!appends.empty()) text += fmt::format(" Of the record: {}.", appends);
  } else {
    text = fmt::format("At {}: {}. Of the record: {}.", seconds_text(told), tale.violation.message,
                       appends.empty() ? "no log ever held it" : appends);
  }
  tale.found(told, -1, text);
  return {};
}

// Requests of the client around that time that were not answered as they should: those are sent again.
Result<void> tell_unanswered(Tale& tale, const std::string& client, int64_t from_ns) {
  TRY_ASSIGN(
      const std::vector<Asked> open,
      tale.asked(
          fmt::format("api = 'Produce' AND fate <> 'answered' AND client = {} AND asked_ns BETWEEN {} AND {}",
                      sql_text(client), from_ns, tale.at_ns()),
          4));
  for (const Asked& one : open)
    tale.steps.add(Weight::cause, one.asked_ns, "unanswered", one.node(),
                   fmt::format("a Produce request of {} to {}: {}", one.client, one.server, one.fate));
  return {};
}

// What became of the sends of the same session around it.
Result<void> tell_neighbours(Tale& tale) {
  const int64_t number = number_of(tale.violation.record);
  Query query(
      tale.database,
      fmt::format("SELECT record, client, invoked_ns, completed_ns, outcome, coalesce(error, ''), offset "
                  "FROM op WHERE kind = 'send' AND partition = {} AND session = "
                  "(SELECT session FROM record WHERE id = {}) AND record BETWEEN {} AND {} ORDER BY id",
                  sql_text(tale.page.partition), sql_text(tale.violation.record),
                  sql_text(id_text(number - 3)), sql_text(id_text(number + 1))));
  while (query.next()) {
    const Weight weight = query.text(0) == tale.violation.record ? Weight::spine : Weight::context;
    tale.steps.add(weight, query.number(2), "sent", -1,
                   fmt::format("{} sends record {}", query.text(1), query.text(0)));
    if (query.is_null(3)) continue;
    const std::string error = query.text(5) == "NONE" ? "" : " " + query.text(5);
    tale.steps.add(weight, query.number(3), "told", -1,
                   fmt::format("{} is told of {}: {}{}{}", query.text(1), query.text(0), query.text(4), error,
                               query.is_null(6) ? "" : fmt::format(", offset {}", query.number(6))));
  }
  return query.end();
}

}  // namespace

Result<void> tell_reader(Tale& tale) {
  TRY(tell_partition(tale, kLookBackNs / 2));
  const int32_t reader = number_behind(tale.violation.message, {"consumer ", "client "});
  const std::string& checker = tale.violation.checker;
  if (checker == "K2") return tell_belief(tale, reader);
  if (checker == "K3") return tell_poll(tale, number_behind(tale.violation.subject, {"consumer "}));
  if (checker == "R4" || checker == "R5") {
    TRY(tell_served(tale));
  } else if (reader >= 0) {
    TRY(tell_moves(tale, reader));
  }
  return tale.about() >= 0 && !tale.page.partition.empty() ? tell_offset(tale) : Result<void>{};
}

Result<void> tell_session(Tale& tale) {
  TRY(tell_partition(tale, kLookBackNs / 3));
  if (tale.violation.record.empty()) return {};
  tale.page.record = tale.violation.record;
  TRY(tell_neighbours(tale));
  TRY_ASSIGN(const std::optional<SentRecord> sent, read_record(tale.database, tale.violation.record));
  if (!sent) return {};
  const bool order = tale.violation.checker == "P1";
  TRY(order ? tell_order(tale, *sent) : tell_told(tale, *sent));
  TRY(tell_unanswered(tale, sent->client, sent->sent_ns - 1'000'000'000));
  return tale.about() >= 0 ? tell_offset(tale) : Result<void>{};
}

}  // namespace ksim::sim
