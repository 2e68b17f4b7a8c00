#include "sim/matrix/render.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

namespace ksim::sim {
namespace {

constexpr uint64_t kPartitions = 3;  // of the scenarios' topic

class Colours {
 public:
  explicit Colours(bool on) : on_(on) {}
  std::string of(Verdict verdict, const std::string& text) const {
    switch (verdict) {
      case Verdict::never:
        return with("32", text);
      case Verdict::permitted:
        return with("33", text);
      case Verdict::within:
        return with("31;1", text);
      case Verdict::unavailable:
      case Verdict::rejected:
        break;
    }
    return with("2", text);
  }
  std::string bold(const std::string& text) const { return with("1", text); }

 private:
  std::string with(const char* code, const std::string& text) const {
    return on_ ? fmt::format("\033[{}m{}\033[0m", code, text) : text;
  }
  bool on_;
};

// What stands in the table.
std::string brief(const Matrix& matrix, size_t cell) {
  const CellResult& result = matrix.result(cell);
  const Verdict verdict = matrix.verdict(cell);
  if (verdict == Verdict::rejected) return "rejected";
  if (result.runs.empty()) return "?";
  const std::string struck = struck_part(result);
  const std::string of = struck.empty() ? "" : " " + struck;
  if (verdict == Verdict::unavailable) return "no writes" + of;
  if (verdict == Verdict::never) return "-" + (waited(result) == "0.0 s" ? "" : " " + waited(result)) + of;
  if (result.lossy == 0) return "!! violated" + of;
  const Interval interval = result.loss_interval();
  const std::string text = fmt::format("{} {:.0f}-{:.0f}{}", percent(result.loss_rate()), 100 * interval.from,
                                       100 * interval.to, of);
  return verdict == Verdict::within ? "!! " + text : text;
}

std::string details_of(const Matrix& matrix, size_t cell) {
  const CellResult& result = matrix.result(cell);
  const Expected wanted = expected(matrix.cells()[cell]);
  std::string out = fmt::format("    by the contract: {} ({})\n", to_string(wanted.promise), wanted.why);
  if (result.runs.empty()) return out;
  const Interval interval = result.loss_interval();
  out += fmt::format(
      "    {} runs, the fault took effect in {}, {} lose records: {} ({}-{}); {} acknowledged, {} lost, {} "
      "of them permitted, {} duplicated, {} reordered; writes waited {}\n",
      result.runs.size(), result.struck, result.lossy, percent(result.loss_rate()), percent(interval.from),
      percent(interval.to), result.acknowledged, result.lost, result.permitted, result.duplicated,
      result.reordered, waited(result));
  if (result.worst) out += fmt::format("    the worst: {}\n", matrix.witness(cell));
  return out;
}

bool all_struck(const Matrix& matrix) {
  for (size_t cell = 0; cell < matrix.cells().size(); ++cell) {
    if (!matrix.result(cell).all_struck()) return false;
  }
  return true;
}

std::string csv_word(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string word = "\"";
  for (const char c : text) word += c == '"' ? std::string("\"\"") : std::string(1, c);
  return word + "\"";
}

// Underscores are where a column's name may be broken: "power loss" over "all".
std::vector<std::string> broken_name(MatrixFault fault) {
  std::string name(to_string(fault));
  const size_t at = name.find('_');
  if (at == std::string::npos) return {"", name};
  return {name.substr(0, at), name.substr(at)};
}

std::string padded(const std::string& text, size_t width) {
  return text + std::string(width > text.size() ? width - text.size() : 0, ' ');
}

std::string table(const Matrix& matrix, const Colours& colours) {
  const std::vector<std::string> names = varying(matrix);
  const std::vector<MatrixFault>& faults = matrix.dimensions().faults;
  std::vector<size_t> widths;
  for (const std::string& name : names) widths.push_back(std::max<size_t>(name.size(), 4));
  std::vector<size_t> columns;
  for (size_t f = 0; f < faults.size(); ++f) {
    size_t width = 0;
    for (const std::string& part : broken_name(faults[f])) width = std::max(width, part.size());
    for (size_t i = f; i < matrix.cells().size(); i += faults.size())
      width = std::max(width, brief(matrix, i).size());
    columns.push_back(width);
  }
  std::string out;
  for (const size_t line : {size_t{0}, size_t{1}}) {
    std::string head;
    for (size_t i = 0; i < names.size(); ++i) head += padded(line == 0 ? "" : names[i], widths[i]) + "  ";
    for (size_t f = 0; f < faults.size(); ++f)
      head += padded(broken_name(faults[f])[line], columns[f]) + "  ";
    head.resize(head.find_last_not_of(' ') + 1);
    out += colours.bold(head) + "\n";
  }
  for (size_t row = 0; row < matrix.cells().size(); row += faults.size()) {
    for (size_t i = 0; i < names.size(); ++i)
      out += padded(value_of(matrix.cells()[row], names[i]), widths[i]) + "  ";
    for (size_t f = 0; f < faults.size(); ++f) {
      const bool last = f + 1 == faults.size();
      const std::string text = brief(matrix, row + f);
      out += colours.of(matrix.verdict(row + f), last ? text : padded(text, columns[f])) + (last ? "" : "  ");
    }
    out += "\n";
  }
  return out;
}

}  // namespace

std::vector<std::string> varying(const Matrix& matrix) {
  std::vector<std::string> names;
  for (const std::string_view name : kSettingNames) {
    const std::string first = value_of(matrix.cells().front(), name);
    if (std::any_of(matrix.cells().begin(), matrix.cells().end(),
                    [&](const Cell& cell) { return value_of(cell, name) != first; }))
      names.emplace_back(name);
  }
  return names;
}

std::string constant(const Matrix& matrix) {
  const std::vector<std::string> names = varying(matrix);
  std::string out;
  for (const std::string_view name : kSettingNames) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", name, value_of(matrix.cells().front(), name));
  }
  return out;
}

std::string percent(double part) {
  if (part > 0 && part < 0.01) return "<1%";
  if (part < 1 && part > 0.99) return ">99%";
  return fmt::format("{:.0f}%", 100 * part);
}

std::string waited(const CellResult& result) {
  const uint64_t runs = std::max<uint64_t>(result.runs.size(), 1) * kPartitions;
  const uint64_t tenths = (result.unavailable_ms + 50 * runs) / (100 * runs);
  return fmt::format("{}.{} s", tenths / 10, tenths % 10);
}

std::string struck_part(const CellResult& result) {
  return result.all_struck() ? "" : fmt::format("({}/{})", result.struck, result.runs.size());
}

std::string name_of(const Matrix& matrix, size_t cell) {
  std::string out;
  for (const std::string& name : varying(matrix))
    out += fmt::format("{} {}, ", name, value_of(matrix.cells()[cell], name));
  return out + std::string(to_string(matrix.cells()[cell].fault));
}

std::vector<std::string> contradictions(const Matrix& matrix) {
  std::vector<std::string> lines;
  for (size_t cell = 0; cell < matrix.cells().size(); ++cell) {
    const std::string what = matrix.contradiction(cell);
    if (what.empty()) continue;
    const uint64_t violated = matrix.result(cell).first_violated;
    const std::string repeat =
        violated != 0 ? witness_command(matrix.cells()[cell], violated) : matrix.witness(cell);
    lines.push_back(fmt::format("{}: {}\n    repeat: {}", name_of(matrix, cell), what, repeat));
  }
  return lines;
}

std::vector<std::string> missing_witnesses(const Matrix& matrix) {
  std::vector<std::string> lines;
  for (size_t cell = 0; cell < matrix.cells().size(); ++cell) {
    if (matrix.witness_missing(cell))
      lines.push_back(fmt::format("{}: {}; none in {} runs", name_of(matrix, cell),
                                  expected(matrix.cells()[cell]).why, matrix.result(cell).struck));
  }
  return lines;
}

int exit_code(const Matrix& matrix) {
  if (matrix.simulator_faults() > 0) return 3;
  return contradictions(matrix).empty() ? 0 : 1;
}

std::string render_matrix(const Matrix& matrix, const MatrixFiles& files, bool colour, bool details) {
  const Colours colours(colour);
  std::string out =
      colours.bold(fmt::format("matrix · {} cells, {} runs", matrix.cells().size(), matrix.runs()));
  if (const std::string others = constant(matrix); !others.empty()) out += "  (" + others + ")";
  out += "\n\n" + table(matrix, colours) + "\n";
  out += fmt::format(
      "  {}  nothing acknowledged was lost (seconds: how long writes to a partition waited in a run)\n"
      "  {}  of the runs lost records, the fault being beyond the budget of the settings (and 95% interval)\n"
      "  {}  lost within the budget, or a check cried: against the contract (sim/checkers/CONTRACT.md)\n",
      colours.of(Verdict::never, "-       "), colours.of(Verdict::permitted, "% of-to "),
      colours.of(Verdict::within, "!!      "));
  if (!all_struck(matrix))
    out += "  (n/of)    the fault took effect in n of the runs alone: these are what the percentage is of\n";
  const std::vector<std::string> wrong = contradictions(matrix);
  for (const std::string& line : wrong) out += colours.of(Verdict::within, "CONTRADICTION ") + line + "\n";
  const std::vector<std::string> missing = missing_witnesses(matrix);
  for (const std::string& line : missing) out += "no witness: " + line + "\n";
  if (details) {
    out += "\n";
    for (size_t cell = 0; cell < matrix.cells().size(); ++cell) {
      const std::string head = fmt::format("  {}: {}", name_of(matrix, cell), brief(matrix, cell));
      out += colours.of(matrix.verdict(cell), head) + "\n" + details_of(matrix, cell);
    }
  }
  if (matrix.simulator_faults() > 0)
    out += colours.of(Verdict::within,
                      fmt::format("{} runs failed in the simulator itself", matrix.simulator_faults())) +
           "\n";
  out += fmt::format("\n{} cells lose records, {} contradict the contract; all of it in {}, {} and {}\n",
                     matrix.lossy_cells(), wrong.size(), files.sqlite, files.csv, files.html);
  return out;
}

std::string render_matrix_json(const Matrix& matrix, const MatrixFiles& files) {
  using nlohmann::json;
  json out{{"seeds", matrix.seeds()},
           {"runs", matrix.runs()},
           {"real_ms", matrix.real_ms},
           {"holds", exit_code(matrix) == 0},
           {"simulator_faults", matrix.simulator_faults()},
           {"files", {{"sqlite", files.sqlite}, {"csv", files.csv}, {"html", files.html}}},
           {"missing_witnesses", missing_witnesses(matrix).size()}};
  out["cells"] = json::array();
  for (size_t i = 0; i < matrix.cells().size(); ++i) {
    const Cell& cell = matrix.cells()[i];
    const CellResult& result = matrix.result(i);
    const Expected wanted = expected(cell);
    json row{{"fault", std::string(to_string(cell.fault))},
             {"promise", std::string(to_string(wanted.promise))},
             {"why", wanted.why},
             {"verdict", std::string(to_string(matrix.verdict(i)))},
             {"runs", result.runs.size()},
             {"struck_runs", result.struck},
             {"lossy_runs", result.lossy},
             {"acknowledged", result.acknowledged},
             {"lost", result.lost},
             {"permitted_lost", result.permitted},
             {"duplicated", result.duplicated},
             {"reordered", result.reordered},
             {"unavailable_ms", result.unavailable_ms}};
    for (const std::string_view name : kSettingNames) {
      std::string key(name);
      std::replace(key.begin(), key.end(), '-', '_');
      row[key] = value_of(cell, name);
    }
    if (result.struck > 0) {
      const Interval interval = result.loss_interval();
      row["loss_rate"] = result.loss_rate();
      row["loss_rate_95"] = {interval.from, interval.to};
    }
    if (result.worst) {
      const MatrixRun& worst = result.runs.at(*result.worst);
      row["witness"] = {{"seed", *result.worst},
                        {"repeat", matrix.witness(i)},
                        {"digest", fmt::format("{:016x}", worst.digest)},
                        {"lost", worst.lost},
                        {"story", result.story}};
    }
    if (const std::string wrong = matrix.contradiction(i); !wrong.empty()) row["contradiction"] = wrong;
    out["cells"].push_back(std::move(row));
  }
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string render_matrix_markdown(const Matrix& matrix) {
  const std::vector<std::string> names = varying(matrix);
  const std::vector<MatrixFault>& faults = matrix.dimensions().faults;
  std::string out = "|";
  std::string rule = "|";
  for (const std::string& name : names) {
    out += " " + name + " |";
    rule += "---|";
  }
  for (const MatrixFault fault : faults) {
    out += fmt::format(" {} |", to_string(fault));
    rule += "--:|";
  }
  out += "\n" + rule + "\n";
  for (size_t row = 0; row < matrix.cells().size(); row += faults.size()) {
    out += "|";
    for (const std::string& name : names) out += " " + value_of(matrix.cells()[row], name) + " |";
    for (size_t f = 0; f < faults.size(); ++f) {
      const std::string text = brief(matrix, row + f);
      const bool loses = matrix.verdict(row + f) == Verdict::permitted;
      out += loses ? " **" + text.substr(0, text.find(' ')) + "**" + text.substr(text.find(' ')) + " |"
                   : " " + text + " |";
    }
    out += "\n";
  }
  return out;
}

std::string render_matrix_csv(const Matrix& matrix) {
  std::string out(kMatrixCsvHead);
  out +=
      "replication,unclean,flush,idempotence,promise,verdict,runs,struck_runs,lossy_runs,loss_rate,"
      "loss_rate_from,loss_rate_to,acknowledged,lost,permitted_lost,duplicated,reordered,unavailable_ms,"
      "contradiction,witness\n";
  for (size_t i = 0; i < matrix.cells().size(); ++i) {
    const Cell& cell = matrix.cells()[i];
    const CellResult& result = matrix.result(i);
    const Interval interval = result.loss_interval();
    out += std::string(to_string(cell.fault));
    for (const std::string_view name : kSettingNames) out += "," + value_of(cell, name);
    out += fmt::format(",{},{},{},{},{}", to_string(expected(cell).promise), to_string(matrix.verdict(i)),
                       result.runs.size(), result.struck, result.lossy);
    out += result.struck == 0
               ? ",,,"
               : fmt::format(",{:.4f},{:.4f},{:.4f}", result.loss_rate(), interval.from, interval.to);
    for (const uint64_t value : {result.acknowledged, result.lost, result.permitted, result.duplicated,
                                 result.reordered, result.unavailable_ms})
      out += "," + std::to_string(value);
    out += "," + csv_word(matrix.contradiction(i)) + "," + csv_word(matrix.witness(i)) + "\n";
  }
  return out;
}

}  // namespace ksim::sim
