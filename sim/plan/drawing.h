#pragma once
// The text of a scenario as toml++ reads it, before it is a plan: settings of the command line are put over
// it, and what it leaves to the seed is drawn.

#include <cstdint>
#include <memory>
#include <string>

#include <fmt/format.h>

#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
// Some of its assertions a wrong text can break ("[="); it then finds the same and refuses.
#define TOML_ASSERT(condition) static_cast<void>(0)
#include <toml++/toml.h>

#include "sim/plan/plan.h"

namespace ksim::sim {

// The first thing that is wrong with a text, where it stands.
class Complaint {
 public:
  explicit Complaint(std::string file) : file_(std::move(file)) {}
  void at(const toml::source_region& where, std::string what) {
    if (!text_.empty()) return;
    text_ = where.begin.line > 0
                ? fmt::format("{}:{}:{}: {}", file_, where.begin.line, where.begin.column, what)
                : fmt::format("{}: {}", file_, what);
  }
  void at(const Place& where, std::string what) {
    toml::source_region region;
    region.begin = {where.line, where.column};
    at(region, std::move(what));
  }
  bool any() const { return !text_.empty(); }
  const std::string& text() const { return text_; }

 private:
  std::string file_;
  std::string text_;
};

// The draw that belongs to this path, below `bound`.
uint64_t draw_below(uint64_t seed, const std::string& path, uint64_t bound);
// { between = [a, b] } or { one_of = [...] }: the drawn value; null if the table is neither.
std::unique_ptr<toml::node> drawn(const toml::table& table, const std::string& path, uint64_t seed,
                                  Complaint& complaint);
// Draws every value of the text but those of cluster.shards, which are drawn for each node.
void draw_all(toml::table& root, uint64_t seed, Complaint& complaint);
// One --set. False, and why: there is no such place.
bool apply_setting(toml::table& root, const Setting& setting, std::string& why);
// draws = "storm": what the scenario does not say itself comes from a drawn plan (storm.h).
void put_under(toml::table& root, uint64_t seed, const Vocabulary& words, Complaint& complaint);

}  // namespace ksim::sim
