#include "sim/history/sqlite.h"

#include <cstring>
#include <utility>

#include <sqlite3.h>

namespace ksim::sim {

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

int64_t Query::number(int column) const { return sqlite3_column_int64(statement_, column); }

std::optional<int64_t> Query::number_or_null(int column) const {
  return is_null(column) ? std::nullopt : std::optional(number(column));
}

Result<void> Query::end() const {
  if (state_ == SQLITE_DONE) return {};
  return fail(ErrorCode::INVALID_REQUEST, "sqlite: " + std::string(sqlite3_errmsg(database_.handle())));
}

}  // namespace ksim::sim
