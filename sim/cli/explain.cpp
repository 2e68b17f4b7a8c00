// ksim explain: why a record is lost, a partition was unavailable or a promise broken, on one page; and which
// setting would have averted it, by running the same plan again with each.

#include "sim/explain/explain.h"

#include <fmt/format.h>

#include "sim/cli/remedies.h"
#include "sim/cli/trials.h"
#include "sim/explain/trial.h"
#include "sim/history/check_recording.h"
#include "sim/host/files.h"
#include "sim/host/scramble.h"
#include "sim/host/terminal.h"
#include "sim/workloads/all.h"

namespace ksim::sim {
namespace {

constexpr size_t kPageWidth = 120;

// What the person asked about: the recording, and the plan that it is of.
struct Recording {
  std::string image;
  std::string file;  // that holds it; empty: it was recorded just now
  std::optional<Plan> plan;
  std::string why_no_plan;  // where this build cannot read it
  std::vector<std::string> repeat;
};

// An error about a file begins with its name.
Failure<Error> in_file(const std::string& file, const Error& error) {
  return fail(error.code, (file.empty() ? "" : file + ": ") + error.message);
}

Result<std::string> first_text(Database& database, const std::string& sql) {
  Query query(database, sql);
  std::string text;
  if (query.next()) return query.text(0);
  TRY(query.end());
  return text;
}

// A recording that was made before. The plan is for the trials only: one of another version may be unknown
// here.
Result<Recording> open_recording(const std::string& file, std::string image) {
  Recording told;
  told.file = file;
  told.image = std::move(image);
  TRY_ASSIGN(Database database, Database::open(told.image));
  TRY_ASSIGN(const bool recorded, is_recorded_run(database));
  if (!recorded) return fail(ErrorCode::INVALID_REQUEST, std::string(kNoRecordedRun));
  TRY_ASSIGN(const std::string text, first_text(database, "SELECT plan FROM run"));
  Result<Plan> plan = parse_plan(text, "run.plan", {}, plan_vocabulary());
  if (plan.ok()) {
    told.plan = std::move(plan).value();
    host::RunChoice choice;
    choice.scenario = told.plan->scenario;
    choice.seed = std::to_string(told.plan->seed);
    const Result<Plan> drawn = chosen_plan(choice);
    if (drawn.ok() && print_plan(*drawn) == text)
      told.repeat.push_back(fmt::format("scripts/ksim scenario {} --seed {}", choice.scenario, *choice.seed));
  } else {
    TRY_ASSIGN(const std::string version, first_text(database, "SELECT version FROM run"));
    told.why_no_plan = fmt::format("this build cannot read the plan of the run, which ksim {} recorded: {}",
                                   version, plan.error().message);
  }
  told.repeat.push_back(fmt::format("scripts/ksim sql {} \"select * from timeline\"", file));
  return told;
}

Result<Recording> record_now(const host::RunChoice& run) {
  Recording told;
  TRY_ASSIGN(Plan plan, chosen_plan(run));
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
  RunSummary summary = run_guarded(plan, request, memory);
  if (!summary.simulator_fault.empty()) return fail(ErrorCode::UNKNOWN_SERVER_ERROR, summary.simulator_fault);
  told.plan = std::move(plan);
  told.image = std::move(summary.recording);
  told.repeat.push_back(repeat_command(again, source, lineage) + " --record run.sqlite");
  return told;
}

Result<Recording> recording_of(const host::RunChoice& run) {
  if (!run.plan_file && !run.seed && run.settings.empty()) {
    Result<std::string> file = host::read_text(run.scenario);
    if (file.ok() && file->starts_with(kSqliteMagic)) {
      Result<Recording> told = open_recording(run.scenario, std::move(file).value());
      if (!told.ok()) return in_file(run.scenario, told.error());
      return told;
    }
    if (run.scenario.ends_with(".sqlite")) {
      return fail(ErrorCode::INVALID_REQUEST,
                  file.ok() ? fmt::format("{}: {}", run.scenario, kNoRecordedRun) : file.error().message);
    }
  }
  return record_now(run);
}

// Runs it again with each remedy. Errors: why none was tried.
Result<void> try_remedies(const Recording& told, size_t jobs, Explanation& page) {
  if (!told.plan) return fail(ErrorCode::INVALID_REQUEST, told.why_no_plan);
  TRY_ASSIGN(Database database, Database::open(told.image));
  TRY_ASSIGN(const std::string digest, first_text(database, "SELECT digest FROM run"));
  TRY_ASSIGN(const std::string version, first_text(database, "SELECT version FROM run"));
  const Remedies remedies = remedies_for(*told.plan, page);
  Trials trials(jobs);
  std::vector<Plan> plans{*told.plan};
  plans.insert(plans.end(), remedies.plans.begin(), remedies.plans.end());
  const auto words = trials.judged(plans, [&](const RunSummary& summary) {
    if (!summary.simulator_fault.empty()) return std::string();
    Result<Database> recorded = Database::open(summary.recording);
    if (!recorded.ok()) return std::string();
    Result<Ending> ending = ending_of(*recorded, page);
    if (!ending.ok()) return std::string();
    const std::vector<std::string> causes = causes_of(summary);
    if (!causes.empty()) ending->cause = causes.front();
    ending->digest = fmt::format("{:016x}", summary.digest);
    return packed(*ending);
  });
  const auto ending_at = [&](size_t i) { return words[i] ? unpacked(*words[i]) : std::nullopt; };
  const std::optional<Ending> before = ending_at(0);
  if (!before) return fail(ErrorCode::INVALID_REQUEST, "this build cannot repeat the run from its plan");
  if (before->digest != digest) {
    return fail(
        ErrorCode::INVALID_REQUEST,
        fmt::format(
            "from the plan of the run, which ksim {} recorded, this build makes another run (digest {} "
            "instead of {})",
            version, before->digest, digest));
  }
  page.remedies.push_back(as_it_was(*before, page));
  for (size_t i = 0; i < remedies.settings.size(); ++i) {
    if (const std::optional<Ending> now = ending_at(i + 1))
      page.remedies.push_back(judged(remedies.settings[i], *before, *now, page));
  }
  for (const std::string& setting : remedies.in_force)
    page.remedies.push_back({setting, std::string(kInForce), "it was so in this run"});
  return {};
}

Result<Explanation> explained(const Recording& told, const Question& question, bool trials, size_t jobs) {
  TRY_ASSIGN(Database database, Database::open(told.image));
  TRY_ASSIGN(Explanation page, explain(database, question));
  page.repeat.insert(page.repeat.end(), told.repeat.begin(), told.repeat.end());
  if (trials && page.culprit) {
    const Result<void> tried = try_remedies(told, jobs, page);
    if (!tried.ok()) page.untried = tried.error().message;
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
  if (!page.ok()) return refuse(in_file(told->file, page.error()).error.message);
  host::write_out(command.json ? to_json(*page) : to_text(*page, kPageWidth));
  if (!page->untried.empty()) host::write_error(fmt::format("ksim: no remedies tried: {}\n", page->untried));
  return kHolds;
}

}  // namespace ksim::sim
