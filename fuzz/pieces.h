#pragma once
// Inputs that are several named things: the files of a directory, the requests of a connection. Any bytes are some
// list of pieces, and a list that was split comes together to the same bytes unless those end in the middle of a
// piece.

#include <functional>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "fuzz/mutation.h"

namespace ksim::fuzz {

struct Piece {
  std::string name;  // at most 255 bytes
  ByteBuffer bytes;  // less than 2^24
};

// One byte of the name's size, the name, three of the content's size, the content.
std::vector<Piece> split_pieces(Bytes input);
ByteBuffer join_pieces(const std::vector<Piece>& pieces);

// Mostly changes the content of one piece, by `content`; sometimes pieces go, come twice, change places or names.
void mutate_pieces(ByteBuffer& input, size_t most, Mutation& mutation,
                   const std::function<void(Piece& piece, size_t most)>& content);

// True if a simulated disk may have a file of this name.
bool is_file_name(const std::string& name);

}  // namespace ksim::fuzz
