// ksim sql: questions to a recorded run, or to a campaign, without another tool.

#include <algorithm>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "sim/cli/commands.h"
#include "sim/history/schema_sql.h"
#include "sim/history/sqlite.h"
#include "sim/host/files.h"
#include "sim/host/terminal.h"
#include "sim/matrix/schema_sql.h"
#include "sim/swarm/schema_sql.h"

namespace ksim::sim {
namespace {

// "-- What it is." before "CREATE VIEW name": what the schemas themselves say of a view or table.
std::string comment_on(const std::string& name) {
  for (const std::string_view schema : {kSchemaSql, kSwarmSql, kMatrixSql}) {
    std::string comment;
    for (size_t at = 0; at < schema.size();) {
      const size_t end = std::min(schema.find('\n', at), schema.size());
      const std::string_view line = schema.substr(at, end - at);
      at = end + 1;
      if (line.starts_with("-- ")) {
        comment += (comment.empty() ? "" : " ") + std::string(line.substr(3));
        continue;
      }
      for (const std::string_view create : {"CREATE VIEW ", "CREATE TABLE "}) {
        const std::string_view rest = line.substr(std::min(create.size(), line.size()));
        if (line.starts_with(create) && rest.starts_with(name) &&
            (rest.size() == name.size() || rest[name.size()] == ' '))
          return comment;
      }
      comment.clear();
    }
  }
  return {};
}

Result<std::string> what_there_is(Database& database) {
  std::string text;
  for (const bool views : {true, false}) {
    Query names(database, fmt::format("SELECT name FROM sqlite_master WHERE type = '{}' ORDER BY name",
                                      views ? "view" : "table"));
    bool first = true;
    while (names.next()) {
      if (first) text += views ? "views\n" : "\ntables\n";
      first = false;
      const std::string name = names.text(0);
      std::string columns;
      Query info(database, fmt::format("SELECT name FROM pragma_table_info('{}')", name));
      while (info.next()) columns += (columns.empty() ? "" : ", ") + info.text(0);
      TRY(info.end());
      const std::string comment = comment_on(name);
      text += fmt::format("  {} ({})\n", name, columns);
      if (!comment.empty()) text += fmt::format("      {}\n", comment);
    }
    TRY(names.end());
  }
  return text;
}

struct Table {
  std::vector<std::string> names;
  std::vector<bool> numbers;  // of a column: every value is one
  std::vector<std::vector<std::string>> rows;
};

Result<Table> ask(Database& database, const std::string& sql) {
  Query query(database, sql);
  Table table;
  while (query.next()) {
    std::vector<std::string>& row = table.rows.emplace_back();
    for (int i = 0; i < query.columns(); ++i) {
      if (table.rows.size() == 1) {
        table.names.push_back(query.name(i));
        table.numbers.push_back(true);
      }
      row.push_back(query.text(i));
      if (!query.is_null(i) && !query.is_number(i)) table.numbers[static_cast<size_t>(i)] = false;
    }
  }
  TRY(query.end());
  return table;
}

std::string shown(const Table& table) {
  std::vector<size_t> widths;
  for (size_t i = 0; i < table.names.size(); ++i) {
    size_t width = table.names[i].size();
    for (const auto& row : table.rows) width = std::max(width, row[i].size());
    widths.push_back(width);
  }
  std::string text;
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string out;
    for (size_t i = 0; i < cells.size(); ++i) {
      if (i > 0) out += "  ";
      out += table.numbers[i] ? fmt::format("{:>{}}", cells[i], widths[i])
                              : fmt::format("{:<{}}", cells[i], widths[i]);
    }
    while (out.ends_with(' ')) out.pop_back();
    text += out + "\n";
  };
  line(table.names);
  for (const auto& row : table.rows) line(row);
  return text;
}

std::string as_json(const Table& table) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const auto& row : table.rows) {
    nlohmann::ordered_json object;
    for (size_t i = 0; i < row.size(); ++i) object[table.names[i]] = row[i];
    rows.push_back(std::move(object));
  }
  return rows.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

int ask_sql(const host::SqlCommand& command) {
  const Result<std::string> image = host::read_text(command.file);
  if (!image.ok()) return refuse(image.error().message);
  Result<Database> database = Database::open(*image);
  if (!database.ok()) return refuse(command.file + ": " + database.error().message);
  if (command.views) {
    const Result<std::string> text = what_there_is(*database);
    if (!text.ok()) return refuse(command.file + ": " + text.error().message);
    host::write_out(*text);
    return kHolds;
  }
  const Result<Table> table = ask(*database, command.query);
  if (!table.ok()) {
    return refuse(
        fmt::format("{} (ksim sql {} --views shows what there is)", table.error().message, command.file));
  }
  if (!table->rows.empty() || command.json) host::write_out(command.json ? as_json(*table) : shown(*table));
  return kHolds;
}

}  // namespace ksim::sim
