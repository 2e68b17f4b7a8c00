#include "sim/explain/told_page.h"

#include <algorithm>

#include <fmt/format.h>

#include "sim/explain/words.h"
#include "sim/history/sqlite.h"

namespace ksim::sim {
namespace {

// Where a record was written first.
struct Place {
  std::string partition;
  int64_t offset = -1;
  int32_t node = -1;
  int64_t at_ns = 0;
  std::string record;
};

Result<std::optional<Place>> first_place(Database& database, const std::string& which) {
  Query query(
      database,
      fmt::format(
          "SELECT b.partition, r.offset, c.node, c.from_ns, r.record FROM batch_record r JOIN batch b ON "
          "b.id = r.batch JOIN copy c ON c.batch = b.id WHERE {} ORDER BY c.from_ns, c.node LIMIT 1",
          which));
  std::optional<Place> place;
  while (query.next())
    place = Place{query.text(0), query.number(1), static_cast<int32_t>(query.number(2)), query.number(3),
                  query.text(4)};
  TRY(query.end());
  return place;
}

Explanation begun_page(const SentRecord& sent) {
  Explanation page;
  page.about = Explanation::About::record;
  page.partition = sent.partition;
  page.record = sent.id;
  page.acks = sent.acks;
  page.subject = "record " + sent.id;
  page.steps.push_back(
      {sent.sent_ns, "sent", -1,
       fmt::format("{} sends it to {} ({})", sent.client, sent.partition, acks_words(sent.acks))});
  return page;
}

// It stands in a log, but not where its sender was told, or sent it.
Explanation elsewhere_page(const SentRecord& sent, const Place& place) {
  Explanation page = begun_page(sent);
  const bool another = place.partition != sent.partition;
  const int64_t told_ns = sent.told_ns.value_or(sent.sent_ns);
  const std::string told = fmt::format("offset {} of {}", sent.offset.value_or(-1), sent.partition);
  page.headline = fmt::format("was acknowledged at {} and stands at offset {} of {}", told, place.offset,
                              place.partition);
  page.steps.push_back(
      {place.at_ns, "written", place.node,
       fmt::format("broker {} writes it at offset {} of {}", place.node, place.offset, place.partition)});
  page.steps.push_back(
      {told_ns, "told", -1, fmt::format("{} is told: {}, {}", sent.client, sent.outcome, told)});
  const std::string text = another ? fmt::format(
                                         "{} sent it to {} at {}; broker {} wrote it into {} at {}, since "
                                         "that is where its request said. A producer "
                                         "chooses the partition of a record by its key among all partitions "
                                         "of the topic, whoever leads them.",
                                         sent.client, sent.partition, seconds_text(sent.sent_ns), place.node,
                                         place.partition, seconds_text(place.at_ns))
                                   : fmt::format(
                                         "{} was told at {} that it is written at {}. Broker {} had written "
                                         "it at {}, at offset {}: it was given the "
                                         "answer to another batch, or was taken for a copy of it.",
                                         sent.client, seconds_text(told_ns), told, place.node,
                                         seconds_text(place.at_ns), place.offset);
  page.culprit = Explanation::Culprit{another ? sent.sent_ns : told_ns,
                                      another ? "another_partition" : "another_offset", -1, text};
  page.rule =
      another
          ? Explanation::Rule{"keys and partitions",
                              "The same key goes to the same partition, as long as the topic has as many."}
          : Explanation::Rule{"what a producer is told",
                              "Each batch of a request has its own answer, by topic and partition: the "
                              "offset at which it was written."};
  return page;
}

// Another record, for which it may have been taken.
std::string instead_words(const SentRecord& sent, const std::optional<Place>& instead) {
  if (!instead) return "";
  return fmt::format(
      " At offset {}, which it was told, stands record {}, written at {} by broker {}: this one was taken "
      "for a copy of that.",
      sent.offset.value_or(-1), instead->record, seconds_text(instead->at_ns), instead->node);
}

// Acknowledged, and in no log, ever.
Explanation nowhere_page(const Past& past, const SentRecord& sent, const std::optional<Place>& instead) {
  Explanation page = begun_page(sent);
  const PastState* state = past.state_at(sent.told_ns.value_or(sent.sent_ns));
  const int32_t leader = state == nullptr ? -1 : state->leader;
  if (instead)
    page.steps.push_back({instead->at_ns, "written", instead->node,
                          fmt::format("broker {} writes another record, {}, at offset {}", instead->node,
                                      instead->record, instead->offset)});
  if (sent.told_ns)
    page.steps.push_back({*sent.told_ns, "told", leader,
                          fmt::format("{} is told: {}; leader {}", sent.client, sent.outcome, leader)});
  std::stable_sort(page.steps.begin(), page.steps.end(),
                   [](const Explanation::Step& a, const Explanation::Step& b) { return a.at_ns < b.at_ns; });
  const bool acknowledged = sent.outcome == "ok" && sent.acks != 0;
  page.headline = fmt::format("of {} stood in no log at any time{}", sent.partition,
                              acknowledged ? ", and yet it was acknowledged" : "");
  page.culprit = Explanation::Culprit{
      sent.told_ns.value_or(sent.sent_ns), sent.acks == 0 ? "nothing_promised" : "acknowledgement", leader,
      sent.acks == 0
          ? std::string(
                "With acks=0 the client hears of nothing: the request did not arrive, or was refused.")
      : acknowledged ? fmt::format("{} was told that it is written, and no disk has ever held it.{}",
                                   sent.client, instead_words(sent, instead))
                     : fmt::format("It was never written, and {} was told so: {} {}.", sent.client,
                                   sent.outcome, sent.error)};
  page.rule = rule_of(page.culprit->kind);
  if (acknowledged && instead)
    page.rule = Explanation::Rule{"KIP-98: idempotent producers",
                                  "A leader answers a batch as a copy of one that it has only where "
                                  "producer, epoch and sequences are those of that "
                                  "one; a client gives each batch sequences of its own."};
  return page;
}

}  // namespace

Result<std::optional<Explanation>> told_page(Database& database, const Past& past, const SentRecord& sent,
                                             const std::vector<PastBatch>& batches) {
  std::optional<Explanation> page;
  const bool acknowledged = sent.outcome == "ok" && sent.acks != 0 && sent.offset && *sent.offset >= 0;
  const bool there = acknowledged && std::any_of(batches.begin(), batches.end(), [&](const PastBatch& one) {
                       return one.base_offset <= *sent.offset && *sent.offset <= one.last_offset;
                     });
  if (acknowledged && !there) {
    TRY_ASSIGN(const std::optional<Place> place, first_place(database, "r.record = " + sql_text(sent.id)));
    if (place) page = elsewhere_page(sent, *place);
  }
  if (page || !batches.empty()) return page;
  std::optional<Place> instead;
  if (acknowledged) {
    TRY_ASSIGN(instead, first_place(database, fmt::format("b.partition = {} AND r.offset = {}",
                                                          sql_text(sent.partition), *sent.offset)));
  }
  page = nowhere_page(past, sent, instead);
  return page;
}

}  // namespace ksim::sim
