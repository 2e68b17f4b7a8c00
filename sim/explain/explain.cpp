#include "sim/explain/explain.h"

#include <algorithm>

#include <fmt/format.h>

#include "sim/explain/loss.h"
#include "sim/explain/outage.h"
#include "sim/explain/told_page.h"
#include "sim/explain/violation.h"
#include "sim/explain/words.h"
#include "sim/history/check_recording.h"
#include "sim/history/sqlite.h"

namespace ksim::sim {
namespace {

Failure<Error> bad(std::string message) { return fail(ErrorCode::INVALID_REQUEST, std::move(message)); }

// The batch that a question is about, among those that had the record: the one that was acknowledged, else
// the last one that was written.
const PastBatch* chosen(const std::vector<PastBatch>& batches, std::optional<int64_t> offset) {
  const PastBatch* found = nullptr;
  for (const PastBatch& batch : batches) {
    const bool there = offset && batch.base_offset <= *offset && *offset <= batch.last_offset;
    if (there || found == nullptr ||
        (!offset && batch.copies.front().from_ns > found->copies.front().from_ns))
      found = &batch;
    if (there) break;
  }
  return found;
}

Result<std::string> record_at(Database& database, int64_t batch, int64_t offset) {
  Query query(
      database,
      fmt::format("SELECT record FROM batch_record WHERE batch = {} ORDER BY abs(offset - {}) LIMIT 1", batch,
                  offset));
  std::string record;
  if (query.next()) return query.text(0);
  TRY(query.end());
  return record;
}

Explanation loss_page(const LossCase& about) {
  const Loss loss = find_loss(about);
  Explanation page;
  page.about = about.sent ? Explanation::About::record : Explanation::About::offset;
  page.partition = about.past.partition;
  page.acks = about.acks();
  if (about.sent) page.record = about.sent->id;
  const std::string told = !about.sent || about.sent->outcome != "ok"
                               ? std::string()
                               : fmt::format(", acknowledged to {} ({}) at offset {},", about.sent->client,
                                             acks_words(about.sent->acks), about.offset);
  page.subject = about.sent ? fmt::format("record {}", about.sent->id)
                            : fmt::format("offset {} of {}", about.offset, about.past.partition);
  page.headline = (about.sent ? "of " + about.past.partition : std::string("what was committed there")) +
                  told + " " + loss.headline;
  page.steps = loss_steps(about, loss);
  for (const PastCopy& copy : about.batch.copies)
    page.copies.push_back({copy.node, copy.from_ns, copy.synced_ns, copy.until_ns, copy.gone_by});
  std::string text = loss.what + (loss.why.empty() ? "" : " " + loss.why);
  if (loss.broken) text += " That breaks a rule of Kafka: a setting may hide it, only other code mends it.";
  page.culprit = Explanation::Culprit{loss.at_ns, loss.kind, loss.node, std::move(text)};
  page.last_chance = last_chance(about, loss);
  page.rule = rule_of(loss.kind);
  return page;
}

Result<Explanation> explain_record(Database& database, const SentRecord& sent,
                                   const PastViolation* violation) {
  TRY_ASSIGN(const Past past, read_past(database, sent.partition));
  TRY_ASSIGN(const std::vector<PastBatch> batches, read_batches(database, sent.partition, sent.id, -1));
  const PastBatch* batch = chosen(batches, sent.offset);
  TRY_ASSIGN(std::optional<Explanation> elsewhere, told_page(database, past, sent, batches));
  if (elsewhere) return std::move(*elsewhere);
  LossCase about{past, *batch, sent.offset.value_or(batch->base_offset), sent, -1, past.ended_ns};
  if (violation != nullptr) {
    about.horizon_ns = violation->at_ns;
    if (violation->checker == "R1" || violation->checker == "R6") about.suspect = violation->suspect();
  }
  if (violation == nullptr && !sent.lost) {
    Explanation page = loss_page(about);
    page.headline = sent.outcome == "ok" ? fmt::format("of {} is not lost: it is committed", sent.partition)
                                         : fmt::format("of {} was not acknowledged: {} {}", sent.partition,
                                                       sent.outcome, sent.error);
    page.culprit.reset();
    page.last_chance.reset();
    page.rule.reset();
    return page;
  }
  return loss_page(about);
}

// The batch that stood at an offset first: what was committed there before another one came.
Result<std::optional<Explanation>> explain_offset(Database& database, const PastViolation& violation) {
  TRY_ASSIGN(const Past past, read_past(database, violation.partition()));
  TRY_ASSIGN(const std::vector<PastBatch> batches,
             read_batches(database, past.partition, "", violation.offset));
  std::optional<Explanation> page;
  const PastBatch* chosen = nullptr;
  for (const PastBatch& batch : batches) {
    const bool named = violation.message.find(fmt::format("..{} epoch {}", batch.last_offset,
                                                          batch.leader_epoch)) != std::string::npos;
    if (batch.copies.front().from_ns <= violation.at_ns && (named || chosen == nullptr)) chosen = &batch;
    if (named) break;
  }
  if (chosen == nullptr) return page;
  TRY_ASSIGN(const std::string record, record_at(database, chosen->id, violation.offset));
  LossCase about{past, *chosen, violation.offset, std::nullopt, violation.suspect(), violation.at_ns};
  about.acknowledged = violation.checker == "X1";
  if (!record.empty()) {
    TRY_ASSIGN(about.sent, read_record(database, record));
  }
  page = loss_page(about);
  return page;
}

// What a counter had acknowledged and lacks is the record at its end.
PastViolation counted(PastViolation violation) {
  const std::string words = "acknowledged at ";
  const size_t at = violation.message.find(words);
  if (violation.checker == "X1" && violation.offset < 0 && at != std::string::npos)
    violation.offset = int64_t{number_behind(violation.message, {words})} - 1;
  return violation;
}

bool about_a_loss(const PastViolation& violation) {
  if (violation.checker == "R1") return true;
  if (violation.checker == "R6" || violation.checker == "X1") return violation.offset >= 0;
  return violation.checker == "P2" && violation.message.find("acknowledged") != std::string::npos &&
         violation.message.find("timestamp") == std::string::npos &&
         violation.message.find("another key") == std::string::npos;
}

Result<Explanation> explain_found(Database& database, const PastViolation& told) {
  const PastViolation violation = counted(told);
  std::optional<Explanation> page;
  if (about_a_loss(violation)) {
    std::optional<SentRecord> sent;
    if (!violation.record.empty()) {
      TRY_ASSIGN(sent, read_record(database, violation.record));
    }
    if (sent) {
      TRY_ASSIGN(page, explain_record(database, *sent, &violation));
    } else if (violation.offset >= 0) {
      TRY_ASSIGN(page, explain_offset(database, violation));
    }
  }
  if (!page || !page->culprit || page->culprit->kind.empty()) return explain_violation(database, violation);
  page->headline += fmt::format(". Found at {} by {}: {}", seconds_text(violation.at_ns), violation.checker,
                                violation.message);
  page->subject = fmt::format("violation {}, {}", violation.number, page->subject);
  return std::move(*page);
}

Result<Explanation> explain_partition(Database& database, const std::string& partition) {
  TRY_ASSIGN(const Past past, read_past(database, partition));
  if (past.states.empty()) return bad(fmt::format("the run has no partition {}", partition));
  TRY_ASSIGN(const std::optional<Outage> outage, longest_outage(database, partition));
  if (outage) return explain_outage(database, past, *outage);
  Explanation page;
  page.partition = partition;
  page.subject = "partition " + partition;
  page.headline = "was never unavailable: no send waited for a second";
  return page;
}

Result<Explanation> explain_first(Database& database) {
  TRY_ASSIGN(const std::vector<PastViolation> violations, read_violations(database));
  if (!violations.empty()) return explain_found(database, violations.front());
  Query lost(database, "SELECT id FROM record WHERE lost = 1 ORDER BY acknowledged_ns, id LIMIT 1");
  if (lost.next()) {
    TRY_ASSIGN(const std::optional<SentRecord> sent, read_record(database, lost.text(0)));
    if (sent) {
      Query count(database, "SELECT count(*) FROM record WHERE lost = 1");
      const int64_t others = count.next() ? count.number(0) - 1 : 0;
      TRY_ASSIGN(Explanation page, explain_record(database, *sent, nullptr));
      page.headline += fmt::format(". The contract {} it", sent->permitted ? "permits" : "forbids");
      if (others > 0)
        page.headline += fmt::format("; {} more acknowledged records are lost in this run", others);
      return page;
    }
  }
  TRY_ASSIGN(const std::optional<Outage> outage, longest_outage(database, ""));
  if (outage) return explain_partition(database, outage->partition);
  Explanation page;
  page.subject = "this run";
  page.headline =
      "all held: no violation, no acknowledged record lost, no partition unavailable for a second";
  return page;
}

}  // namespace

Result<Question> parse_question(const std::string& text) {
  const size_t colon = text.find(':');
  const std::string kind = text.substr(0, colon);
  const std::string what = colon == std::string::npos ? "" : text.substr(colon + 1);
  Question question;
  const bool number =
      !what.empty() && what.size() < 10 && what.find_first_not_of("0123456789") == std::string::npos;
  const bool hex =
      !what.empty() && what.size() <= 16 && what.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (kind == "record" && hex) {
    question.record = std::string(16 - what.size(), '0') + what;
  } else if (kind == "partition" && !what.empty()) {
    question.partition = what;
  } else if (kind == "violation" && number) {
    question.violation = std::stoll(what);
  } else {
    return bad(fmt::format("--of {}: expected record:ID, partition:NAME or violation:N", text));
  }
  return question;
}

Result<Explanation> explain(Database& database, const Question& question) {
  TRY_ASSIGN(const bool recorded, is_recorded_run(database));
  if (!recorded) return bad(std::string(kNoRecordedRun));
  for (const std::string_view table : {"batch", "batch_record", "copy", "node_event"}) {
    TRY_ASSIGN(const bool there, has_table(database, table));
    if (!there)
      return bad(fmt::format(
          "has no table {}: another ksim recorded it, without what an explanation needs; record it again",
          table));
  }
  TRY(check_recording(database));
  if (question.record) {
    TRY_ASSIGN(const std::optional<SentRecord> sent, read_record(database, *question.record));
    if (!sent) return bad(fmt::format("nobody sent a record {} in this run", *question.record));
    return explain_record(database, *sent, nullptr);
  }
  if (question.partition) return explain_partition(database, *question.partition);
  if (!question.violation) return explain_first(database);
  TRY_ASSIGN(const std::vector<PastViolation> violations, read_violations(database));
  for (const PastViolation& violation : violations) {
    if (violation.number == *question.violation) return explain_found(database, violation);
  }
  return bad(fmt::format("this run has {} violations", violations.size()));
}

}  // namespace ksim::sim
