#include "sim/verify/trace.h"

#include <gtest/gtest.h>

namespace ksim::sim {
namespace {

// A run of `events` resumes; event `odd` (from 1) is another one.
ByteBuffer stream(uint64_t events, uint64_t odd = 0, uint64_t digest = 7) {
  ByteBuffer out;
  TraceWriter writer([&](Bytes bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); });
  int64_t time = 1'000'000'000;
  Digest counted(1);
  counted.attach(&writer, &time);
  for (uint64_t i = 1; i <= events; ++i) {
    time += 1'500;
    const uint64_t key = i == odd ? 99 : i % 3;
    if (counted.wants_name(key)) counted.name(key, "node-" + std::to_string(key) + "/main");
    counted.fold(Fold::resume, key, i);
  }
  writer.end(digest, "words");
  return out;
}

// Feeds both streams in pieces, always to the side that wants more.
std::string compare(const ByteBuffer& a, const ByteBuffer& b, size_t piece) {
  TraceComparison comparison;
  const ByteBuffer* sources[] = {&a, &b};
  size_t at[2] = {0, 0};
  while (const auto side = comparison.wants()) {
    const size_t n = std::min(piece, sources[*side]->size() - at[*side]);
    EXPECT_GT(n, 0U) << "it wants more than there is";
    if (n == 0) break;
    comparison.side(*side).feed(Bytes(*sources[*side]).subspan(at[*side], n));
    at[*side] += n;
  }
  return comparison.difference();
}

TEST(Trace, EqualRunsHaveNoDifference) {
  for (const size_t piece : {1u, 7u, 4096u}) {
    EXPECT_EQ(compare(stream(200), stream(200), piece), "");
  }
}

TEST(Trace, TheFirstEventThatDiffersIsNamedOnBothSides) {
  for (const size_t piece : {1u, 13u, 4096u}) {
    const std::string text = compare(stream(200), stream(200, 42), piece);
    EXPECT_NE(text.find("event 42\n"), std::string::npos) << text;
    EXPECT_NE(text.find("first run   1.000063000 s: resumed fiber node-0/main"), std::string::npos) << text;
    EXPECT_NE(text.find("second run  1.000063000 s: resumed fiber node-99/main"), std::string::npos) << text;
  }
}

TEST(Trace, AShorterRunDiffersToo) {
  const std::string text = compare(stream(200), stream(150), 100);
  EXPECT_NE(text.find("event 151\n"), std::string::npos) << text;
  EXPECT_NE(text.find("second run  the run had ended"), std::string::npos) << text;
  EXPECT_NE(compare(stream(10, 0, 1), stream(10, 0, 2), 100).find("all 10 events"), std::string::npos);
}

}  // namespace
}  // namespace ksim::sim
