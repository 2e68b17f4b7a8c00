#include "fuzz/mutation.h"

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

namespace ksim::fuzz {
namespace {

void store_number(ByteBuffer& bytes, size_t at, size_t width, int64_t number) {
  for (size_t i = 0; i < width; ++i)
    bytes[at + i] = static_cast<uint8_t>(static_cast<uint64_t>(number) >> (8 * (width - 1 - i)));
}

void erase_some(ByteBuffer& bytes, Mutation& mutation) {
  const size_t at = mutation.below(bytes.size());
  const size_t count = std::min<size_t>(bytes.size() - at, 1 + mutation.below(16));
  bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(at),
              bytes.begin() + static_cast<std::ptrdiff_t>(at + count));
}

// Bytes of its own, or a copy of some that are there.
void insert_some(ByteBuffer& bytes, size_t most, Mutation& mutation) {
  const size_t count = std::min<size_t>(most - std::min(most, bytes.size()), 1 + mutation.below(16));
  ByteBuffer more(count);
  const bool copy = bytes.size() > count && mutation.one_in(2);
  const size_t from = copy ? mutation.below(bytes.size() - count) : 0;
  for (size_t i = 0; i < count; ++i) more[i] = copy ? bytes[from + i] : static_cast<uint8_t>(mutation.next());
  const size_t at = mutation.below(bytes.size() + 1);
  bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), more.begin(), more.end());
}

std::vector<std::string> lines_of(Bytes text) {
  std::vector<std::string> lines(1);
  for (const uint8_t byte : text) {
    if (byte == '\n')
      lines.emplace_back();
    else
      lines.back().push_back(static_cast<char>(byte));
  }
  return lines;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// One run of digits, with the sign in front of it.
void change_number(std::string& line, Mutation& mutation) {
  std::vector<size_t> starts;
  for (size_t i = 0; i < line.size(); ++i)
    if (is_digit(line[i]) && (i == 0 || !is_digit(line[i - 1]))) starts.push_back(i);
  if (starts.empty()) return;
  const size_t at = starts[mutation.below(starts.size())];
  size_t end = at;
  while (end < line.size() && is_digit(line[end])) ++end;
  const size_t begin = at > 0 && line[at - 1] == '-' ? at - 1 : at;
  line.replace(begin, end - begin, std::to_string(mutation.edge()));
}

bool is_word(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '_'; }

void change_word(std::string& line, std::string_view word, Mutation& mutation) {
  if (line.empty() || mutation.one_in(3)) {
    line.insert(mutation.below(line.size() + 1), word);
    return;
  }
  const size_t at = mutation.below(line.size());
  size_t begin = at;
  size_t end = at;
  while (begin > 0 && is_word(line[begin - 1])) --begin;
  while (end < line.size() && is_word(line[end])) ++end;
  line.replace(begin, end - begin, word);
}

}  // namespace

int64_t Mutation::edge() {
  switch (below(8)) {
    case 0:
      return static_cast<int64_t>(below(4)) - 1;
    case 1:
      return std::numeric_limits<int64_t>::max() - static_cast<int64_t>(below(3));
    case 2:
      return std::numeric_limits<int64_t>::min() + static_cast<int64_t>(below(3));
    case 3:
      return int64_t{std::numeric_limits<int32_t>::max()} - 1 + static_cast<int64_t>(below(4));
    case 4:
      return int64_t{std::numeric_limits<int32_t>::min()} - 1 + static_cast<int64_t>(below(4));
    case 5:
      return (int64_t{1} << below(63)) - 1 + static_cast<int64_t>(below(3));
    case 6:
      return static_cast<int64_t>(below(300));
    default:
      return static_cast<int64_t>(next());
  }
}

void Mutation::bytes(ByteBuffer& bytes, size_t most) {
  const uint64_t what = bytes.empty() ? 3 : below(8);
  if (what == 0) {
    uint8_t& byte = bytes[below(bytes.size())];
    byte = static_cast<uint8_t>(byte ^ (1U << below(8)));
  } else if (what == 1) {
    bytes[below(bytes.size())] = static_cast<uint8_t>(next());
  } else if (what == 2) {
    erase_some(bytes, *this);
  } else if (what == 3) {
    insert_some(bytes, most, *this);
  } else if (what == 4) {
    bytes.resize(below(bytes.size() + 1));
  } else if (what == 5) {  // the same bytes in another place
    const size_t from = below(bytes.size());
    const size_t to = below(bytes.size());
    const size_t count = std::min<size_t>(bytes.size() - std::max(from, to), 1 + below(16));
    std::memmove(bytes.data() + to, bytes.data() + from, count);
  } else {
    const size_t width = size_t{1} << below(4);
    if (bytes.size() >= width) store_number(bytes, below(bytes.size() - width + 1), width, edge());
  }
  if (bytes.size() > most) bytes.resize(most);
}

void mutate_text(ByteBuffer& text, size_t most, std::span<const std::string_view> words, Mutation& mutation) {
  if (mutation.one_in(5)) return mutation.bytes(text, most);
  std::vector<std::string> lines = lines_of(text);
  const size_t at = mutation.below(lines.size());
  const size_t other = mutation.below(lines.size());
  switch (mutation.below(6)) {
    case 0:
      lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(at));
      break;
    case 1: {
      const std::string copy = lines[at];
      lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(other), copy);
      break;
    }
    case 2:
      std::swap(lines[at], lines[other]);
      break;
    case 3:
    case 4:
      change_number(lines[at], mutation);
      break;
    default:
      if (!words.empty()) change_word(lines[at], words[mutation.below(words.size())], mutation);
      break;
  }
  ByteBuffer changed;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) changed.push_back('\n');
    changed.insert(changed.end(), lines[i].begin(), lines[i].end());
  }
  if (changed.size() > most) changed.resize(most);
  text = std::move(changed);
}

}  // namespace ksim::fuzz
