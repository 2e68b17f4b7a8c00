// Every message at every version, by its field table.

#include <memory>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/wire/fill.h"
#include "core/wire/messages/create_topics.h"
#include "core/wire/messages/fetch.h"
#include "core/wire/messages/metadata.h"
#include "core/wire/reader.h"
#include "core/wire/reflect.h"
#include "core/wire/writer.h"

namespace ksim::wire {
namespace {

// Its own allocation of the exact size, so that AddressSanitizer sees any byte read outside.
struct Exact {
  explicit Exact(Bytes bytes) : size(bytes.size()), data(new uint8_t[bytes.size()]) {
    if (size > 0) std::memcpy(data.get(), bytes.data(), size);
  }
  Bytes view() const { return {data.get(), size}; }
  size_t size;
  std::unique_ptr<uint8_t[]> data;
};

ByteBuffer encoded(const MessageInfo& message, int16_t version, const FillRule& rule) {
  Arena arena;
  void* const object = message.ops->make(arena);
  fill(message, object, version, arena, rule);
  Writer w;
  message.ops->encode(w, object, version);
  EXPECT_TRUE(w.ok()) << w.status().error().message;
  return w.take();
}

template <class F>
void for_each_version(F body) {
  for (const MessageInfo* message : all_messages())
    for (int16_t version = message->lowest; version <= message->highest; ++version) body(*message, version);
}

RC_GTEST_PROP(Messages, ComeBackTheSame, (uint64_t seed)) {
  for_each_version([&](const MessageInfo& message, int16_t version) {
    Arena arena;
    void* const object = message.ops->make(arena);
    fill(message, object, version, arena, {FillRule::Variant::mixed, seed});
    Writer w;
    message.ops->encode(w, object, version);
    RC_ASSERT(w.ok());
    const Exact bytes(w.bytes());
    Arena decoded_arena;
    void* const decoded = message.ops->make(decoded_arena);
    Reader r(bytes.view(), decoded_arena);
    const Result<void> result = message.ops->decode(r, decoded, version);
    RC_ASSERT(result.ok());
    RC_ASSERT(r.remaining() == 0U);
    if (!equal(*message.structure, object, decoded))
      RC_FAIL(to_json(*message.structure, object) + " became " + to_json(*message.structure, decoded));
  });
}

RC_GTEST_PROP(Messages, CutShortAnywhereIsAnErrorWithAPath, (uint64_t seed)) {
  for_each_version([&](const MessageInfo& message, int16_t version) {
    const ByteBuffer whole = encoded(message, version, {FillRule::Variant::filled, seed});
    if (whole.empty()) return;
    const Exact part(Bytes(whole).first((seed ^ static_cast<uint64_t>(version)) % whole.size()));
    Arena arena;
    void* const decoded = message.ops->make(arena);
    Reader r(part.view(), arena);
    const Result<void> result = message.ops->decode(r, decoded, version);
    RC_ASSERT(!result.ok());
    RC_ASSERT(result.error().code == ErrorCode::INVALID_REQUEST);
    RC_ASSERT(result.error().message.find(message.name) == 0U);
  });
}

// Whatever bytes decode at all, decode to something that can be written and read again.
void check_any_bytes(const MessageInfo& message, int16_t version, Bytes input) {
  const Exact bytes(input);
  DecodeLimits limits;
  limits.max_arena_bytes = 1 << 20;
  Arena arena;
  void* const decoded = message.ops->make(arena);
  const size_t before = arena.used_bytes();
  Reader r(bytes.view(), arena, limits);
  const Result<void> result = message.ops->decode(r, decoded, version);
  RC_ASSERT(arena.used_bytes() - before <= limits.max_arena_bytes);
  if (!result.ok()) return;
  Writer w;
  message.ops->encode(w, decoded, version);
  RC_ASSERT(w.ok());
  Arena again_arena;
  void* const again = message.ops->make(again_arena);
  Reader second(w.bytes(), again_arena);
  RC_ASSERT(message.ops->decode(second, again, version).ok());
  RC_ASSERT(equal(*message.structure, decoded, again));
}

RC_GTEST_PROP(Messages, AnyBytesAreSafe, (const std::vector<uint8_t>& noise)) {
  for_each_version(
      [&](const MessageInfo& message, int16_t version) { check_any_bytes(message, version, noise); });
}

RC_GTEST_PROP(Messages, DamagedMessagesAreSafe, (uint64_t seed)) {
  for_each_version([&](const MessageInfo& message, int16_t version) {
    ByteBuffer bytes = encoded(message, version, {FillRule::Variant::mixed, seed});
    for (uint64_t hit = 0, bits = seed; hit < 3 && !bytes.empty();
         ++hit, bits = bits * 6364136223846793005ULL + 1)
      bytes[(bits >> 20) % bytes.size()] = static_cast<uint8_t>(bits >> 52);
    check_any_bytes(message, version, bytes);
  });
}

TEST(Messages, AnErrorNamesTheFieldWithItsPath) {
  FetchPartition partitions[2];
  FetchTopic topic;
  topic.topic = "t";
  topic.partitions = partitions;
  FetchTopic topics[2] = {topic, topic};
  FetchRequest request;
  request.topics = topics;
  Writer w;
  encode(w, request, 11);
  ASSERT_TRUE(w.ok());
  const size_t behind = 4 + 2;  // forgotten topics, rack id
  const Bytes cut = w.bytes().first(w.size() - behind - 1);
  Arena arena;
  Reader r(cut, arena);
  FetchRequest decoded;
  const Result<void> result = decode(r, decoded, 11);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message,
            "FetchRequest v11: topics[1].partitions[1].partition_max_bytes: the message ends here");
}

TEST(Messages, AnArrayLongerThanItsMessageAllocatesNothing) {
  const uint8_t bytes[] = {0x00, 0x0f, 0x42, 0x40};  // a million topics
  Arena arena;
  Reader r(bytes, arena);
  MetadataRequest request;
  const Result<void> result = decode(r, request, 1);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message, "MetadataRequest v1: topics: an array longer than the message");
  EXPECT_EQ(arena.used_bytes(), 0U);
}

TEST(Messages, LimitsHoldWhereTheBytesAreThere) {
  const ByteBuffer zeros(64 * 1024, 0);
  ByteBuffer bytes = {0x00, 0x00, 0x40, 0x00};  // 16384 topics with empty names
  bytes.insert(bytes.end(), zeros.begin(), zeros.end());
  {
    Arena arena;
    Reader r(bytes, arena);
    MetadataRequest request;
    EXPECT_TRUE(decode(r, request, 1).ok());
  }
  DecodeLimits few_elements;
  few_elements.max_array_elements = 16383;
  DecodeLimits little_memory;
  little_memory.max_arena_bytes = 16384;
  for (const DecodeLimits& limits : {few_elements, little_memory}) {
    Arena arena;
    Reader r(bytes, arena, limits);
    MetadataRequest request;
    EXPECT_FALSE(decode(r, request, 1).ok());
    EXPECT_EQ(arena.used_bytes(), 0U);
  }
}

TEST(Messages, UnknownTaggedFieldsAreSkipped) {
  MetadataRequest request;
  request.allow_auto_topic_creation = false;
  Writer w;
  encode(w, request, 12);
  ByteBuffer bytes = w.take();
  ASSERT_EQ(bytes.back(), 0);  // no tagged fields
  bytes.back() = 2;
  const uint8_t tags[] = {5, 3, 1, 2, 3, 0xc8, 1, 0};  // tag 5 of 3 bytes, tag 200 of none
  bytes.insert(bytes.end(), std::begin(tags), std::end(tags));
  Arena arena;
  Reader r(bytes, arena);
  MetadataRequest decoded;
  const Result<void> result = decode(r, decoded, 12);
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(r.remaining(), 0U);
  EXPECT_TRUE(equal(request, decoded));
}

TEST(Messages, ATaggedFieldMustEndWhereItsSizeSays) {
  FetchRequest request;
  request.cluster_id = "abc";
  Writer w;
  encode(w, request, 12);
  ByteBuffer bytes = w.take();
  // ... 1 tag, tag 0, 4 bytes: length 3 + 1, "abc"
  ASSERT_EQ(bytes[bytes.size() - 5], 4);
  for (const bool longer : {false, true}) {
    ByteBuffer wrong = bytes;
    wrong.at(wrong.size() - 5) = longer ? 5 : 3;
    wrong.push_back(0);
    Arena arena;
    Reader r(wrong, arena);
    FetchRequest decoded;
    const Result<void> result = decode(r, decoded, 12);
    ASSERT_FALSE(result.ok());
    EXPECT_NE(result.error().message.find("cluster_id"), std::string::npos) << result.error().message;
  }
}

TEST(Messages, ATaggedFieldOverOneHundredTwentySevenBytes) {
  const std::string long_id(300, 'x');
  FetchRequest request;
  request.cluster_id = long_id;
  Writer w;
  encode(w, request, 12);
  Arena arena;
  Reader r(w.bytes(), arena);
  FetchRequest decoded;
  ASSERT_TRUE(decode(r, decoded, 12).ok());
  EXPECT_EQ(decoded.cluster_id, long_id);
}

TEST(Messages, WhatAVersionCannotCarryIsAnErrorUnlessIgnorable) {
  FetchRequest request;
  request.rack_id = "rack-1";  // ignorable, from version 11 on
  Writer tolerated;
  encode(tolerated, request, 10);
  EXPECT_TRUE(tolerated.ok());

  request.replica_state.replica_id = 3;  // from version 15 on
  Writer w;
  encode(w, request, 14);
  ASSERT_FALSE(w.ok());
  EXPECT_EQ(w.status().error().message, "FetchRequest v14: replica_state: set, but not part of this version");

  MetadataRequest all;
  all.topics = std::nullopt;
  Writer null_topics;
  encode(null_topics, all, 0);
  EXPECT_FALSE(null_topics.ok());
}

TEST(Messages, AVersionOutsideTheRangeIsAnError) {
  Writer w;
  encode(w, CreateTopicsRequest{}, 8);
  EXPECT_FALSE(w.ok());
  Arena arena;
  Reader r({}, arena);
  CreateTopicsRequest request;
  EXPECT_FALSE(decode(r, request, 1).ok());
}

TEST(Messages, RecordsElsewhereLeaveASplice) {
  FetchResponsePartitionData partitions[2];
  partitions[0].records.external_id = 7;
  partitions[0].records.external_size = 1000;
  partitions[1].records.external_id = 8;
  partitions[1].records.external_size = 20;
  FetchableTopicResponse topic;
  topic.partitions = partitions;
  FetchResponse response;
  response.responses = {&topic, 1};
  for (const int16_t version : {int16_t{4}, int16_t{17}}) {
    Writer w;
    encode(w, response, version);
    ASSERT_TRUE(w.ok());
    ASSERT_EQ(w.splices().size(), 2U);
    EXPECT_EQ(w.total_size(), w.size() + 1020);
    // The same with bytes in memory, cut out again at the splices, is what was written around them.
    const ByteBuffer records(1000, 0xab);
    FetchResponsePartitionData in_memory[2];
    in_memory[0].records.bytes = Bytes(records);
    in_memory[1].records.bytes = Bytes(records).first(20);
    FetchableTopicResponse topic_in_memory;
    topic_in_memory.partitions = in_memory;
    FetchResponse whole;
    whole.responses = {&topic_in_memory, 1};
    Writer expected;
    encode(expected, whole, version);
    const Splice first = w.splices()[0];
    const Splice second = w.splices()[1];
    EXPECT_EQ(first.external_id, 7U);
    ByteBuffer spliced = to_buffer(w.bytes());
    spliced.insert(spliced.begin() + static_cast<ptrdiff_t>(second.position), 20, 0xab);
    spliced.insert(spliced.begin() + static_cast<ptrdiff_t>(first.position), 1000, 0xab);
    EXPECT_TRUE(ksim::equal(spliced, expected.bytes()));
  }
}

TEST(Messages, JsonNamesFieldsAsKafkaDoes) {
  FetchTopic topic;
  topic.topic = "a\"b";
  FetchRequest request;
  request.topics = {&topic, 1};
  EXPECT_EQ(to_json(request, int16_t{4}),
            R"({"replicaId":-1,"maxWaitMs":0,"minBytes":0,"maxBytes":2147483647,"isolationLevel":0,)"
            R"("topics":[{"topic":"a\"b","partitions":[]}]})");
}

}  // namespace
}  // namespace ksim::wire
