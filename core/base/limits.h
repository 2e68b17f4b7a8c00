#pragma once
// Sizes that are nobody's configuration, or that go below what configuration may say. A node is given them as
// plain values; scenarios make them small, so that a short run fills segments, queues and budgets.

#include <cstdint>

namespace ksim {

struct Limits {
  int64_t segment_bytes = INT32_MAX;       // of a partition's segments, where the topic allows more
  int64_t request_bytes = 256LL << 20;     // of requests that one shard holds at a time
  int64_t shard_workers = 8;               // fibers of a shard that run calls from other shards
  int64_t metadata_fetch_bytes = 8 << 20;  // of metadata records, and of one chunk of a snapshot
  int64_t metadata_cleaning_ms = 60'000;   // between two looks for old metadata snapshots
  int64_t producer_id_block = 1000;        // of ids that a broker is given at a time (rule C43)
  int64_t elections_per_round = 1000;      // of a controller's periodic duties (rule C37)
  int64_t mailbox_slots = 1024;            // of messages from shards to a shard; the world's to respect

  void fields(auto&& v) const { each(*this, v); }
  void fields(auto&& v) { each(*this, v); }
  static void each(auto& of, auto& v) {
    v("segment_bytes", of.segment_bytes), v("request_bytes", of.request_bytes);
    v("shard_workers", of.shard_workers), v("metadata_fetch_bytes", of.metadata_fetch_bytes);
    v("metadata_cleaning_ms", of.metadata_cleaning_ms), v("producer_id_block", of.producer_id_block);
    v("elections_per_round", of.elections_per_round), v("mailbox_slots", of.mailbox_slots);
  }
};

constexpr Limits kProductionLimits{};
// The least that still works: a producer's default batch fits a segment, and a request the budget.
constexpr Limits kTinyLimits{18'000, 64 << 10, 1, 1024, 500, 1, 1, 4};

static_assert(kTinyLimits.segment_bytes > 16'384 &&
              kTinyLimits.segment_bytes < kProductionLimits.segment_bytes);
static_assert(kTinyLimits.request_bytes < kProductionLimits.request_bytes);
static_assert(kTinyLimits.shard_workers >= 1 && kTinyLimits.shard_workers < kProductionLimits.shard_workers);
static_assert(kTinyLimits.metadata_fetch_bytes < kProductionLimits.metadata_fetch_bytes);
static_assert(kTinyLimits.metadata_cleaning_ms < kProductionLimits.metadata_cleaning_ms);
static_assert(kTinyLimits.producer_id_block >= 1 &&
              kTinyLimits.producer_id_block < kProductionLimits.producer_id_block);
static_assert(kTinyLimits.elections_per_round >= 1 &&
              kTinyLimits.elections_per_round < kProductionLimits.elections_per_round);
static_assert(kTinyLimits.mailbox_slots >= 1 && kTinyLimits.mailbox_slots < kProductionLimits.mailbox_slots);

}  // namespace ksim
