#pragma once
// A table of a scenario or a plan, as the parser reads it.

#include <charconv>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "sim/plan/drawing.h"
#include "sim/plan/plan.h"
#include "sim/plan/words.h"

namespace ksim::sim {

// One table, read key by key; whatever was not asked for is an unknown key.
class Section {
 public:
  Section(const toml::table& table, std::string path, Complaint& complaint)
      : table_(table), path_(std::move(path)), complaint_(complaint) {}
  Section(const Section&) = delete;
  Section& operator=(const Section&) = delete;

  const toml::node* get(std::string_view key) {
    asked_.insert(std::string(key));
    return table_.get(key);
  }
  bool has(std::string_view key) const { return table_.contains(key); }

  void text(std::string_view key, std::string& into) {
    const toml::node* node = get(key);
    if (node == nullptr) return;
    if (const auto value = node->value_exact<std::string>()) {
      into = *value;
    } else {
      wrong(*node, key, "a string");
    }
  }
  template <class T>
  void number(std::string_view key, T& into, int64_t least,
              int64_t most = std::numeric_limits<int64_t>::max()) {
    const toml::node* node = get(key);
    if (node == nullptr) return;
    const auto value = node->value_exact<int64_t>();
    const int64_t highest = std::min<int64_t>(most, static_cast<int64_t>(limit<T>()));
    if (!value || *value < least || *value > highest) {
      wrong(*node, key,
            highest == std::numeric_limits<int64_t>::max()
                ? fmt::format("a whole number, at least {}", least)
                : fmt::format("a whole number from {} to {}", least, highest));
    } else {
      into = static_cast<T>(*value);
    }
  }
  void flag(std::string_view key, bool& into) {
    const toml::node* node = get(key);
    if (node == nullptr) return;
    if (const auto value = node->value_exact<bool>()) {
      into = *value;
    } else {
      wrong(*node, key, "true or false");
    }
  }
  void duration(std::string_view key, Duration& into) {
    const toml::node* node = get(key);
    if (node == nullptr) return;
    const auto value = node->value_exact<std::string>();
    const auto parsed = value ? parse_duration(*value) : std::nullopt;
    if (parsed) {
      into = *parsed;
    } else {
      wrong(*node, key, "a duration such as \"250ms\" or \"10s\"");
    }
  }
  void seed(std::string_view key, uint64_t& into) {
    const toml::node* node = get(key);
    if (node == nullptr) return;
    if (const auto number = node->value_exact<int64_t>(); number && *number >= 0) {
      into = static_cast<uint64_t>(*number);
      return;
    }
    const auto text = node->value_exact<std::string>();
    if (text) {
      const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), into);
      if (error == std::errc{} && end == text->data() + text->size()) return;
    }
    wrong(*node, key, "a seed from 0 to 18446744073709551615");
  }
  void texts(std::string_view key, std::vector<std::string>& into) {
    const toml::node* node = get(key);
    if (node == nullptr) return;
    const toml::array* array = node->as_array();
    if (array == nullptr) return wrong(*node, key, "a list of strings");
    into.clear();
    for (const toml::node& element : *array) {
      if (const auto value = element.value_exact<std::string>()) {
        into.push_back(*value);
      } else {
        wrong(element, key, "a list of strings");
      }
    }
  }
  void properties(std::string_view key, Properties& into) {
    const toml::node* node = get(key);
    if (node == nullptr) return;
    const toml::table* table = node->as_table();
    if (table == nullptr) return wrong(*node, key, "a table of Kafka's configuration keys");
    for (const auto& [name, value] : *table) {
      if (const auto text = scalar(value)) {
        into[std::string(name.str())] = *text;
      } else {
        wrong(value, name.str(), "a string, a number or a boolean (quote keys that have dots)");
      }
    }
  }
  const std::string& path() const { return path_; }
  // `each` is called for each table of the array [[key]].
  template <class F>
  void tables(std::string_view key, F each) {
    const toml::node* node = get(key);
    if (node == nullptr) return;
    const toml::array* array = node->as_array();
    if (array == nullptr) return wrong(*node, key, fmt::format("an array of tables, [[{}]]", name_of(key)));
    size_t n = 0;
    for (const toml::node& element : *array) {
      const toml::table* table = element.as_table();
      if (table == nullptr) {
        wrong(element, key, "a table");
        continue;
      }
      Section section(*table, fmt::format("{}.{}", name_of(key), n++), complaint_);
      each(section);
      section.finish();
    }
  }
  template <class F>
  void table(std::string_view key, F body) {
    const toml::node* node = get(key);
    if (node == nullptr) return;
    const toml::table* table = node->as_table();
    if (table == nullptr) return wrong(*node, key, "a table");
    Section section(*table, name_of(key), complaint_);
    body(section);
    section.finish();
  }
  // Everything not asked for, as text.
  std::map<std::string, std::string> rest() {
    std::map<std::string, std::string> out;
    for (const auto& [name, value] : table_) {
      const std::string key(name.str());
      if (asked_.contains(key)) continue;
      asked_.insert(key);
      if (const auto text = scalar(value)) {
        out[key] = *text;
      } else {
        wrong(value, key, "a string, a number or a boolean");
      }
    }
    return out;
  }
  void finish() {
    for (const auto& [name, value] : table_) {
      const std::string key(name.str());
      if (asked_.contains(key)) continue;
      complaint_.at(name.source(),
                    fmt::format("unknown key \"{}\"{}{}", key, path_.empty() ? "" : " in " + path_,
                                did_you_mean(key, std::vector<std::string>(asked_.begin(), asked_.end()))));
    }
  }
  void wrong(const toml::node& node, std::string_view key, std::string_view expected) {
    complaint_.at(node.source(), fmt::format("{}: expected {}", name_of(key), expected));
  }
  void complain(std::string_view key, std::string what) {
    const toml::node* node = table_.get(key);
    complaint_.at(node == nullptr ? table_.source() : node->source(), std::move(what));
  }
  const toml::table& raw() const { return table_; }

 private:
  template <class T>
  static constexpr uint64_t limit() {
    return static_cast<uint64_t>(std::numeric_limits<T>::max()) >
                   static_cast<uint64_t>(std::numeric_limits<int64_t>::max())
               ? static_cast<uint64_t>(std::numeric_limits<int64_t>::max())
               : static_cast<uint64_t>(std::numeric_limits<T>::max());
  }
  static std::optional<std::string> scalar(const toml::node& node) {
    if (const auto text = node.value_exact<std::string>()) return *text;
    if (const auto number = node.value_exact<int64_t>()) return std::to_string(*number);
    if (const auto flag = node.value_exact<bool>()) return *flag ? "true" : "false";
    return std::nullopt;
  }
  std::string name_of(std::string_view key) const {
    return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
  }

  const toml::table& table_;
  std::string path_;
  Complaint& complaint_;
  std::set<std::string> asked_;
};

}  // namespace ksim::sim
