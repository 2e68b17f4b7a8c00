// A matrix as the bytes of an sqlite file, and back.

#include <charconv>

#include <fmt/format.h>

#include "sim/history/sqlite.h"
#include "sim/matrix/matrix.h"
#include "sim/matrix/schema_sql.h"

namespace ksim::sim {
namespace {

int64_t number(uint64_t value) { return static_cast<int64_t>(value); }

std::string_view outcome_of(const MatrixRun& run) {
  return run.simulator_fault ? "simulator_fault" : run.violated ? "violated" : "held";
}

Failure<Error> damaged(const std::string& what) {
  return fail(ErrorCode::INVALID_REQUEST, "is no file of a matrix: " + what);
}

// "acks 0,1,all" and so on, one a line.
Result<Dimensions> dimensions_of(const std::string& lines) {
  TypedDimensions typed;
  for (size_t at = 0; at < lines.size();) {
    const size_t end = std::min(lines.find('\n', at), lines.size());
    const std::string line = lines.substr(at, end - at);
    at = end + 1;
    const size_t space = line.find(' ');
    if (space == std::string::npos) return damaged("its dimensions cannot be read");
    const std::string name = line.substr(0, space);
    std::string* const into = name == "acks"          ? &typed.acks
                              : name == "min-insync"  ? &typed.min_insync
                              : name == "replication" ? &typed.replication
                              : name == "unclean"     ? &typed.unclean
                              : name == "flush"       ? &typed.flush
                              : name == "idempotence" ? &typed.idempotence
                              : name == "faults"      ? &typed.faults
                                                      : nullptr;
    if (into == nullptr) return damaged("it has a dimension \"" + name + "\"");
    *into = line.substr(space + 1);
  }
  if (typed.idempotence == "default") typed.idempotence.clear();
  return parse_dimensions(typed);
}

void put_cell(Insert& rows, const Matrix& matrix, size_t place) {
  const Cell& cell = matrix.cells()[place];
  const CellResult& result = matrix.result(place);
  const Expected wanted = expected(cell);
  rows.number(number(place)).text(to_string(cell.fault)).text(value_of(cell, "acks"));
  rows.number(cell.min_insync).number(cell.replication);
  for (const std::string_view name : {"unclean", "flush", "idempotence"}) rows.text(value_of(cell, name));
  rows.text(to_string(wanted.promise)).text(wanted.why).text(to_string(matrix.verdict(place)));
  rows.number(number(result.runs.size())).number(number(result.struck)).number(number(result.lossy));
  if (result.struck == 0) {
    for (int i = 0; i < 3; ++i) rows.text_or_null({});
  } else {
    const Interval interval = result.loss_interval();
    // The column's affinity makes numbers of them.
    for (const double value : {result.loss_rate(), interval.from, interval.to})
      rows.text(fmt::format("{:.6f}", value));
  }
  for (const uint64_t value : {result.acknowledged, result.lost, result.permitted, result.duplicated,
                               result.reordered, result.unavailable_ms})
    rows.number(number(value));
  rows.text_or_null(matrix.contradiction(place)).text_or_null(matrix.witness(place));
  rows.text_or_null(result.story).row();
}

}  // namespace

Result<std::string> Matrix::image() const {
  TRY_ASSIGN(Database database, Database::create());
  TRY(database.run(std::string(kMatrixSql)));
  TRY(database.run("BEGIN"));
  bool failed = false;
  {
    Insert rows(database, "matrix", 2);
    std::string lines;
    for (const std::string& line : to_words(dimensions_)) lines += line + "\n";
    rows.text("dimensions").text(lines).row();
    rows.text("seeds").text(std::to_string(seeds_)).row();
    rows.text("build").text(build_).row();
    rows.text("real_ms").text(std::to_string(real_ms)).row();
    failed = failed || rows.failed();
  }
  {
    Insert rows(database, "cell", 26);
    for (size_t place = 0; place < cells_.size(); ++place) put_cell(rows, *this, place);
    failed = failed || rows.failed();
  }
  {
    Insert rows(database, "run", 12);
    for (size_t place = 0; place < cells_.size(); ++place) {
      for (const auto& [seed, run] : results_[place].runs) {
        rows.number(number(place)).number(number(seed)).text(outcome_of(run));
        rows.text(fmt::format("{:016x}", run.digest)).number(run.struck ? 1 : 0);
        for (const uint64_t value :
             {run.acknowledged, run.lost, run.permitted, run.duplicated, run.reordered, run.unavailable_ms})
          rows.number(number(value));
        rows.text_or_null(run.complaint).row();
      }
    }
    failed = failed || rows.failed();
  }
  if (failed) return fail(ErrorCode::UNKNOWN_SERVER_ERROR, "sqlite: a row could not be written");
  TRY(database.run("COMMIT"));
  return database.image();
}

Result<Matrix> Matrix::load(const std::string& image) {
  TRY_ASSIGN(Database database, Database::open(image));
  std::map<std::string, std::string> values;
  Query named(database, "SELECT name, value FROM matrix");
  while (named.next()) values[named.text(0)] = named.text(1);
  if (const Result<void> read = named.end(); !read.ok()) return damaged(read.error().message);
  if (!has_column(database, "run", "struck"))
    return fail(ErrorCode::INVALID_REQUEST,
                "is a matrix of an earlier build of ksim: run it again, with --fresh to replace it");
  TRY_ASSIGN(Dimensions dimensions, dimensions_of(values["dimensions"]));
  const auto whole = [&](const char* name) {
    int64_t value = 0;
    const std::string& text = values[name];
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  };
  Matrix matrix(std::move(dimensions), static_cast<uint64_t>(whole("seeds")), values["build"]);
  matrix.real_ms = whole("real_ms");
  std::map<size_t, std::string> stories;
  Query cells(database, "SELECT cell, story FROM cell");
  while (cells.next()) stories[static_cast<size_t>(cells.number(0))] = cells.text(1);
  TRY(cells.end());
  Query runs(database,
             "SELECT cell, seed, outcome, digest, struck, acknowledged, lost, permitted_lost, duplicated, "
             "reordered, unavailable_ms, complaint FROM run");
  while (runs.next()) {
    const auto place = static_cast<size_t>(runs.number(0));
    if (place >= matrix.cells_.size()) return damaged(fmt::format("it has no cell {}", place));
    MatrixRun run;
    const std::string outcome = runs.text(2);
    run.violated = outcome == "violated";
    run.simulator_fault = outcome == "simulator_fault";
    const std::string digest = runs.text(3);
    std::from_chars(digest.data(), digest.data() + digest.size(), run.digest, 16);
    run.struck = runs.number(4) != 0;
    int column = 5;
    for (uint64_t* value :
         {&run.acknowledged, &run.lost, &run.permitted, &run.duplicated, &run.reordered, &run.unavailable_ms})
      *value = static_cast<uint64_t>(runs.number(column++));
    if (!runs.is_null(11)) run.complaint = runs.text(11);
    // The file's story is that of the worst run, whichever of them comes to be it last.
    matrix.add(place, static_cast<uint64_t>(runs.number(1)), std::move(run), stories[place]);
  }
  TRY(runs.end());
  return matrix;
}

}  // namespace ksim::sim
