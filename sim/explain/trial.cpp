#include "sim/explain/trial.h"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "sim/explain/outage.h"
#include "sim/explain/past.h"
#include "sim/explain/words.h"
#include "sim/history/sqlite.h"

namespace ksim::sim {
namespace {

using Json = nlohmann::json;
using About = Explanation::About;

std::string counts_text(const Ending& ending) {
  return fmt::format(
      "{} of {} acknowledged lost, {} given up, {}", ending.lost, ending.acknowledged, ending.given_up,
      ending.waited_ns == 0 ? "no wait of a second" : "longest wait " + lasting_text(ending.waited_ns));
}

void judge_record(const Ending& now, const Explanation& page, Explanation::Remedy& remedy) {
  if (now.gone) {
    remedy.outcome = "lost anyway";
  } else if (now.told.empty()) {
    remedy.outcome = "refused";
    remedy.text += "; it was not sent";
  } else if (now.told != "ok") {
    remedy.outcome = now.told.starts_with("failed") ? "refused" : "not acknowledged";
    remedy.text += "; the client was told: " + now.told;
  } else if (now.lost > 0) {
    remedy.text += fmt::format("; it is there, but {} others of {} are lost", now.lost, page.partition);
  }
}

}  // namespace

Result<Ending> ending_of(Database& database, const Explanation& page) {
  Ending ending;
  const std::string of = page.partition.empty() ? "" : " AND partition = " + sql_text(page.partition);
  Query counts(
      database,
      "SELECT coalesce(sum(acknowledged_ns IS NOT NULL), 0), coalesce(sum(lost), 0) FROM record WHERE 1" +
          of);
  while (counts.next()) ending.acknowledged = counts.number(0), ending.lost = counts.number(1);
  TRY(counts.end());
  Query given_up(database,
                 "SELECT count(*) FROM op WHERE kind = 'send' AND outcome IN ('failed', 'unknown')" + of);
  while (given_up.next()) ending.given_up = given_up.number(0);
  TRY(given_up.end());
  TRY_ASSIGN(const std::optional<Outage> outage, longest_outage(database, page.partition));
  if (outage) ending.waited_ns = outage->lasted_ns();
  if (page.record.empty()) return ending;
  Query record(database,
               "SELECT o.outcome, coalesce(o.error, ''), r.lost FROM record r JOIN op o ON o.id = r.sent_op "
               "WHERE r.id = " +
                   sql_text(page.record));
  while (record.next()) {
    ending.told = record.text(0) == "ok" ? "ok" : fmt::format("{} {}", record.text(0), record.text(1));
    ending.gone = record.number(2) != 0;
  }
  TRY(record.end());
  return ending;
}

std::string packed(const Ending& ending) {
  return Json{ending.cause,    ending.digest,    ending.acknowledged, ending.lost,
              ending.given_up, ending.waited_ns, ending.told,         ending.gone}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<Ending> unpacked(const std::string& text) {
  const Json made = Json::parse(text, nullptr, false);
  if (!made.is_array()) return std::nullopt;
  return Ending{made[0], made[1], made[2], made[3], made[4], made[5], made[6], made[7]};
}

Explanation::Remedy as_it_was(const Ending& before, const Explanation& page) {
  const bool lost = page.about == About::record ? before.gone : before.lost > 0;
  const std::string outcome = page.about == About::outage                                   ? "unavailable"
                              : page.about == About::violation                              ? "violated"
                              : lost || (page.about == About::offset && before.cause != "") ? "lost"
                              : before.cause.empty()                                        ? ""
                                                                                            : "violated";
  return {"(as it was)", outcome, counts_text(before)};
}

Explanation::Remedy judged(const std::string& setting, const Ending& before, const Ending& now,
                           const Explanation& page) {
  Explanation::Remedy remedy{setting, "saved", counts_text(now)};
  if (!now.cause.empty() && now.cause != before.cause) {
    remedy.outcome = "other violation";
    remedy.text = now.cause;
    return remedy;
  }
  switch (page.about) {
    case About::record:
      judge_record(now, page, remedy);
      break;
    case About::outage:
      remedy.outcome = now.waited_ns * 2 < before.waited_ns ? "sooner" : "no better";
      break;
    case About::offset:
      if (now.lost > 0 || !now.cause.empty()) remedy.outcome = "lost anyway";
      break;
    case About::violation:
    case About::nothing:
      if (!now.cause.empty()) remedy.outcome = "violated anyway";
      break;
  }
  if (now.cause.empty()) return remedy;
  // Another record may be the one that it is told of now.
  if (page.about == About::record && remedy.outcome == "saved") remedy.outcome = "violated anyway";
  remedy.text += "; the same violation again";
  return remedy;
}

}  // namespace ksim::sim
