#include "core/io/disk.h"

namespace ksim {

IoResult<void> read_fully(File& file, uint64_t offset, MutableBytes into) {
  while (!into.empty()) {
    TRY_ASSIGN(const size_t n, file.read(offset, std::span(&into, 1)));
    if (n == 0) return fail(IoError::invalid);
    offset += n;
    into = into.subspan(n);
  }
  return {};
}

IoResult<void> write_fully(File& file, uint64_t offset, Bytes from) {
  while (!from.empty()) {
    TRY_ASSIGN(const size_t n, file.write(offset, std::span(&from, 1)));
    offset += n;
    from = from.subspan(n);
  }
  return {};
}

IoResult<void> write_fully(File& file, uint64_t offset, std::span<const Bytes> from) {
  size_t total = 0;
  for (Bytes part : from) total += part.size();
  TRY_ASSIGN(size_t done, file.write(offset, from));
  if (done == total) return {};
  for (Bytes part : from) {  // the rest of a short write, part by part
    if (done >= part.size()) {
      done -= part.size();
      offset += part.size();
      continue;
    }
    TRY(write_fully(file, offset + done, part.subspan(done)));
    offset += part.size();
    done = 0;
  }
  return {};
}

IoResult<ByteBuffer> read_file(Disk& disk, std::string_view path) {
  TRY_ASSIGN(const FileRef file, disk.open(path, Open::read));
  TRY_ASSIGN(const uint64_t size, file->size());
  ByteBuffer content(size);
  TRY(read_fully(*file, 0, content));
  return content;
}

IoResult<void> write_file_atomically(Disk& disk, std::string_view path, Bytes content) {
  const std::string temporary = std::string(path) + ".tmp";
  {
    TRY_ASSIGN(const FileRef file, disk.open(temporary, Open::create_truncate));
    TRY(write_fully(*file, 0, content));
    TRY(file->sync(SyncMode::all));
  }
  TRY(disk.rename(temporary, path));
  return disk.sync_dir(parent_path(path));
}

std::string join_path(std::string_view directory, std::string_view name) {
  if (directory.empty()) return std::string(name);
  std::string path;
  path.reserve(directory.size() + 1 + name.size());
  path.append(directory).append("/").append(name);
  return path;
}

std::string_view parent_path(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash);
}

}  // namespace ksim
