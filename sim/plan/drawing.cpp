#include "sim/plan/drawing.h"

#include <charconv>

#include "core/base/assert.h"
#include "core/base/hash.h"
#include "sim/plan/storm.h"
#include "sim/plan/words.h"

namespace ksim::sim {

uint64_t draw_below(uint64_t seed, const std::string& path, uint64_t bound) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<uint64_t>((static_cast<Wide>(mix64(seed, hash_text(path))) * bound) >> 64);
}

std::unique_ptr<toml::node> drawn(const toml::table& table, const std::string& path, uint64_t seed,
                                  Complaint& complaint) {
  if (table.size() != 1) return nullptr;
  const auto only = table.begin();
  const std::string_view key = only->first.str();
  const toml::node& value = only->second;
  const toml::array* array = value.as_array();
  if (key == "one_of") {
    if (array == nullptr || array->empty()) {
      complaint.at(value.source(), path + ": one_of needs a list of values");
      return nullptr;
    }
    const toml::node& chosen = (*array)[draw_below(seed, path, array->size())];
    std::unique_ptr<toml::node> copy;
    chosen.visit([&copy](const auto& node) { copy = std::make_unique<std::decay_t<decltype(node)>>(node); });
    return copy;
  }
  if (key != "between") return nullptr;
  if (array != nullptr && array->size() == 2) {
    const auto low = (*array)[0].value_exact<int64_t>();
    const auto high = (*array)[1].value_exact<int64_t>();
    if (low && high && *low <= *high) {
      // Any two numbers: without a sign nothing overflows. All there are is one more than can be counted.
      const uint64_t span = static_cast<uint64_t>(*high) - static_cast<uint64_t>(*low) + 1;
      const uint64_t above = draw_below(seed, path, span == 0 ? UINT64_MAX : span);
      return std::make_unique<toml::value<int64_t>>(
          static_cast<int64_t>(static_cast<uint64_t>(*low) + above));
    }
    const Duration first = parse_duration((*array)[0].value_or(std::string_view{})).value_or(Duration{-1});
    const Duration last = parse_duration((*array)[1].value_or(std::string_view{})).value_or(Duration{-1});
    if (first.ns >= 0 && first <= last) {
      // Whole microseconds: enough to differ, and readable.
      const auto span = static_cast<uint64_t>((last - first).ns / 1000) + 1;
      const Duration chosen = first + microseconds(static_cast<int64_t>(draw_below(seed, path, span)));
      return std::make_unique<toml::value<std::string>>(format_duration(chosen));
    }
  }
  complaint.at(value.source(), path + ": between needs two numbers or two durations, the smaller first");
  return nullptr;
}

namespace {

void resolve(toml::node& node, const std::string& path, uint64_t seed, Complaint& complaint);

template <class Container, class Set>
void resolve_child(Container&, toml::node& child, const std::string& path, uint64_t seed,
                   Complaint& complaint, Set set) {
  if (toml::table* table = child.as_table()) {
    if (auto value = drawn(*table, path, seed, complaint)) return set(*value);
  }
  resolve(child, path, seed, complaint);
}

void resolve(toml::node& node, const std::string& path, uint64_t seed, Complaint& complaint) {
  if (toml::table* table = node.as_table()) {
    std::vector<std::string> keys;
    for (const auto& [key, value] : *table) keys.emplace_back(key.str());
    for (const std::string& key : keys) {
      const std::string child_path = path.empty() ? key : path + "." + key;
      if (child_path == "cluster.shards") continue;  // drawn for each node
      resolve_child(*table, *table->get(key), child_path, seed, complaint, [&](const toml::node& value) {
        value.visit([&](const auto& v) { table->insert_or_assign(key, v); });
      });
    }
  } else if (toml::array* array = node.as_array()) {
    for (size_t i = 0; i < array->size(); ++i) {
      resolve_child(
          *array, (*array)[i], path + "." + std::to_string(i), seed, complaint, [&](const toml::node& value) {
            value.visit(
                [&](const auto& v) { array->replace(array->cbegin() + static_cast<std::ptrdiff_t>(i), v); });
          });
    }
  }
}

// ---- --set ----

std::optional<std::vector<std::string>> split_path(std::string_view key) {
  std::vector<std::string> parts(1);
  bool quoted = false;
  for (char c : key) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == '.' && !quoted) {
      parts.emplace_back();
    } else {
      parts.back().push_back(c);
    }
  }
  if (quoted) return std::nullopt;
  for (const std::string& part : parts) {
    if (part.empty()) return std::nullopt;
  }
  return parts;
}

toml::node* element_of(toml::array& array, const std::string& part) {
  size_t index = 0;
  const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), index);
  if (error == std::errc{} && end == part.data() + part.size())
    return index < array.size() ? &array[index] : nullptr;
  for (toml::node& element : array) {
    const toml::table* table = element.as_table();
    if (table != nullptr && (*table)["name"].value_or(std::string_view{}) == part) return &element;
  }
  return nullptr;
}

}  // namespace

void draw_all(toml::table& root, uint64_t seed, Complaint& complaint) { resolve(root, {}, seed, complaint); }

bool apply_setting(toml::table& root, const Setting& setting, std::string& why) {
  const auto parts = split_path(setting.key);
  if (!parts) {
    why = fmt::format("--set {}: not a dotted key", setting.key);
    return false;
  }
  toml::node* at = &root;
  for (size_t i = 0; i + 1 < parts->size(); ++i) {
    const std::string& part = (*parts)[i];
    if (toml::array* array = at->as_array()) {
      at = element_of(*array, part);
    } else if (toml::table* table = at->as_table()) {
      if (!table->contains(part)) table->insert(part, toml::table{});
      at = table->get(part);
    } else {
      at = nullptr;
    }
    if (at == nullptr) {
      why = fmt::format("--set {}: there is no \"{}\"", setting.key, part);
      return false;
    }
  }
  toml::table* table = at->as_table();
  if (table == nullptr) {
    why = fmt::format("--set {}: not inside a table", setting.key);
    return false;
  }
  const auto parsed = toml::parse("x = " + setting.value);
  if (parsed && parsed.table().size() == 1) {
    parsed.table().get("x")->visit([&](const auto& value) { table->insert_or_assign(parts->back(), value); });
  } else {
    table->insert_or_assign(parts->back(), setting.value);
  }
  return true;
}

void put_under(toml::table& root, uint64_t seed, const Vocabulary& words, Complaint& complaint) {
  const toml::node* draws = root.get("draws");
  if (draws == nullptr) return;
  if (draws->value_or(std::string_view{}) != "storm") {
    complaint.at(draws->source(), "draws: expected \"storm\"");
    return;
  }
  root.erase("draws");
  toml::parse_result drawn = toml::parse(print_plan(draw_storm(seed, words)));
  ENSURE(drawn);
  for (const std::string_view own : {"scenario", "seed"}) drawn.table().erase(own);
  for (auto&& [key, value] : std::move(drawn).table()) {
    if (root.contains(key)) continue;
    const std::string name(key.str());
    value.visit([&](auto& node) { root.insert(name, std::move(node)); });
  }
}

}  // namespace ksim::sim
