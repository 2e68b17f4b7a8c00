#include "core/io/linux/random.h"

#include <cerrno>

#include <sys/random.h>

#include "core/base/assert.h"

namespace ksim {

uint64_t LinuxRandom::fresh_seed() {
  uint64_t seed = 0;
  ssize_t n = 0;
  do {
    n = ::getrandom(&seed, sizeof(seed), 0);
  } while (n < 0 && errno == EINTR);
  ENSURE(n == sizeof(seed), "the kernel gives no random seed");
  return seed;
}

uint64_t LinuxRandom::draw(Stream stream, uint64_t entity, uint64_t counter) {
  return mix64(mix64(seed_, static_cast<uint64_t>(stream)), entity, counter);
}

}  // namespace ksim
