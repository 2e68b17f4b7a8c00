// Lines and the header.

#include "sim/judge/reader.h"

#include <algorithm>

#include <fmt/format.h>

namespace ksim::judge {
namespace {

using Kind = Token::Kind;

std::string quoted(std::string_view text) {
  constexpr size_t kShown = 60;
  std::string out;
  append_json_text(out, text.size() <= kShown ? text : std::string_view("..."));
  return out;
}

}  // namespace

Result<void> Reader::feed(std::string_view block) {
  pending_ += block;
  size_t begin = 0;
  for (;;) {
    const size_t newline = pending_.find('\n', std::max(begin, searched_));
    const size_t size = (newline == std::string::npos ? pending_.size() : newline) - begin;
    if (size > kMaxLineBytes)
      return fail(ErrorCode::INVALID_REQUEST, fmt::format("line {}: longer than 16 MiB", line_ + 1));
    if (newline == std::string::npos) break;
    pending_[newline] = 0;
    if (!read_line(pending_.data() + begin, size))
      return fail(ErrorCode::INVALID_REQUEST, fmt::format("line {}: {}", line_, why_));
    begin = newline + 1;
  }
  pending_.erase(0, begin);
  searched_ = pending_.size();
  return {};
}

Result<void> Reader::finish() {
  if (line_ == 0 && pending_.empty()) {
    return fail(ErrorCode::INVALID_REQUEST, "line 1: no header: the file is empty");
  }
  if (!pending_.empty() && !read_line(pending_.data(), pending_.size()))
    return fail(ErrorCode::INVALID_REQUEST, fmt::format("line {}: {}", line_, why_));
  pending_.clear();
  return {};
}

bool Reader::read_line(char* line, size_t size) {
  ++line_;
  if (size == 0) return bad("not JSON: the line is empty");
  if (auto why = json_.read(line, size)) return bad(std::move(*why));
  if (!json_[0].is(Kind::object)) return bad("not a JSON object");
  return line_ == 1 ? read_header() : read_event();
}

bool Reader::read_header() {
  bool has_version = false;
  bool has_settings = false;
  for (uint32_t at = 1; at < json_[0].end(); at = json_[at + 1].end()) {
    const std::string_view name = json_[at].text();
    if (name == "ksim_history") {
      if (has_version) return bad("\"ksim_history\" twice");
      has_version = true;
      int64_t version = 0;
      if (read_whole(json_[at + 1], version) != Whole::good || version != 1)
        return bad("\"ksim_history\": the one version of the format is 1");
    } else if (name == "settings") {
      if (has_settings) return bad("\"settings\" twice");
      has_settings = true;
      if (!read_settings(at + 1)) return false;
    }
  }
  if (!has_version)
    return bad("no header: the first line begins a history with {\"ksim_history\":1,\"settings\":{}}");
  return true;
}

bool Reader::read_settings(uint32_t at) {
  if (!json_[at].is(Kind::object)) return bad("\"settings\": expected an object");
  if (!has_distinct_names("settings", at)) return false;
  for (uint32_t member = at + 1; member < json_[at].end(); member = json_[member + 1].end()) {
    if (!read_setting(json_[member].text(), member + 1)) return false;
  }
  return true;
}

bool Reader::read_setting(std::string_view name, uint32_t at) {
  Settings& settings = history_.settings;
  bool is_first = false;
  if (name == "acks") {
    if (json_[at].is(Kind::text) && json_[at].text() == "all") {
      settings.acks = Acks::all;
      return true;
    }
    if (!json_[at].is(Kind::text) || (json_[at].text() != "1" && json_[at].text() != "0"))
      return bad("setting \"acks\": expected \"all\", \"1\" or \"0\"");
    settings.acks = json_[at].text() == "1" ? Acks::one : Acks::none;
    return true;
  }
  if (name == "isolation") {
    if (!read_choice(name, at, "read_committed", "read_uncommitted", is_first)) return false;
    settings.read_committed = is_first;
    return true;
  }
  if (name == "process_isolation") return read_process_isolation(at);
  if (name == "sub_via") {
    if (!json_[at].is(Kind::array)) return bad("setting \"sub_via\": expected a list");
    settings.subscribes = false;
    for (uint32_t item = at + 1; item < json_[at].end(); item = json_[item].end()) {
      if (!read_choice(name, item, "assign", "subscribe", is_first)) return false;
      settings.subscribes = settings.subscribes || !is_first;
    }
    return true;
  }
  if (name == "compacted") {
    if (!json_[at].is(Kind::array)) return bad("setting \"compacted\": expected a list of keys");
    for (uint32_t item = at + 1; item < json_[at].end(); item = json_[item].end()) {
      if (!json_[item].is(Kind::text)) return bad("setting \"compacted\": expected a list of keys");
      history_.keys[history_.key(json_[item].text())].is_compacted = true;
    }
    return true;
  }
  if (name == "idempotence") return read_flag(name, at, settings.idempotence);
  if (name == "txn") return read_flag(name, at, settings.txn);
  if (name == "ww_deps") return read_flag(name, at, settings.ww_deps);
  if (name == "final_polls") return read_flag(name, at, settings.final_polls);
  if (name == "unclean_elections") return read_flag(name, at, settings.unclean_elections);
  return bad("no setting is called " + quoted(name));
}

bool Reader::read_choice(std::string_view name, uint32_t at, std::string_view first, std::string_view second,
                         bool& is_first) {
  is_first = json_[at].is(Kind::text) && json_[at].text() == first;
  if (is_first || (json_[at].is(Kind::text) && json_[at].text() == second)) return true;
  return bad(fmt::format("setting \"{}\": expected \"{}\" or \"{}\"", name, first, second));
}

bool Reader::read_flag(std::string_view name, uint32_t at, bool& into) {
  into = json_[at].is(Kind::truth);
  if (into || json_[at].is(Kind::untruth)) return true;
  return bad(fmt::format("setting \"{}\": expected true or false", name));
}

bool Reader::read_process_isolation(uint32_t at) {
  if (!json_[at].is(Kind::object)) return bad("setting \"process_isolation\": expected an object");
  auto& exceptions = history_.settings.process_read_committed;
  for (uint32_t member = at + 1; member < json_[at].end(); member = json_[member + 1].end()) {
    const std::string_view name = json_[member].text();
    int64_t process = 0;
    bool is_committed = false;
    if (read_whole(Token(Kind::number, name, 0), process) != Whole::good || process < 0)
      return bad(fmt::format("setting \"process_isolation\": {} is no process", quoted(name)));
    if (!read_choice("process_isolation", member + 1, "read_committed", "read_uncommitted", is_committed))
      return false;
    exceptions.emplace_back(process, is_committed);
  }
  std::sort(exceptions.begin(), exceptions.end());
  const auto twice = std::adjacent_find(exceptions.begin(), exceptions.end(),
                                        [](const auto& a, const auto& b) { return a.first == b.first; });
  if (twice == exceptions.end()) return true;
  return bad(fmt::format("setting \"process_isolation\": process {} twice", twice->first));
}

bool Reader::has_distinct_names(std::string_view what, uint32_t at) {
  names_.clear();
  for (uint32_t member = at + 1; member < json_[at].end(); member = json_[member + 1].end())
    names_.push_back(json_[member].text());
  std::sort(names_.begin(), names_.end());
  const auto twice = std::adjacent_find(names_.begin(), names_.end());
  if (twice == names_.end()) return true;
  return bad(
      fmt::format("{} {} twice in \"{}\"", what == "settings" ? "setting" : "key", quoted(*twice), what));
}

bool Reader::read_integer(std::string_view name, uint32_t at, int64_t least, int64_t& into) {
  switch (read_whole(json_[at], into)) {
    case Whole::not_whole:
      return bad(fmt::format("\"{}\": expected an integer", name));
    case Whole::out_of_range:
      return bad(fmt::format("\"{}\": {} is out of range", name,
                             json_[at].text().size() <= 60 ? json_[at].text() : "a number"));
    case Whole::good:
      break;
  }
  return into >= least || bad(fmt::format("\"{}\": {} is out of range: at least {}", name, into, least));
}

}  // namespace ksim::judge
