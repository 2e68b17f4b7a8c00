#include "core/io/linux/errors.h"

#include <cerrno>

namespace ksim {

IoError io_error_of(int error_number) {
  switch (error_number) {
    case ENOENT:
      return IoError::not_found;
    case EEXIST:
      return IoError::exists;
    case ENOTDIR:
      return IoError::not_a_directory;
    case EISDIR:
      return IoError::is_a_directory;
    case ENOTEMPTY:
      return IoError::not_empty;
    case ENOSPC:
    case EDQUOT:
      return IoError::no_space;
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE:
      return IoError::reset;
    case ECONNREFUSED:
      return IoError::refused;
    case ETIMEDOUT:
      return IoError::timed_out;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return IoError::too_many_files;
    case EADDRINUSE:
      return IoError::in_use;
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case ENETUNREACH:
    case ENETDOWN:
    case EADDRNOTAVAIL:
      return IoError::unreachable;
    case EINVAL:
    case EBADF:  // a write through a handle opened for reading
    case ENAMETOOLONG:
    case EFBIG:
    case EOPNOTSUPP:
      return IoError::invalid;
    default:
      return IoError::io;  // EIO, and what an operator must mend: EACCES, EROFS, ...
  }
}

IoError stream_error_of(int error_number) {
  switch (error_number) {
    case EMFILE:
    case ENOBUFS:
    case ENOMEM:
      return IoError::too_many_files;
    case EIO:
      return IoError::io;  // send_file: the file could not be read
    default:
      return IoError::reset;
  }
}

}  // namespace ksim
