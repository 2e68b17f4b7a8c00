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
  // One that holds what a file does, to be read. Errors: INVALID_REQUEST where it is no sqlite file.
  static Result<Database> open(const std::string& image);
  // The same, to be changed in memory.
  static Result<Database> copy(const std::string& image);
  Database(Database&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Database& operator=(Database&&) = delete;
  Database(const Database&) = delete;
  ~Database();

  Result<void> run(const std::string& sql);
  // From here on a statement that would do anything but read is refused: a file that is not this one is
  // neither opened nor made.
  void allow_reads_only();
  // The bytes of a file that holds it.
  Result<std::string> image();
  sqlite3* handle() const { return handle_; }

 private:
  explicit Database(sqlite3* handle) : handle_(handle) {}
  static Result<Database> load(const std::string& image, unsigned flags);
  sqlite3* handle_;
};

// Files of earlier builds lack some.
bool has_column(Database& database, std::string_view table, std::string_view column);

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

// Errors: INVALID_REQUEST where the text is not one statement, or one that is not allowed.
Result<void> check_statement(Database& database, const std::string& sql);

// A select, row by row.
class Query {
 public:
  Query(Database& database, const std::string& sql);
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  ~Query();

  // False: there are no more rows, or it failed.
  bool next();
  int columns() const;
  std::string name(int column) const;
  bool is_null(int column) const;
  bool is_whole(int column) const;   // a number without a fraction
  bool is_number(int column) const;  // any number
  std::string text(int column) const;
  int64_t number(int column) const;
  double real(int column) const;
  std::optional<int64_t> number_or_null(int column) const;
  // Errors: INVALID_REQUEST with sqlite's reason. Ask when next() was false.
  Result<void> end() const;

 private:
  Database& database_;
  sqlite3_stmt* statement_ = nullptr;
  int state_ = 0;
};

}  // namespace ksim::sim
