#include "sim/history/sqlite.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <utility>

#include <sqlite3.h>

namespace ksim::sim {
namespace {

// Pragmas that tell and change nothing, with or without an argument.
bool tells(std::string pragma) {
  static constexpr std::string_view kTell[] = {
      "table_info",       "table_xinfo",       "table_list",      "index_list",
      "index_info",       "index_xinfo",       "database_list",   "collation_list",
      "foreign_key_list", "foreign_key_check", "function_list",   "module_list",
      "pragma_list",      "compile_options",   "integrity_check", "quick_check"};
  std::transform(pragma.begin(), pragma.end(), pragma.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::find(std::begin(kTell), std::end(kTell), pragma) != std::end(kTell);
}

int only_reads(void*, int action, const char* first, const char*, const char*, const char*) {
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_FUNCTION:
    case SQLITE_RECURSIVE:
      return SQLITE_OK;
    case SQLITE_UPDATE:
      // So do functions that are tables, json_each() for one, when they say what their columns are. Whoever
      // means to change it is refused by sqlite.
      return first != nullptr && std::string_view(first) == "sqlite_master" ? SQLITE_OK : SQLITE_DENY;
    case SQLITE_PRAGMA:
      return first != nullptr && tells(first) ? SQLITE_OK : SQLITE_DENY;
    default:
      return SQLITE_DENY;
  }
}

}  // namespace

Result<Database> Database::create() {
  sqlite3* handle = nullptr;
  if (sqlite3_open_v2(":memory:", &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr) !=
      SQLITE_OK) {
    const std::string why = handle == nullptr ? "out of memory" : sqlite3_errmsg(handle);
    sqlite3_close(handle);
    return fail(ErrorCode::UNKNOWN_SERVER_ERROR, "sqlite: " + why);
  }
  Database database(handle);
  TRY(database.run("PRAGMA journal_mode=OFF; PRAGMA page_size=16384;"));
  return database;
}

Result<Database> Database::open(const std::string& image) { return load(image, SQLITE_DESERIALIZE_READONLY); }

Result<Database> Database::copy(const std::string& image) {
  return load(image, SQLITE_DESERIALIZE_RESIZEABLE);
}

Result<Database> Database::load(const std::string& image, unsigned flags) {
  constexpr std::string_view kMagic = "SQLite format 3";
  if (!image.starts_with(kMagic)) return fail(ErrorCode::INVALID_REQUEST, "is no sqlite file");
  TRY_ASSIGN(Database database, create());
  const auto size = static_cast<sqlite3_int64>(image.size());
  auto* const bytes = static_cast<unsigned char*>(sqlite3_malloc64(image.size()));
  if (bytes == nullptr) return fail(ErrorCode::INVALID_REQUEST, "sqlite: out of memory");
  std::memcpy(bytes, image.data(), image.size());
  // The bytes are sqlite's from here on, also where this fails.
  if (sqlite3_deserialize(database.handle_, "main", bytes, size, size,
                          SQLITE_DESERIALIZE_FREEONCLOSE | flags) != SQLITE_OK) {
    return fail(ErrorCode::INVALID_REQUEST, "sqlite: " + std::string(sqlite3_errmsg(database.handle_)));
  }
  return database;
}

Result<std::string> Database::image() {
  sqlite3_int64 size = 0;
  const unsigned char* bytes = sqlite3_serialize(handle_, "main", &size, SQLITE_SERIALIZE_NOCOPY);
  if (bytes != nullptr) return std::string(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
  unsigned char* copy = sqlite3_serialize(handle_, "main", &size, 0);
  if (copy == nullptr) return fail(ErrorCode::UNKNOWN_SERVER_ERROR, "sqlite: no image of the database");
  std::string image(reinterpret_cast<const char*>(copy), static_cast<size_t>(size));
  sqlite3_free(copy);
  return image;
}

Database::~Database() { sqlite3_close(handle_); }

Result<void> Database::run(const std::string& sql) {
  char* message = nullptr;
  if (sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, &message) == SQLITE_OK) return {};
  const std::string why = message == nullptr ? "unknown" : message;
  sqlite3_free(message);
  return fail(ErrorCode::UNKNOWN_SERVER_ERROR, "sqlite: " + why);
}

void Database::allow_reads_only() { sqlite3_set_authorizer(handle_, only_reads, nullptr); }

bool has_column(Database& database, std::string_view table, std::string_view column) {
  Query columns(database, "SELECT name FROM pragma_table_info('" + std::string(table) + "')");
  bool found = false;
  while (columns.next()) found = found || columns.text(0) == column;
  return found;
}

Result<void> check_statement(Database& database, const std::string& sql) {
  const auto bad = [](const std::string& why) { return fail(ErrorCode::INVALID_REQUEST, why); };
  bool found = false;
  const char* rest = sql.c_str();
  while (*rest != '\0') {
    sqlite3_stmt* statement = nullptr;
    const int state = sqlite3_prepare_v2(database.handle(), rest, -1, &statement, &rest);
    const bool reads = statement == nullptr || sqlite3_stmt_readonly(statement) != 0;
    const bool blank = state == SQLITE_OK && statement == nullptr;
    sqlite3_finalize(statement);
    if (blank) continue;  // spaces, a comment, a semicolon
    if (found) return bad("one statement at a time: what stands behind the first one was not looked at");
    if (state == SQLITE_AUTH || !reads) return bad("only reads are allowed: select, with, values, explain");
    if (state != SQLITE_OK) return bad("sqlite: " + std::string(sqlite3_errmsg(database.handle())));
    found = true;
  }
  return found ? Result<void>() : bad("no statement: expected a select");
}

Insert::Insert(Database& database, std::string_view table, int columns) {
  std::string sql = "INSERT INTO " + std::string(table) + " VALUES (?";
  for (int i = 1; i < columns; ++i) sql += ",?";
  sql += ")";
  failed_ = sqlite3_prepare_v2(database.handle(), sql.c_str(), -1, &statement_, nullptr) != SQLITE_OK;
}

Insert::~Insert() { sqlite3_finalize(statement_); }

Insert& Insert::text(std::string_view value) {
  sqlite3_bind_text(statement_, ++column_, value.data() == nullptr ? "" : value.data(),
                    static_cast<int>(value.size()), SQLITE_TRANSIENT);
  return *this;
}

Insert& Insert::text_or_null(std::string_view value) {
  if (!value.empty()) return text(value);
  sqlite3_bind_null(statement_, ++column_);
  return *this;
}

Insert& Insert::number(int64_t value) {
  sqlite3_bind_int64(statement_, ++column_, value);
  return *this;
}

Insert& Insert::number_or_null(std::optional<int64_t> value) {
  if (value) return number(*value);
  sqlite3_bind_null(statement_, ++column_);
  return *this;
}

void Insert::row() {
  if (sqlite3_step(statement_) != SQLITE_DONE) failed_ = true;
  sqlite3_reset(statement_);
  column_ = 0;
}

Query::Query(Database& database, const std::string& sql) : database_(database) {
  state_ = sqlite3_prepare_v2(database.handle(), sql.c_str(), -1, &statement_, nullptr);
}

Query::~Query() { sqlite3_finalize(statement_); }

bool Query::next() {
  if (statement_ == nullptr) return false;
  state_ = sqlite3_step(statement_);
  return state_ == SQLITE_ROW;
}

int Query::columns() const { return statement_ == nullptr ? 0 : sqlite3_column_count(statement_); }

std::string Query::name(int column) const { return sqlite3_column_name(statement_, column); }

bool Query::is_whole(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_INTEGER; }

bool Query::is_number(int column) const {
  const int type = sqlite3_column_type(statement_, column);
  return type == SQLITE_INTEGER || type == SQLITE_FLOAT;
}

bool Query::is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

std::string Query::text(int column) const {
  const unsigned char* const text = sqlite3_column_text(statement_, column);
  if (text == nullptr) return {};
  return {reinterpret_cast<const char*>(text), static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

double Query::real(int column) const { return sqlite3_column_double(statement_, column); }

int64_t Query::number(int column) const { return sqlite3_column_int64(statement_, column); }

std::optional<int64_t> Query::number_or_null(int column) const {
  return is_null(column) ? std::nullopt : std::optional(number(column));
}

Result<void> Query::end() const {
  if (state_ == SQLITE_DONE) return {};
  return fail(ErrorCode::INVALID_REQUEST, "sqlite: " + std::string(sqlite3_errmsg(database_.handle())));
}

}  // namespace ksim::sim
