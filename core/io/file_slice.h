#pragma once
// A range of an open file: what a log read hands out instead of bytes, so that they need not be copied on
// their way to a connection (Connection::send_file). The handle keeps the file alive when it is unlinked;
// the bytes are those the file has when they are read: after a truncation there may be fewer, or others.

#include "core/io/disk.h"

namespace ksim {

struct FileSlice {
  FileRef file;
  uint64_t offset = 0;
  uint64_t size_bytes = 0;
};

// The bytes of the slice; `invalid` if the file has become shorter.
IoResult<ByteBuffer> read_slice(const FileSlice& slice);

}  // namespace ksim
