// ksim matrix: which settings lose data, under which faults. Workers run each cell's scenario with its
// settings, seed after seed; what came of it is held against what the contract says of the cell.

#include "sim/matrix/matrix.h"

#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "sim/cli/commands.h"
#include "sim/cli/trials.h"
#include "sim/host/farm.h"
#include "sim/host/files.h"
#include "sim/host/scramble.h"
#include "sim/host/terminal.h"
#include "sim/matrix/render.h"

namespace ksim::sim {
namespace {

MatrixFiles files_of(const std::string& base) { return {base + ".sqlite", base + ".csv", base + ".html"}; }

MatrixRun run_of(const RunSummary& summary) {
  const RunCounts& c = summary.counts;
  MatrixRun run{summary.digest,
                !summary.holds(),
                !summary.simulator_fault.empty(),
                all_kinds_struck(summary.faults),
                c.acknowledged,
                c.lost,
                c.permitted,
                c.duplicated,
                c.reordered,
                c.unavailable_ms,
                {}};
  if (run.simulator_fault) {
    run.complaint = summary.simulator_fault;
  } else if (run.violated) {
    run.complaint = complaint_of(summary.violations.front());
  }
  return run;
}

class Workshop {
 public:
  Workshop(const host::MatrixCommand& command, Matrix matrix, std::vector<Source> sources)
      : command_(command), matrix_(std::move(matrix)), sources_(std::move(sources)) {}

  const Matrix& matrix() const { return matrix_; }

  // False: interrupted.
  bool run() {
    host::FarmOptions farm;
    farm.count = matrix_.jobs();
    farm.workers = command_.jobs == 0 ? host::processors() : command_.jobs;
    farm.batch = 4;
    farm.patience_ns = kRunPatienceNs;
    farm.begin = [this] {
      host::keep_memory();
      memory_ = std::make_unique<RunMemory>();
    };
    farm.work = [this](uint64_t job, Bytes) { return matrix_.has(job) ? ByteBuffer{} : work(job); };
    farm.done = [this](uint64_t job, Bytes words) {
      if (!words.empty()) done(job, words);
      return true;
    };
    farm.died = [this](uint64_t job, const host::Death& death) {
      broken(job, to_string(death));
      return true;
    };
    farm.recovered = [](uint64_t, const host::Death&) {};
    farm.tick = [this] { tick(); };
    const bool whole = farm.count == 0 || host::run_farm(farm);
    if (host::is_terminal(2)) host::write_error("\r\033[K");
    return whole;
  }

  Result<void> save_all() {
    TRY(save());
    const MatrixFiles files = files_of(command_.out);
    TRY(host::write_whole(files.csv, render_matrix_csv(matrix_)));
    return host::write_whole(files.html, render_matrix_html(matrix_));
  }

 private:
  static constexpr int64_t kSecondNs = 1'000'000'000;
  static constexpr int64_t kSaveEveryNs = 10 * kSecondNs;

  // In a worker: the result, and behind it the run's story.
  ByteBuffer work(uint64_t job) {
    const Source& source = sources_[matrix_.cell_of(job)];
    const Result<Plan> plan = source.plan({matrix_.seed_of(job), {}});
    RunSummary summary;
    if (plan.ok()) {
      summary = run_guarded(*plan, {}, *memory_);
    } else {
      summary.simulator_fault = plan.error().message;
    }
    const MatrixRun run = run_of(summary);
    return encode(run, tell_run(summary));
  }

  void done(uint64_t job, Bytes words) {
    std::string story;
    if (const auto run = decode(words, story)) {
      matrix_.add(matrix_.cell_of(job), matrix_.seed_of(job), *run, std::move(story));
      ++fresh_;
    } else {
      broken(job, "a worker's answer cannot be read");
    }
  }

  void broken(uint64_t job, std::string why) {
    MatrixRun run;
    run.simulator_fault = true;
    run.complaint = std::move(why);
    matrix_.add(matrix_.cell_of(job), matrix_.seed_of(job), std::move(run), {});
    ++fresh_;
  }

  Result<void> save() {
    const int64_t now = host::real_ns();
    matrix_.real_ms += (now - counted_ns_) / 1'000'000;
    counted_ns_ = now;
    TRY_ASSIGN(const std::string image, matrix_.image());
    saved_ns_ = host::real_ns();
    return host::write_whole(files_of(command_.out).sqlite, image);
  }

  void tick() {
    const int64_t now = host::real_ns();
    // Should it fail, the last one says so.
    if (now - saved_ns_ > kSaveEveryNs) static_cast<void>(save());
    const bool live = host::is_terminal(2);
    if (now - told_ns_ < (live ? kSecondNs / 10 : 30 * kSecondNs)) return;
    told_ns_ = now;
    host::write_error(live ? "\r\033[K" + progress() : progress() + "\n");
  }

  std::string progress() const {
    constexpr uint64_t kBar = 24;
    const uint64_t all = std::max<uint64_t>(matrix_.jobs(), 1);
    const uint64_t runs = matrix_.runs();
    const double seconds = std::max(static_cast<double>(host::real_ns() - began_ns_) / 1e9, 0.001);
    const double rate = static_cast<double>(fresh_) / seconds;
    const uint64_t full = std::min(runs * kBar / all, kBar);
    std::string text = fmt::format("[{}{}] {}% · {} of {} runs · {:.1f} runs/s", std::string(full, '#'),
                                   std::string(kBar - full, '.'), runs * 100 / all, runs, all, rate);
    if (rate > 0 && runs < all) {
      const auto left = static_cast<uint64_t>(static_cast<double>(all - runs) / rate);
      text += fmt::format(" · {}:{:02} left", left / 60, left % 60);
    }
    return text + fmt::format(" · {} cells lose", matrix_.lossy_cells());
  }

  // ---- a result, small enough to cross a pipe ----

  static std::vector<uint64_t*> fields(MatrixRun& run) {
    return {&run.digest,     &run.acknowledged, &run.lost,          &run.permitted,
            &run.duplicated, &run.reordered,    &run.unavailable_ms};
  }
  static ByteBuffer encode(MatrixRun run, const std::string& story) {
    ByteBuffer out = {static_cast<uint8_t>(run.violated), static_cast<uint8_t>(run.simulator_fault),
                      static_cast<uint8_t>(run.struck)};
    for (const uint64_t* field : fields(run)) {
      for (int shift = 0; shift < 64; shift += 8) out.push_back(static_cast<uint8_t>(*field >> shift));
    }
    out.insert(out.end(), run.complaint.begin(), run.complaint.end());
    out.push_back(0);
    out.insert(out.end(), story.begin(), story.end());
    return out;
  }
  static std::optional<MatrixRun> decode(Bytes words, std::string& story) {
    MatrixRun run;
    const std::vector<uint64_t*> all = fields(run);
    if (words.size() < 3 + 8 * all.size()) return std::nullopt;
    run.violated = words[0] != 0;
    run.simulator_fault = words[1] != 0;
    run.struck = words[2] != 0;
    size_t at = 3;
    for (uint64_t* field : all) {
      for (int shift = 0; shift < 64; shift += 8) *field |= uint64_t{words[at++]} << shift;
    }
    const std::string_view text = as_text(words.subspan(at));
    const size_t zero = text.find('\0');
    if (zero == std::string_view::npos) return std::nullopt;
    run.complaint = text.substr(0, zero);
    story = text.substr(zero + 1);
    return run;
  }

  const host::MatrixCommand& command_;
  Matrix matrix_;
  std::vector<Source> sources_;  // by cell
  std::unique_ptr<RunMemory> memory_;
  uint64_t fresh_ = 0;
  int64_t began_ns_ = host::real_ns();
  int64_t counted_ns_ = host::real_ns();
  int64_t saved_ns_ = host::real_ns();
  int64_t told_ns_ = host::real_ns();
};

// The scenario of each cell with its settings over it. Errors: INVALID_REQUEST, if one cannot be run.
Result<std::vector<Source>> load_cells(const Matrix& matrix) {
  std::vector<Source> sources;
  for (const Cell& cell : matrix.cells()) {
    host::ScenarioCommand command;
    command.scenario = fmt::format("matrix/{}", to_string(cell.fault));
    for (const Setting& setting : settings_of(cell))
      command.settings.emplace_back(setting.key, setting.value);
    TRY_ASSIGN(Source source, load_source(command));
    if (expected(cell).promise != Promise::rejected) TRY(source.plan({1, {}}));
    sources.push_back(std::move(source));
  }
  return sources;
}

// What is there to go on from. Errors: what another matrix has in that file.
Result<Matrix> begin_matrix(const host::MatrixCommand& command, Dimensions dimensions) {
  const std::string file = files_of(command.out).sqlite;
  Matrix fresh(std::move(dimensions), command.seeds, build_of_program());
  if (command.fresh) return fresh;
  const Result<std::string> text = host::read_text(file);
  if (!text.ok()) return fresh;
  Result<Matrix> known = Matrix::load(*text);
  if (!known.ok())
    return fail(ErrorCode::INVALID_REQUEST, fmt::format("--out {} {}", file, known.error().message));
  const char* const other = known->build() != fresh.build()             ? "another build of ksim"
                            : known->dimensions() != fresh.dimensions() ? "other cells"
                                                                        : nullptr;
  if (other != nullptr)
    return fail(
        ErrorCode::INVALID_REQUEST,
        fmt::format("{} is a matrix of {}: give another --out, or --fresh to replace it", file, other));
  known->continue_to(std::max(command.seeds, known->seeds()));
  return known;
}

std::optional<std::string> why_not_written(const MatrixFiles& files) {
  if (const auto why = host::why_not_replaceable(files.sqlite, kSqliteMagic)) return why;
  if (const auto why = host::why_not_replaceable(files.csv, kMatrixCsvHead)) return why;
  return host::why_not_replaceable(files.html, kMatrixHtmlHead);
}

}  // namespace

int run_matrix(const host::MatrixCommand& command) {
  const Result<Dimensions> dimensions =
      parse_dimensions({command.acks, command.min_insync, command.replication, command.unclean, command.flush,
                        command.idempotence, command.faults});
  if (!dimensions.ok()) return refuse(dimensions.error().message);
  const MatrixFiles files = files_of(command.out);
  if (const auto why = why_not_written(files)) return refuse("--out " + *why);
  Result<Matrix> matrix = begin_matrix(command, *dimensions);
  if (!matrix.ok()) return refuse(matrix.error().message);
  Result<std::vector<Source>> sources = load_cells(*matrix);
  if (!sources.ok()) return refuse(sources.error().message);
  Workshop workshop(command, std::move(*matrix), std::move(*sources));
  const bool whole = workshop.run();
  const Result<void> saved = workshop.save_all();
  const Matrix& made = workshop.matrix();
  host::write_out(command.json       ? render_matrix_json(made, files) + "\n"
                  : command.markdown ? render_matrix_markdown(made)
                                     : render_matrix(made, files, host::wants_colour(1), command.cells));
  if (!saved.ok()) {
    host::write_error("ksim: --out " + saved.error().message + "\n");
    return kSimulatorFault;
  }
  if (whole) return exit_code(made);
  host::write_error(fmt::format("ksim: interrupted; the same command goes on from {}\n", files.sqlite));
  return kInterrupted;
}

}  // namespace ksim::sim
