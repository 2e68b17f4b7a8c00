#include "sim/history/check_recording.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include <fmt/format.h>

#include "sim/history/schema_sql.h"

namespace ksim::sim {
namespace {

struct Column {
  std::string name;
  bool number = false;
  bool may_be_null = false;
};

// Far enough from the ends of the type for every sum and difference that a reader makes.
constexpr int64_t kMostNs = 1'000'000'000'000'000'000;
constexpr int64_t kMost = int64_t{1} << 62;
constexpr size_t kMostDigits = 9;  // of a node's id
constexpr size_t kMostShown = 40;

bool one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Failure<Error> spoilt(std::string_view table, std::string_view column, const std::string& row,
                      const std::string& found, std::string_view expected) {
  std::string shown = found.substr(0, kMostShown);
  for (char& c : shown) c = static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  return fail(ErrorCode::INVALID_REQUEST,
              fmt::format("table {}, column {}, row {}: expected {}, found \"{}\"{}", table, column, row,
                          expected, shown, found.size() > kMostShown ? "..." : ""));
}

Result<std::vector<Column>> columns_of(Database& database, const std::string& table) {
  Query query(database,
              fmt::format("SELECT name, type, \"notnull\", pk FROM pragma_table_info('{}')", table));
  std::vector<Column> columns;
  while (query.next())
    columns.push_back(
        {query.text(0), query.text(1) == "INTEGER", query.number(2) == 0 && query.number(3) == 0});
  TRY(query.end());
  return columns;
}

std::pair<int64_t, int64_t> range_of(const Column& column) {
  if (column.name.ends_with("_ns")) return {0, kMostNs};
  if (one_of(column.name, {"node", "leader", "leader_epoch", "partition_epoch", "epoch", "voted",
                           "incarnation", "session", "acks", "offset"}))
    return {-1, column.name == "offset" ? kMost : INT32_MAX};
  return {-kMost, kMost};
}

// True of a row whose cell is not of its kind.
std::string wrong_cell(const Column& column) {
  const auto [least, most] = range_of(column);
  const std::string wrong =
      column.number ? fmt::format("typeof(\"{0}\") <> 'integer' OR \"{0}\" NOT BETWEEN {1} AND {2}",
                                  column.name, least, most)
                    : fmt::format("typeof(\"{}\") <> 'text'", column.name);
  return column.may_be_null ? fmt::format("(\"{0}\" IS NOT NULL AND ({1}))", column.name, wrong)
                            : "(" + wrong + ")";
}

std::string expected_words(const Column& column) {
  const auto [least, most] = range_of(column);
  return column.number ? fmt::format("a number from {} to {}", least, most) : std::string("text");
}

Result<void> check_cells(Database& database, const std::string& table, const std::vector<Column>& columns) {
  std::string any;
  for (const Column& column : columns) any += (any.empty() ? "" : " OR ") + wrong_cell(column);
  Query found(database, fmt::format("SELECT rowid FROM \"{}\" WHERE {} LIMIT 1", table, any));
  if (!found.next()) return found.end();
  const std::string row = found.text(0);
  for (const Column& column : columns) {
    Query cell(database, fmt::format("SELECT \"{0}\" FROM \"{1}\" WHERE rowid = {2} AND {3}", column.name,
                                     table, row, wrong_cell(column)));
    if (cell.next())
      return spoilt(table, column.name, row, cell.is_null(0) ? "NULL" : cell.text(0), expected_words(column));
    TRY(cell.end());
  }
  return {};
}

// "1,2,3", or nothing.
bool is_nodes(std::string_view text) {
  size_t digits = 0;
  for (const char c : text) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit && (c != ',' || digits == 0)) return false;
    digits = digit ? digits + 1 : 0;
    if (digits > kMostDigits) return false;
  }
  return text.empty() || digits > 0;
}

Result<void> check_nodes(Database& database, const std::string& table, const std::string& column) {
  Query query(database, fmt::format("SELECT {0}, min(rowid) FROM {1} WHERE {0} IS NOT NULL GROUP BY {0}",
                                    column, table));
  while (query.next()) {
    if (!is_nodes(query.text(0)))
      return spoilt(table, column, query.text(1), query.text(0), "ids of nodes such as \"1,2,3\"");
  }
  return query.end();
}

Result<void> check_record_ids(Database& database, const std::string& table, const std::string& column) {
  Query query(
      database,
      fmt::format("SELECT rowid, {0} FROM {1} WHERE length({0}) <> 16 OR {0} GLOB '*[^0-9a-f]*' LIMIT 1",
                  column, table));
  if (query.next())
    return spoilt(table, column, query.text(0), query.text(1), "a record's id, 16 hex digits");
  return query.end();
}

// The fields of an event are words, numbers, and lists of nodes.
Result<void> check_details(Database& database) {
  Query whole(database,
              "SELECT rowid, detail FROM event WHERE CASE WHEN json_valid(detail) THEN json_type(detail) <> "
              "'object' ELSE 1 END LIMIT 1");
  if (whole.next()) return spoilt("event", "detail", whole.text(0), whole.text(1), "a JSON object");
  TRY(whole.end());
  Query fields(
      database,
      fmt::format("SELECT j.value, j.type, min(e.rowid) FROM event e, json_each(e.detail) j WHERE j.type "
                  "NOT IN ('text', 'true', 'false', 'null') AND (j.type <> 'integer' OR j.value NOT BETWEEN "
                  "{} AND {}) GROUP BY 1, 2",
                  -kMost, kMost));
  while (fields.next()) {
    const std::string value = fields.text(0);
    const bool list = fields.text(1) == "array" && value.size() >= 2;
    if (!list || !is_nodes(std::string_view(value).substr(1, value.size() - 2)))
      return spoilt("event", "detail", fields.text(2), value,
                    "fields that are words, numbers or lists of nodes");
  }
  return fields.end();
}

}  // namespace

Result<bool> has_table(Database& database, std::string_view name) {
  Query query(database,
              fmt::format("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '{}'", name));
  bool has = false;
  while (query.next()) has = query.number(0) > 0;
  TRY(query.end());
  return has;
}

Result<bool> is_recorded_run(Database& database) {
  for (const std::string_view name : {"run", "partition_state", "message"}) {
    TRY_ASSIGN(const bool has, has_table(database, name));
    if (!has) return false;
  }
  return true;
}

Result<void> check_recording(Database& database) {
  TRY_ASSIGN(Database schema, Database::create());
  TRY(schema.run(std::string(kSchemaSql)));
  std::vector<std::string> tables;
  Query names(schema, "SELECT name FROM sqlite_master WHERE type = 'table'");
  while (names.next()) tables.push_back(names.text(0));
  TRY(names.end());
  for (const std::string& table : tables) {
    TRY_ASSIGN(std::vector<Column> columns, columns_of(schema, table));
    TRY_ASSIGN(const std::vector<Column> there, columns_of(database, table));
    std::erase_if(columns, [&](const Column& column) {
      return std::none_of(there.begin(), there.end(),
                          [&](const Column& one) { return one.name == column.name; });
    });
    if (columns.empty()) continue;
    TRY(check_cells(database, table, columns));
    for (const Column& column : columns) {
      if (one_of(column.name, {"isr", "elr", "holders"})) TRY(check_nodes(database, table, column.name));
      const bool record = column.name == "record" || (table == "record" && column.name == "id");
      if (record) TRY(check_record_ids(database, table, column.name));
    }
    if (table == "event") TRY(check_details(database));
  }
  return {};
}

}  // namespace ksim::sim
