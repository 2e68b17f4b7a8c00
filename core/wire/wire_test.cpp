#include <gtest/gtest.h>

#include "core/wire/api_table.h"
#include "core/wire/header.h"
#include "core/wire/messages/fetch.h"
#include "core/wire/messages/metadata_records.h"
#include "core/wire/reflect.h"

namespace ksim::wire {
namespace {

TEST(Wire, FetchRequestComesBackTheSameAtEveryVersion) {
  for (int16_t version = FetchRequest::kMinVersion; version <= FetchRequest::kMaxVersion; ++version) {
    FetchPartition partition;
    partition.partition = 3;
    partition.fetch_offset = 1LL << 40;
    FetchTopic topic;
    if (version <= 12)
      topic.topic = "orders";
    else
      topic.topic_id = Uuid{1, 2};
    topic.partitions = {&partition, 1};
    FetchRequest request;
    request.max_wait_ms = 500;
    request.topics = {&topic, 1};
    if (version >= 15) request.replica_state.replica_id = 7;

    Writer w;
    encode(w, request, version);
    ASSERT_TRUE(w.ok()) << w.status().error().message;
    Arena arena;
    Reader r(w.bytes(), arena);
    FetchRequest back;
    const Result<void> result = decode(r, back, version);
    ASSERT_TRUE(result.ok()) << result.error().message;
    EXPECT_EQ(r.remaining(), 0U);
    EXPECT_TRUE(equal(request, back)) << to_json(back);
  }
}

}  // namespace
}  // namespace ksim::wire
