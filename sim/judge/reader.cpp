// Lines and the header.

#include "sim/judge/reader.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace ksim::judge {
namespace {

using Kind = Token::Kind;

std::string in_quotes(std::string_view text) {
  constexpr size_t kShown = 60;
  std::string out;
  append_json_text(out, text.size() <= kShown ? text : std::string_view("..."));
  return out;
}

}  // namespace

Result<void> Reader::feed(std::string_view block) {
  pending_.resize(pending_.size() - JsonLine::kPaddingBytes);
  pending_ += block;
  const size_t end = pending_.size();
  pending_.append(JsonLine::kPaddingBytes, 0);
  size_t begin = 0;
  for (;;) {
    const size_t newline = pending_.find('\n', std::max(begin, searched_));
    const size_t size = std::min(newline, end) - begin;
    if (size > kMaxLineBytes)
      return fail(ErrorCode::INVALID_REQUEST, fmt::format("line {}: longer than 16 MiB", line_ + 1));
    if (newline == std::string::npos) break;
    if (!read_line(std::string_view(pending_).substr(begin, size)))
      return fail(ErrorCode::INVALID_REQUEST, fmt::format("line {}: {}", line_, why_));
    begin = newline + 1;
  }
  pending_.erase(0, begin);
  searched_ = end - begin;
  return {};
}

Result<void> Reader::finish() {
  const std::string_view rest =
      std::string_view(pending_).substr(0, pending_.size() - JsonLine::kPaddingBytes);
  if (line_ == 0 && rest.empty())
    return fail(ErrorCode::INVALID_REQUEST, "line 1: no header: the file is empty");
  if (!rest.empty() && !read_line(rest))
    return fail(ErrorCode::INVALID_REQUEST, fmt::format("line {}: {}", line_, why_));
  return {};
}

bool Reader::read_line(std::string_view line) {
  ++line_;
  if (auto why = json_.read(line)) return bad(std::move(*why));
  if (!json_[JsonLine::kRoot].is(Kind::object)) return bad("not a JSON object");
  return line_ == 1 ? read_header() : read_event();
}

bool Reader::read_header() {
  bool has_version = false;
  bool has_settings = false;
  for (uint32_t at = JsonLine::kRoot + 1; at < json_[JsonLine::kRoot].stop(); at = json_[at + 1].next()) {
    const std::string_view name = json_[at].text();
    if (name == "ksim_history") {
      if (has_version) return bad("\"ksim_history\" twice");
      has_version = true;
      if (!json_[at + 1].is(Kind::whole) || json_[at + 1].number() != 1)
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
  for (uint32_t member = at + 1; member < json_[at].stop(); member = json_[member + 1].next()) {
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
    for (uint32_t item = at + 1; item < json_[at].stop(); item = json_[item].next()) {
      if (!read_choice(name, item, "assign", "subscribe", is_first)) return false;
      settings.subscribes = settings.subscribes || !is_first;
    }
    return true;
  }
  if (name == "compacted") {
    if (!json_[at].is(Kind::array)) return bad("setting \"compacted\": expected a list of keys");
    for (uint32_t item = at + 1; item < json_[at].stop(); item = json_[item].next()) {
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
  return bad("no setting is called " + in_quotes(name));
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
  for (uint32_t member = at + 1; member < json_[at].stop(); member = json_[member + 1].next()) {
    const std::string_view name = json_[member].text();
    int64_t process = 0;
    bool is_committed = false;
    const auto [stop, error] = std::from_chars(name.data(), name.data() + name.size(), process);
    if (error != std::errc{} || stop != name.data() + name.size() || process < 0)
      return bad(fmt::format("setting \"process_isolation\": {} is no process", in_quotes(name)));
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
  for (uint32_t member = at + 1; member < json_[at].stop(); member = json_[member + 1].next())
    names_.push_back(json_[member].text());
  std::sort(names_.begin(), names_.end());
  const auto twice = std::adjacent_find(names_.begin(), names_.end());
  if (twice == names_.end()) return true;
  return bad(
      fmt::format("{} {} twice in \"{}\"", what == "settings" ? "setting" : "key", in_quotes(*twice), what));
}

bool Reader::read_integer(std::string_view name, uint32_t at, int64_t least, int64_t& into) {
  const Token token = json_[at];
  if (!token.is(Kind::whole)) {
    return bad(token.is(Kind::large)
                   ? fmt::format("\"{}\": {} is out of range", name, static_cast<uint64_t>(token.number()))
                   : fmt::format("\"{}\": expected an integer", name));
  }
  into = token.number();
  return into >= least || bad(fmt::format("\"{}\": {} is out of range: at least {}", name, into, least));
}

}  // namespace ksim::judge
