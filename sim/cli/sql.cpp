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

// "-- What it is." before "CREATE VIEW name": what a schema itself says of a view or table.
std::string comment_on(const std::string& name, std::string_view schema) {
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
  return {};
}

// A run, a campaign and a matrix have tables of the same names. Each of the latter has one of its own name.
std::string_view schema_of(Database& database) {
  Query known(database,
              "SELECT name FROM sqlite_master WHERE type = 'table' AND name IN ('swarm', 'matrix')");
  if (!known.next()) return kSchemaSql;
  return known.text(0) == "swarm" ? kSwarmSql : kMatrixSql;
}

Result<std::string> what_there_is(Database& database) {
  const std::string_view schema = schema_of(database);
  std::string text;
  for (const bool views : {true, false}) {
    Query names(database, fmt::format("SELECT name FROM sqlite_master WHERE type = '{}' ORDER BY name",
                                      views ? "view" : "table"));
    bool first = true;
    while (names.next()) {
      if (first) text += (text.empty() ? "" : "\n") + std::string(views ? "views\n" : "tables\n");
      first = false;
      const std::string name = names.text(0);
      std::string columns;
      Query info(database, fmt::format("SELECT name FROM pragma_table_info('{}')", name));
      while (info.next()) columns += (columns.empty() ? "" : ", ") + info.text(0);
      TRY(info.end());
      const std::string comment = comment_on(name, schema);
      text += fmt::format("  {} ({})\n", name, columns);
      if (!comment.empty()) text += fmt::format("      {}\n", comment);
    }
    TRY(names.end());
  }
  return text;
}

struct Value {
  std::string text;             // as sqlite shows it; of no value: nothing
  nlohmann::ordered_json json;  // a number, a string or null
};

struct Table {
  std::vector<std::string> names;
  std::vector<bool> numbers;  // of a column: every value is one
  std::vector<std::vector<Value>> rows;
};

nlohmann::ordered_json json_of(const Query& query, int column) {
  if (query.is_null(column)) return nullptr;
  if (query.is_whole(column)) return query.number(column);
  if (query.is_number(column)) return query.real(column);
  return query.text(column);
}

Result<Table> ask(Database& database, const std::string& sql) {
  database.allow_reads_only();
  TRY(check_statement(database, sql));
  Query query(database, sql);
  Table table;
  for (int i = 0; i < query.columns(); ++i) table.names.push_back(query.name(i));
  table.numbers.assign(table.names.size(), true);
  while (query.next()) {
    std::vector<Value>& row = table.rows.emplace_back();
    for (int i = 0; i < query.columns(); ++i) {
      row.push_back({query.text(i), json_of(query, i)});
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
    for (const auto& row : table.rows) width = std::max(width, row[i].text.size());
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
  for (const auto& row : table.rows) {
    std::vector<std::string> cells;
    for (const Value& value : row) cells.push_back(value.text);
    line(cells);
  }
  return text;
}

std::string as_json(const Table& table) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const auto& row : table.rows) {
    nlohmann::ordered_json object;
    for (size_t i = 0; i < row.size(); ++i) {
      // As sqlite calls the second of two columns of one name where it needs a name of its own.
      std::string name = table.names[i];
      for (int n = 1; object.contains(name); ++n) name = fmt::format("{}:{}", table.names[i], n);
      object[name] = row[i].json;
    }
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
  host::write_out(command.json ? as_json(*table) : shown(*table));
  return kHolds;
}

}  // namespace ksim::sim
