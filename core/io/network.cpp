#include "core/io/network.h"

namespace ksim {

std::string to_string(const Endpoint& endpoint) {
  return endpoint.host + ":" + std::to_string(endpoint.port);
}

IoResult<void> read_exactly(Connection& connection, MutableBytes into, Deadline deadline) {
  bool first = true;
  while (!into.empty()) {
    TRY_ASSIGN(const size_t n, connection.read_some(into, deadline));
    if (n == 0) return fail(first ? IoError::closed : IoError::reset);
    first = false;
    into = into.subspan(n);
  }
  return {};
}

IoResult<void> write_all(Connection& connection, Bytes from, Deadline deadline) {
  while (!from.empty()) {
    TRY_ASSIGN(const size_t n, connection.write_some(std::span(&from, 1), deadline));
    from = from.subspan(n);
  }
  return {};
}

}  // namespace ksim
