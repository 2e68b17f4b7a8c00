#include "core/io/file_slice.h"

namespace ksim {

IoResult<ByteBuffer> read_slice(const FileSlice& slice) {
  ByteBuffer bytes(slice.size_bytes);
  TRY(read_fully(*slice.file, slice.offset, bytes));
  return bytes;
}

}  // namespace ksim
