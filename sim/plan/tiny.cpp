#include "sim/plan/tiny.h"

#include "core/base/hash.h"

namespace ksim::sim {
namespace {

// Small values as likely as large ones: the number of bits is drawn first.
int64_t draw_between(uint64_t seed, std::string_view name, int64_t least, int64_t most) {
  uint64_t span = static_cast<uint64_t>(most - least);
  const uint64_t bits = mix64(seed, hash_text(name, hash_text("tiny")));
  span >>= bits % 4 * 2;
  return least + static_cast<int64_t>((bits >> 8) % (span + 1));
}

struct Range {
  std::string_view key;
  int64_t least;
  int64_t most;
};

constexpr Range kSettings[] = {
    {"fetch.max.bytes", 4096, 1 << 18},
    {"log.flush.offset.checkpoint.interval.ms", 300, 10'000},
    {"log.flush.start.offset.checkpoint.interval.ms", 300, 10'000},
    {"log.index.interval.bytes", 0, 4096},
    {"log.index.size.max.bytes", 128, 8192},
    {"log.initial.task.delay.ms", 100, 5000},
    {"log.retention.check.interval.ms", 500, 10'000},
    {"log.segment.delete.delay.ms", 0, 5000},
    {"max.incremental.fetch.session.cache.slots", 0, 64},
    {"metadata.log.max.record.bytes.between.snapshots", 1000, 50'000},
    {"metadata.log.segment.bytes", 16'384, 1 << 18},
    {"metadata.max.retention.bytes", 10'000, 200'000},
    {"producer.id.expiration.check.interval.ms", 500, 10'000},
    {"replica.fetch.max.bytes", 1024, 1 << 17},
    {"replica.fetch.response.max.bytes", 2048, 1 << 18},
    {"replica.high.watermark.checkpoint.interval.ms", 200, 5000},
};

}  // namespace

Limits tiny_limits(uint64_t seed) {
  constexpr int64_t kWidest = 16;
  Limits limits = kTinyLimits;
  limits.fields([seed](std::string_view name, int64_t& value) {
    value = draw_between(seed, name, value, value * kWidest);
  });
  return limits;
}

void add_tiny_settings(uint64_t seed, Properties& config) {
  for (const Range& range : kSettings) {
    config.try_emplace(std::string(range.key),
                       std::to_string(draw_between(seed, range.key, range.least, range.most)));
  }
}

}  // namespace ksim::sim
