#pragma once
// What goes to stdout: text and tables for people, JSON for programs.

#include <string>
#include <string_view>
#include <vector>

#include "core/apps/kctl/text/json_text.h"

namespace ksim::kctl {

enum class Style : uint8_t { plain, heading, good, bad, faint };

// Shows only where the terminal has colours.
struct Cell {
  std::string text;
  Style style = Style::plain;

  Cell() = default;
  Cell(std::string t, Style s = Style::plain) : text(std::move(t)), style(s) {}
  Cell(std::string_view t) : text(t) {}
  Cell(const char* t) : text(t) {}
  Cell(int64_t number) : text(std::to_string(number)) {}
};

// Rows under headings. A column whose cells are all numbers is aligned to the right.
class Table {
 public:
  explicit Table(std::vector<std::string> headings) : headings_(std::move(headings)) {}
  // As many cells as there are headings.
  void add(std::vector<Cell> row);
  bool empty() const { return rows_.empty(); }
  // Lines without blanks at their ends.
  std::string render(bool colours) const;

 private:
  std::vector<std::string> headings_;
  std::vector<std::vector<Cell>> rows_;
};

std::string coloured(std::string_view text, Style style, bool colours);
// "0.5 KiB" style: at most four digits and a unit.
std::string human_bytes(int64_t bytes);
// "1 record", "2 records".
std::string counted(int64_t count, std::string_view noun);

class Output {
 public:
  Output(bool json, bool colours) : json_(json), colours_(colours) {}

  bool json() const { return json_; }
  bool colours() const { return colours_; }
  void text(std::string_view text);
  void line(std::string_view text);
  void table(const Table& table) { text(table.render(colours_)); }
  void document(const Json& document) { line(to_line(document)); }
  void flush();
  // Nothing more will get out: the reader has left, or else the disk is full.
  bool broken() const { return broken_; }
  bool reader_left() const { return reader_left_; }

 private:
  bool json_;
  bool colours_;
  void note_failure();

  bool broken_ = false;
  bool reader_left_ = false;
};

}  // namespace ksim::kctl
