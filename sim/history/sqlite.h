#pragma once
// The little of sqlite3 that histories need.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace ksim::sim {

class Database {
 public:
  // A database in memory.
  static Result<Database> create();
  Database(Database&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Database& operator=(Database&&) = delete;
  Database(const Database&) = delete;
  ~Database();

  Result<void> run(const std::string& sql);
  // The bytes of a file that holds it.
  Result<std::string> image();
  sqlite3* handle() const { return handle_; }

 private:
  explicit Database(sqlite3* handle) : handle_(handle) {}
  sqlite3* handle_;
};

// A prepared insert, bound left to right and stepped row by row.
class Insert {
 public:
  Insert(Database& database, std::string_view table, int columns);
  Insert(const Insert&) = delete;
  Insert& operator=(const Insert&) = delete;
  ~Insert();

  Insert& text(std::string_view value);
  Insert& text_or_null(std::string_view value);  // empty is null
  Insert& number(int64_t value);
  Insert& number_or_null(std::optional<int64_t> value);
  void row();  // writes it; a failure shows in failed()
  bool failed() const { return failed_; }

 private:
  sqlite3_stmt* statement_ = nullptr;
  int column_ = 0;
  bool failed_ = false;
};

}  // namespace ksim::sim
