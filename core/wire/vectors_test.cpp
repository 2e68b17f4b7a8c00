// Our bytes against those of Apache Kafka's own classes (testdata/*.hex, written by scripts/vectors).

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "core/wire/fill.h"
#include "core/wire/reader.h"
#include "core/wire/reflect.h"
#include "core/wire/writer.h"

namespace ksim::wire {
namespace {

struct Vector {
  int16_t version = 0;
  std::string variant;
  std::string hex;
};

std::vector<Vector> vectors_of(const std::string& message) {
  std::ifstream in(KSIM_SOURCE_DIR "/core/wire/testdata/" + message + ".hex");
  std::vector<Vector> vectors;
  for (Vector v; in >> v.version >> v.variant >> v.hex;) {
    if (v.hex == "-") v.hex.clear();
    vectors.push_back(v);
  }
  return vectors;
}

ByteBuffer from_hex(const std::string& hex) {
  ByteBuffer bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

void* message_of(const MessageInfo& message, const Vector& vector, Arena& arena) {
  void* const object = message.ops->make(arena);
  if (vector.variant == "default") return object;
  const bool nulls = vector.variant == "nulls";
  fill(message, object, vector.version, arena,
       {nulls ? FillRule::Variant::nulls : FillRule::Variant::filled, 0});
  return object;
}

TEST(Vectors, EveryMessageAtEveryVersionHasKafkasBytes) {
  for (const MessageInfo* message : all_messages()) {
    const std::vector<Vector> vectors = vectors_of(message->name);
    const auto versions = static_cast<size_t>(message->highest - message->lowest + 1);
    EXPECT_EQ(vectors.size(), 3 * versions) << message->name << ": run scripts/vectors";
    for (const Vector& vector : vectors) {
      Arena arena;
      const void* const object = message_of(*message, vector, arena);
      Writer w;
      message->ops->encode(w, object, vector.version);
      ASSERT_TRUE(w.ok()) << w.status().error().message;
      EXPECT_EQ(to_hex(w.bytes()), vector.hex)
          << message->name << " v" << vector.version << ' ' << vector.variant << ": "
          << to_json(*message->structure, object, vector.version);
    }
  }
}

TEST(Vectors, KafkasBytesDecodeToTheSameMessage) {
  for (const MessageInfo* message : all_messages()) {
    for (const Vector& vector : vectors_of(message->name)) {
      const ByteBuffer bytes = from_hex(vector.hex);
      Arena arena;
      const void* const expected = message_of(*message, vector, arena);
      void* const decoded = message->ops->make(arena);
      Reader r(bytes, arena);
      const Result<void> result = message->ops->decode(r, decoded, vector.version);
      ASSERT_TRUE(result.ok()) << result.error().message;
      EXPECT_EQ(r.remaining(), 0U) << message->name << " v" << vector.version;
      EXPECT_TRUE(equal(*message->structure, expected, decoded))
          << message->name << " v" << vector.version << ' ' << vector.variant << "\n"
          << to_json(*message->structure, expected) << "\n"
          << to_json(*message->structure, decoded);
    }
  }
}

}  // namespace
}  // namespace ksim::wire
