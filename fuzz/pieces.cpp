#include "fuzz/pieces.h"

#include <algorithm>

namespace ksim::fuzz {

std::vector<Piece> split_pieces(Bytes input) {
  std::vector<Piece> pieces;
  const auto take = [&](size_t count) {
    const Bytes taken = input.first(std::min(count, input.size()));
    input = input.subspan(taken.size());
    return taken;
  };
  while (!input.empty()) {
    Piece& piece = pieces.emplace_back();
    piece.name = as_text(take(take(1)[0]));
    size_t size = 0;
    for (const uint8_t byte : take(3)) size = size << 8 | byte;
    piece.bytes = to_buffer(take(size));
  }
  return pieces;
}

ByteBuffer join_pieces(const std::vector<Piece>& pieces) {
  ByteBuffer joined;
  for (const Piece& piece : pieces) {
    const size_t size = piece.bytes.size();
    joined.push_back(static_cast<uint8_t>(piece.name.size()));
    joined.insert(joined.end(), piece.name.begin(), piece.name.end());
    for (const int shift : {16, 8, 0}) joined.push_back(static_cast<uint8_t>(size >> shift));
    joined.insert(joined.end(), piece.bytes.begin(), piece.bytes.end());
  }
  return joined;
}

void mutate_pieces(ByteBuffer& input, size_t most, Mutation& mutation,
                   const std::function<void(Piece& piece, size_t most)>& content) {
  std::vector<Piece> pieces = split_pieces(input);
  if (pieces.empty() || mutation.one_in(50)) return mutation.bytes(input, most);
  const size_t at = mutation.below(pieces.size());
  const size_t other = mutation.below(pieces.size());
  const auto place = [&](size_t i) { return pieces.begin() + static_cast<std::ptrdiff_t>(i); };
  switch (mutation.below(12)) {
    case 0:
      pieces.erase(place(at));
      break;
    case 1: {
      const Piece copy = pieces[at];
      pieces.insert(place(other), copy);
      break;
    }
    case 2:
      std::swap(pieces[at], pieces[other]);
      break;
    case 3:
      std::swap(pieces[at].name, pieces[other].name);
      break;
    case 4: {
      ByteBuffer name = to_buffer(as_bytes(pieces[at].name));
      mutation.bytes(name, 200);
      pieces[at].name = as_text(name);
      break;
    }
    default: {
      const size_t room = most - std::min(most, input.size());
      content(pieces[at], pieces[at].bytes.size() + room);
      break;
    }
  }
  ByteBuffer changed = join_pieces(pieces);
  if (changed.size() > most) changed.resize(most);
  input = std::move(changed);
}

bool is_file_name(const std::string& name) {
  const auto fits = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' ||
           c == '-';
  };
  return !name.empty() && name != "." && name != ".." && std::all_of(name.begin(), name.end(), fits);
}

}  // namespace ksim::fuzz
