// ksim report: a recorded run, a campaign or a matrix as one HTML file.

#include "sim/report/report.h"

#include <fmt/format.h>

#include "core/base/hooks.h"
#include "sim/cli/trials.h"
#include "sim/faults/all.h"
#include "sim/history/check_recording.h"
#include "sim/host/files.h"
#include "sim/host/terminal.h"
#include "sim/matrix/render.h"

namespace ksim::sim {
namespace {

constexpr std::string_view kPageMagic = "<!DOCTYPE html>";

// The command with scenario and seed, if this build draws that very plan of them: a recording does not say
// which settings were changed.
Result<std::optional<std::string>> seed_command(Database& database) {
  Query run(database, "SELECT scenario, seed, plan FROM run");
  if (!run.next()) {
    TRY(run.end());
    return std::optional<std::string>();
  }
  host::RunChoice choice;
  choice.scenario = run.text(0);
  choice.seed = run.text(1);
  const Result<Plan> plan = chosen_plan(choice);
  if (!plan.ok() || print_plan(*plan) != run.text(2)) return std::optional<std::string>();
  return std::optional(fmt::format("scripts/ksim scenario {} --seed {}", choice.scenario, *choice.seed));
}

void left_out(const std::string& file, std::string_view what, const std::string& why) {
  host::write_error(fmt::format("ksim: {}: the page is without {}: {}\n", file, what, why));
}

Result<std::string> page_of(const std::string& file, const std::string& image) {
  TRY_ASSIGN(Database database, Database::open(image));
  TRY_ASSIGN(const Recorded kind, what_recorded(database));
  if (kind == Recorded::matrix) {
    TRY_ASSIGN(const Matrix matrix, Matrix::load(image));
    return render_matrix_html(matrix);
  }
  if (kind == Recorded::campaign) {
    CampaignPage page{file, {}, {}, checker_words()};
    for (size_t mark = 0; mark < kMarkCount; ++mark)
      page.marks.emplace_back(mark_name(static_cast<Mark>(mark)));
    for (const FaultKind& fault : fault_kinds()) page.fault_kinds.emplace_back(fault.name);
    return campaign_page(database, page);
  }
  RunPage page{file, checker_words(), {}, {}};
  TRY_ASSIGN(page.seed_command, seed_command(database));
  TRY(check_recording(database));
  // Of one of another version a part may be left out, which page and person are told.
  const Result<Explanation> why = explain_recording(file, image);
  if (!why.ok()) {
    page.why_unexplained = why.error().message;
    left_out(file, "the explanation", page.why_unexplained);
  } else if (why->culprit) {
    page.explanation = to_json(*why);
    if (!why->untried.empty()) left_out(file, "what other settings would have done", why->untried);
  }
  return run_page(database, page);
}

}  // namespace

int write_report(const host::ReportCommand& command) {
  if (const auto why = host::why_not_replaceable(command.out, kPageMagic)) return refuse("--out " + *why);
  const Result<std::string> image = host::read_text(command.file);
  if (!image.ok()) return refuse(image.error().message);
  const Result<std::string> page = page_of(command.file, *image);
  if (!page.ok()) return refuse(command.file + ": " + page.error().message);
  const Result<void> written = host::write_whole(command.out, *page);
  if (!written.ok()) return refuse("--out " + written.error().message);
  host::write_error(fmt::format("{}: {} KiB\n", command.out, page->size() / 1024));
  return kHolds;
}

}  // namespace ksim::sim
