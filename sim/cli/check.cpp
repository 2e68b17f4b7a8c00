// ksim check and ksim export: histories of what clients saw.

#include <fmt/format.h>

#include "sim/cli/commands.h"
#include "sim/history/client_history.h"
#include "sim/host/files.h"
#include "sim/host/terminal.h"
#include "sim/judge/judge.h"

namespace ksim::sim {

int check_history(const host::CheckCommand& command) {
  judge::Judge judge;
  std::string wrong;  // with the history, not with reading it
  const Result<void> read = host::read_blocks(command.file, [&](std::string_view block) {
    Result<void> taken = judge.feed(block);
    if (!taken.ok()) wrong = taken.error().message;
    return taken;
  });
  if (!read.ok() && wrong.empty()) return refuse(read.error().message);
  const Result<judge::Verdict> verdict =
      wrong.empty() ? judge.finish() : fail(ErrorCode::INVALID_REQUEST, wrong);
  if (!verdict.ok()) return refuse(command.file + ": " + verdict.error().message);
  host::write_out(verdict->json + "\n");
  return verdict->is_valid ? kHolds : kViolation;
}

int export_history(const host::ExportCommand& command) {
  const Result<std::string> recording = host::read_text(command.history);
  if (!recording.ok()) return refuse(recording.error().message);
  const Result<std::string> history = client_history(*recording);
  if (!history.ok()) return refuse(command.history + ": " + history.error().message);
  host::write_out(*history);
  return kHolds;
}

}  // namespace ksim::sim
