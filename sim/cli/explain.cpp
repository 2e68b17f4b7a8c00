// ksim explain: why a record is lost, a partition was unavailable or a promise broken, on one page; and which
// setting would have averted it, by running the same plan again with each.

#include "sim/explain/explain.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "sim/cli/remedies.h"
#include "sim/cli/trials.h"
#include "sim/explain/outage.h"
#include "sim/explain/words.h"
#include "sim/history/sqlite.h"
#include "sim/host/files.h"
#include "sim/host/scramble.h"
#include "sim/host/terminal.h"
#include "sim/workloads/all.h"

namespace ksim::sim {
namespace {

using Json = nlohmann::json;

constexpr size_t kPageWidth = 120;

// What the person asked about: the recording, and the plan that it is of.
struct Recording {
  std::string recording;
  Plan plan;
  std::vector<std::string> repeat;
};

Result<std::string> first_text(Database& database, const std::string& sql) {
  Query query(database, sql);
  std::string text;
  if (query.next()) return query.text(0);
  TRY(query.end());
  return text;
}

// A recording that was made before.
Result<Recording> open_recording(const std::string& file, std::string image) {
  Recording told;
  told.recording = std::move(image);
  TRY_ASSIGN(Database database, Database::open(told.recording));
  TRY_ASSIGN(const std::string text, first_text(database, "SELECT plan FROM run"));
  TRY_ASSIGN(told.plan, parse_plan(text, file, {}, plan_vocabulary()));
  host::RunChoice choice;
  choice.scenario = told.plan.scenario;
  choice.seed = std::to_string(told.plan.seed);
  const Result<Plan> drawn = chosen_plan(choice);
  if (drawn.ok() && print_plan(*drawn) == text)
    told.repeat.push_back(fmt::format("scripts/ksim scenario {} --seed {}", choice.scenario, *choice.seed));
  told.repeat.push_back(fmt::format("scripts/ksim sql {} \"select * from timeline\"", file));
  return told;
}

Result<Recording> record_now(const host::RunChoice& run) {
  Recording told;
  TRY_ASSIGN(told.plan, chosen_plan(run));
  host::ScenarioCommand again;
  again.scenario = run.scenario;
  again.plan_file = run.plan_file;
  again.seed = run.seed;
  again.settings = run.settings;
  TRY_ASSIGN(const Source source, load_source(again));
  TRY_ASSIGN(const Lineage lineage, typed_lineage(run.seed));
  host::keep_memory();
  RunMemory memory;
  RunRequest request;
  request.record = true;
  RunSummary summary = run_guarded(told.plan, request, memory);
  if (!summary.simulator_fault.empty()) return fail(ErrorCode::UNKNOWN_SERVER_ERROR, summary.simulator_fault);
  told.recording = std::move(summary.recording);
  told.repeat.push_back(repeat_command(again, source, lineage) + " --record run.sqlite");
  return told;
}

Result<Recording> recording_of(const host::RunChoice& run) {
  if (!run.plan_file && !run.seed && run.settings.empty()) {
    Result<std::string> file = host::read_text(run.scenario);
    if (file.ok() && file->starts_with(kSqliteMagic))
      return open_recording(run.scenario, std::move(file).value());
    if (run.scenario.ends_with(".sqlite")) {
      return fail(ErrorCode::INVALID_REQUEST,
                  file.ok() ? run.scenario + ": no recorded run (ksim scenario NAME --record FILE)"
                            : file.error().message);
    }
  }
  return record_now(run);
}

// How a run ended, as far as the page is concerned.
struct Ending {
  std::string cause;  // of its first violation; empty: none
  int64_t acknowledged = 0;
  int64_t lost = 0;
  int64_t given_up = 0;
  int64_t waited_ns = 0;
  std::string told;   // of the record: what its client was told; empty: it was not sent
  bool gone = false;  // the record is acknowledged and lost
};

Result<Ending> ending_of(const std::string& recording, const Explanation& page) {
  Ending ending;
  TRY_ASSIGN(Database database, Database::open(recording));
  const std::string of = page.partition.empty() ? "" : " AND partition = " + sql_text(page.partition);
  Query counts(
      database,
      "SELECT coalesce(sum(acknowledged_ns IS NOT NULL), 0), coalesce(sum(lost), 0) FROM record WHERE 1" +
          of);
  if (counts.next()) ending.acknowledged = counts.number(0), ending.lost = counts.number(1);
  Query given_up(database,
                 "SELECT count(*) FROM op WHERE kind = 'send' AND outcome IN ('failed', 'unknown')" + of);
  if (given_up.next()) ending.given_up = given_up.number(0);
  TRY_ASSIGN(const std::optional<Outage> outage, longest_outage(database, page.partition));
  if (outage) ending.waited_ns = outage->lasted_ns();
  if (page.record.empty()) return ending;
  Query record(database,
               "SELECT o.outcome, coalesce(o.error, ''), r.lost FROM record r JOIN op o ON o.id = r.sent_op "
               "WHERE r.id = " +
                   sql_text(page.record));
  if (record.next()) {
    ending.told = record.text(0) == "ok" ? "ok" : fmt::format("{} {}", record.text(0), record.text(1));
    ending.gone = record.number(2) != 0;
  }
  return ending;
}

// Through the pipe of a worker.
std::string packed(const Ending& ending) {
  return Json{ending.cause,     ending.acknowledged, ending.lost, ending.given_up,
              ending.waited_ns, ending.told,         ending.gone}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

Ending unpacked(const std::string& words) {
  const Json made = Json::parse(words);
  return {made[0], made[1], made[2], made[3], made[4], made[5], made[6]};
}

Explanation::Remedy judged(const std::string& setting, const Ending& before, const Ending& now,
                           const Explanation& page) {
  Explanation::Remedy remedy{setting, "saved", ""};
  remedy.text =
      fmt::format("{} of {} acknowledged lost, {} given up, {}", now.lost, now.acknowledged, now.given_up,
                  now.waited_ns == 0 ? "no wait of a second" : "longest wait " + lasting_text(now.waited_ns));
  const bool outage = page.subject.starts_with("partition ");
  if (!now.cause.empty()) {
    remedy.outcome = now.cause == before.cause ? "lost anyway" : "other violation";
    remedy.text = now.cause == before.cause ? "the same violation again" : now.cause;
  } else if (outage) {
    remedy.outcome = now.waited_ns * 2 < before.waited_ns ? "sooner" : "no better";
  } else if (now.lost > 0) {
    remedy.outcome = "lost anyway";
  } else if (!page.record.empty() && now.told != "ok") {
    remedy.outcome = "refused";
    remedy.text +=
        now.told.empty() ? "; it was not sent" : fmt::format("; the client was told: {}", now.told);
  }
  return remedy;
}

// Runs it again with each remedy.
Result<void> try_remedies(const Recording& told, size_t jobs, Explanation& page) {
  const Remedies remedies = remedies_for(told.plan, page);
  Trials trials(jobs);
  std::vector<Plan> plans{told.plan};
  plans.insert(plans.end(), remedies.plans.begin(), remedies.plans.end());
  const auto words = trials.judged(plans, [&](const RunSummary& summary) {
    if (!summary.simulator_fault.empty()) return std::string();
    const Result<Ending> made = ending_of(summary.recording, page);
    if (!made.ok()) return std::string();
    Ending ending = *made;
    const std::vector<std::string> causes = causes_of(summary);
    if (!causes.empty()) ending.cause = causes.front();
    return packed(ending);
  });
  if (!words[0] || words[0]->empty())
    return fail(ErrorCode::UNKNOWN_SERVER_ERROR, "the run could not be repeated");
  const Ending before = unpacked(*words[0]);
  page.remedies.push_back({"(as it was)", before.cause.empty() && before.lost == 0 ? "" : "lost", ""});
  page.remedies.back().text = judged("", before, before, page).text;
  if (page.subject.starts_with("partition ")) page.remedies.back().outcome = "unavailable";
  for (size_t i = 0; i < remedies.settings.size(); ++i) {
    if (words[i + 1] && !words[i + 1]->empty())
      page.remedies.push_back(judged(remedies.settings[i], before, unpacked(*words[i + 1]), page));
  }
  for (const std::string& setting : remedies.in_force)
    page.remedies.push_back({setting, std::string(kInForce), "it was so in this run"});
  return {};
}

Result<Explanation> explained(const Recording& told, const Question& question, bool trials, size_t jobs) {
  TRY_ASSIGN(Database database, Database::open(told.recording));
  TRY_ASSIGN(Explanation page, explain(database, question));
  page.repeat.insert(page.repeat.end(), told.repeat.begin(), told.repeat.end());
  if (trials && page.culprit) {
    const Result<void> tried = try_remedies(told, jobs, page);
    if (!tried.ok()) host::write_error(fmt::format("ksim: no remedies: {}\n", tried.error().message));
  }
  return page;
}

}  // namespace

Result<Explanation> explain_recording(const std::string& file, const std::string& image) {
  TRY_ASSIGN(const Recording told, open_recording(file, image));
  return explained(told, {}, true, 0);
}

int explain_run(const host::ExplainCommand& command) {
  Question question;
  if (!command.of.empty()) {
    const Result<Question> parsed = parse_question(command.of);
    if (!parsed.ok()) return refuse(parsed.error().message);
    question = *parsed;
  }
  const Result<Recording> told = recording_of(command.run);
  if (!told.ok()) return refuse(told.error().message);
  const Result<Explanation> page = explained(*told, question, command.trials, command.jobs);
  if (!page.ok()) return refuse(page.error().message);
  host::write_out(command.json ? to_json(*page) : to_text(*page, kPageWidth));
  return kHolds;
}

}  // namespace ksim::sim
