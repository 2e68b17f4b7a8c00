#include "sim/disk/sim_disk.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "sim/test_world.h"

namespace ksim::sim {
namespace {

ByteBuffer bytes_of(std::string_view text) { return to_buffer(as_bytes(text)); }

void put(Env& env, const std::string& path, uint64_t offset, std::string_view text) {
  const FileRef file = *env.disk.open(path, Open::create);
  const ByteBuffer bytes = bytes_of(text);
  ASSERT_TRUE(write_fully(*file, offset, bytes).ok());
}

std::optional<std::string> text_of(SimNode& node, std::string_view path) {
  const auto found = node.device().image().find(path);
  if (!found.ok() || (*found)->directory) return std::nullopt;
  const auto& file = static_cast<const FileNode&>(**found);
  std::string text(file.content.size(), '?');
  file.content.read(0, {reinterpret_cast<uint8_t*>(text.data()), text.size()});
  return text;
}

TEST(SimDisk, AProcessCrashKeepsThePageCache) {
  TestWorld world;
  SimNode& node = world.start("a", [](Env& env) {
    put(env, "f", 0, "never synced");
    env.sleep(seconds(100));
  });
  world.run(seconds(1));
  node.crash();
  world.run(seconds(1));
  EXPECT_EQ(text_of(node, "f"), "never synced");
}

// Everybody reads what the device has made of it; what was written is remembered, and put back by a scrub.
TEST(SimDisk, DamageStandsUntilItIsMendedOrWrittenOver) {
  TestWorld world;
  SimNode& node = world.start("a", [](Env& env) {
    put(env, "f", 0, std::string(2000, 's'));
    ASSERT_TRUE((*env.disk.open("f", Open::write))->sync(SyncMode::all).ok());
    ASSERT_TRUE(env.disk.sync_dir("").ok());
    env.sleep(seconds(100));
  });
  world.run(seconds(1));
  Image& image = node.device().image();
  const auto file = std::static_pointer_cast<FileNode>(*image.find("f"));
  const auto written = [&](bool durable) {
    ByteBuffer bytes(2000);
    if (durable) {
      image.read_durable(*file, 0, bytes);
    } else {
      file->content.read(0, bytes);
    }
    image.as_written(*file, 0, bytes, durable);
    return std::string(as_text(bytes).substr(995, 10));
  };
  const uint64_t first = image.damage(file, 1000, bytes_of("rot"));
  EXPECT_EQ(text_of(node, "f")->substr(995, 10), "sssssrotss");
  EXPECT_EQ(written(false) + written(true), std::string(20, 's'));
  EXPECT_TRUE(image.was_damaged(*file, 1002, 1));
  EXPECT_FALSE(image.was_damaged(*file, 1003, 100));
  const uint64_t second = image.damage(file, 999, bytes_of("ROT"));
  EXPECT_EQ(text_of(node, "f")->substr(995, 10), "ssssROTtss");
  EXPECT_FALSE(image.mend(first)) << "it is not as it was damaged";
  EXPECT_TRUE(image.mend(second));
  // What is cut off comes back with its damage, if the cut was not synced.
  image.damage(file, 1000, bytes_of("rot"));
  image.truncate(*file, 500);
  node.power_loss();
  if (file->content.size() == 2000) {
    EXPECT_EQ(text_of(node, "f")->substr(995, 10), "sssssrotss");
    EXPECT_EQ(written(false), std::string(10, 's'));
  }
  image.truncate(*file, 500);
  const ByteBuffer fresh(1500, 'n');
  const Bytes piece(fresh);
  image.write(*file, 500, {&piece, 1}, fresh.size());
  EXPECT_EQ(written(false), std::string(10, 'n'));
}

// Whatever a power loss leaves: synced bytes under a synced name are there, and a file whose name was never
// synced is there or not.
TEST(SimDisk, APowerLossKeepsWhatWasSynced) {
  size_t kept = 0;
  size_t lost = 0;
  size_t torn = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    TestWorld world(seed);
    SimNode& node = world.start("a", [](Env& env) {
      ASSERT_TRUE(env.disk.make_dir("d").ok());
      ASSERT_TRUE(env.disk.sync_dir("").ok());
      put(env, "d/log", 0, std::string(3000, 's'));
      ASSERT_TRUE((*env.disk.open("d/log", Open::write))->sync(SyncMode::data).ok());
      ASSERT_TRUE(env.disk.sync_dir("d").ok());
      put(env, "d/log", 3000, std::string(5000, 'u'));
      put(env, "d/other", 0, "other");
      env.sleep(seconds(100));
    });
    world.run(seconds(2));
    EXPECT_EQ(
        node.device().image().durable_size(static_cast<FileNode&>(**node.device().image().find("d/log"))),
        3000U);
    EXPECT_EQ(node.device().image().find_durable("d/other"), nullptr);
    node.power_loss();
    world.run(seconds(1));
    const std::string log = text_of(node, "d/log").value();
    ASSERT_GE(log.size(), 3000U);
    ASSERT_LE(log.size(), 8000U);
    EXPECT_EQ(log.substr(0, 3000), std::string(3000, 's'));
    const std::string rest = log.substr(3000);
    if (rest == std::string(5000, 'u')) {
      ++kept;
    } else if (rest.empty()) {
      ++lost;
    } else {
      ++torn;
      EXPECT_EQ(rest.find_first_not_of(std::string("u\0", 2)), std::string::npos);
    }
  }
  EXPECT_GT(kept, 20U);
  EXPECT_GT(lost, 20U);
  EXPECT_GT(torn, 20U);
}

TEST(SimDisk, RenameOverAFileIsAtomic) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    TestWorld world(seed);
    SimNode& node = world.node("a");
    int written = -1;
    node.start(FunctionProcess::factory([&](Env& env) {
      for (int i = 0;; ++i) {
        const std::string text = "version " + std::to_string(i) + std::string(2000, '.');
        ASSERT_TRUE(write_file_atomically(env.disk, "checkpoint", as_bytes(text)).ok());
        written = i;
      }
    }));
    world.run(milliseconds(static_cast<int64_t>(1 + seed % 40)));
    node.power_loss();
    world.run(seconds(1));
    const auto text = text_of(node, "checkpoint");
    if (written < 0) continue;
    ASSERT_TRUE(text.has_value());
    EXPECT_EQ(text->size(), 2008 + std::to_string(written).size());
    EXPECT_GE(std::stoi(text->substr(8)), written);
  }
}

TEST(SimDisk, AFileMovedBetweenDirectoriesIsInOneOfThem) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    TestWorld world(seed);
    SimNode& node = world.start("a", [](Env& env) {
      ASSERT_TRUE(env.disk.make_dir("old").ok());
      put(env, "old/f", 0, "content");
      ASSERT_TRUE((*env.disk.open("old/f", Open::write))->sync(SyncMode::all).ok());
      ASSERT_TRUE(env.disk.sync_dir("old").ok());
      ASSERT_TRUE(env.disk.sync_dir("").ok());
      ASSERT_TRUE(env.disk.make_dir("new").ok());
      ASSERT_TRUE(env.disk.rename("old/f", "new/f").ok());
      put(env, "old/g", 0, "later");
      env.sleep(seconds(100));
    });
    world.run(seconds(1));
    node.power_loss();
    world.run(seconds(1));
    const auto before = text_of(node, "old/f");
    const auto after = text_of(node, "new/f");
    EXPECT_NE(before.has_value(), after.has_value());
    EXPECT_EQ(before.value_or(after.value_or("")), "content");
  }
}

// The heart of crashes: stacks are unwound and objects destroyed, and none of it reaches the disk.
TEST(SimDisk, PowerLossAndUnwindingLeaveTheImageBitIdentical) {
  struct Tidy {  // a destructor that does what it should not
    Env& env;
    FileRef file;
    ~Tidy() {
      const ByteBuffer bytes(100, 'x');
      const Bytes view(bytes);
      static_cast<void>(file->write(0, std::span(&view, 1)));
      static_cast<void>(file->sync(SyncMode::all));
      static_cast<void>(env.disk.remove("a0"));
      static_cast<void>(env.disk.sync_dir(""));
    }
  };
  for (uint64_t seed = 0; seed < 100; ++seed) {
    for (const bool power : {false, true}) {
      TestWorld world(seed);
      SimNode& node = world.start("a", [](Env& env) {
        Scope scope(env);
        for (int i = 0; i < 4; ++i) {
          scope.spawn("writer", [&env, i] {
            const std::string path = "a" + std::to_string(i);
            Tidy tidy{env, *env.disk.open(path, Open::create)};
            for (uint64_t at = 0;; at += 700) {
              const ByteBuffer bytes(1000, static_cast<uint8_t>(at));
              if (!write_fully(*tidy.file, at, bytes).ok()) continue;
              if (at % 2100 == 0) static_cast<void>(tidy.file->sync(SyncMode::data));
              if (at % 3500 == 0) static_cast<void>(env.disk.rename(path, path + "x"));
              if (at % 4900 == 0) static_cast<void>(env.disk.sync_dir(""));
            }
          });
        }
        scope.join();
      });
      world.run(microseconds(static_cast<int64_t>(300 * seed + 50)));
      power ? node.power_loss() : node.crash();
      const uint64_t digest = world.world().digest().value();
      const uint64_t image = node.device().image().fingerprint();
      ASSERT_TRUE(node.running());
      world.run(seconds(1));
      EXPECT_FALSE(node.running());
      EXPECT_EQ(node.device().image().fingerprint(), image);
      EXPECT_EQ(world.world().digest().value(), digest);
    }
  }
}

TEST(SimDisk, ACrashMayTearAWriteInFlight) {
  size_t sizes[3] = {};  // nothing, a part, all
  for (uint64_t seed = 0; seed < 200; ++seed) {
    TestWorld world(seed);
    NodeSetup setup;
    setup.name = "a";
    setup.disk.slow_write_per_mille = 1000;
    SimNode& node = world.world().add_node(setup);
    world.start("a", [](Env& env) { put(env, "f", 0, std::string(20'000, 'w')); });
    for (int i = 0; i < 200 && !node.device().image().find("f").ok(); ++i) world.run(microseconds(10));
    world.run(microseconds(5));
    node.crash();
    const size_t size = text_of(node, "f").value_or("").size();
    ++sizes[size == 0 ? 0 : size < 20'000 ? 1 : 2];
    if (size < 20'000) {
      EXPECT_EQ(size % kPageBytes, 0U);
    }
  }
  EXPECT_GT(sizes[0], 10U);
  EXPECT_GT(sizes[1], 50U);
  EXPECT_GT(sizes[2], 10U);
}

TEST(SimDisk, AFullDiskTakesWhatFits) {
  TestWorld world;
  NodeSetup setup;
  setup.name = "a";
  setup.disk.capacity_bytes = 10 * kPageBytes;
  SimNode& node = world.world().add_node(setup);
  EXPECT_TRUE(world.run("a", [&](Env& env) {
    const FileRef file = *env.disk.open("f", Open::create);
    const ByteBuffer bytes(64 * 1024, 'f');
    const Bytes view(bytes);
    EXPECT_EQ(*file->write(100, std::span(&view, 1)), 10 * kPageBytes - 100);
    EXPECT_EQ(file->write(10 * kPageBytes, std::span(&view, 1)).error(), IoError::no_space);
    EXPECT_EQ(*file->write(5, std::span(&view, 1)), 10 * kPageBytes - 5);  // no new page
    EXPECT_EQ(env.disk.space("")->usable_bytes, 0U);
    EXPECT_EQ(file->preallocate(0, 20 * kPageBytes).error(), IoError::no_space);
    ASSERT_TRUE(file->truncate(0).ok());
    EXPECT_TRUE(file->sync(SyncMode::all).ok());
    EXPECT_EQ(env.disk.space("")->usable_bytes, 10 * kPageBytes);
    EXPECT_EQ(env.disk.space("")->total_bytes, 10 * kPageBytes);
  }));
  EXPECT_EQ(node.device().image().used_bytes(), 0U);
}

TEST(SimDisk, AStalledDiskHoldsItsOperationsUntilItHeals) {
  TestWorld world;
  SimNode& node = world.node("a");
  Instant synced{0};
  node.start(FunctionProcess::factory([&](Env& env) {
    const FileRef file = *env.disk.open("f", Open::create);
    env.sleep(milliseconds(100));
    ASSERT_TRUE(file->sync(SyncMode::all).ok());
    synced = world.world().now();
  }));
  world.run(milliseconds(50));
  const Instant stall = world.world().now() + seconds(10);
  DiskTrouble trouble;
  trouble.stalled_until = stall;
  const uint64_t stalled = node.device().add_trouble(trouble);
  world.run(seconds(5));
  EXPECT_EQ(synced, Instant{0});
  node.device().remove_trouble(stalled);  // earlier than announced
  world.run(seconds(1));
  EXPECT_GT(synced, Instant{0});
  EXPECT_LT(synced, stall - seconds(4));
}

// A disk on which every read takes 100 ms, and a transfer 1 ms for 1000 bytes. Three are read, 100'000 bytes
// each, at the same time; when each has ended, in milliseconds since then.
struct ReadsUnderWay {
  ReadsUnderWay() {
    NodeSetup setup;
    setup.name = "a";
    setup.disk = DiskProfile::instant();
    setup.disk.read.points[0] = {1'000'000, 100'000'000};
    setup.disk.cold_read_per_mille = 1000;
    setup.disk.bytes_per_second = 999'999;
    device = &world.world().add_node(setup).device();
    world.start("a", [this](Env& env) {
      env.sleep(seconds(1));
      Scope scope(env);
      for (int i = 0; i < 3; ++i) {
        scope.spawn("reader", [this, &env, i] {
          const FileRef file = *env.disk.open("f" + std::to_string(i), Open::create);
          ByteBuffer into(100'000);
          const MutableBytes view(into);
          EXPECT_TRUE(file->read(0, std::span(&view, 1)).ok());
          ended.push_back((world.world().now() - begun).ms());
        });
      }
      scope.join();
    });
    begun = world.world().now() + seconds(1);
  }
  void until(int64_t ms) { world.world().run_until(begun + milliseconds(ms)); }
  uint64_t slow(uint32_t factor) {
    DiskTrouble trouble;
    trouble.slow_per_mille = factor * 1000;
    return device->add_trouble(trouble);
  }
  std::vector<int64_t> ends() {
    world.run();
    return ended;
  }

  TestWorld world;
  Device* device = nullptr;
  Instant begun;
  std::vector<int64_t> ended;
};

TEST(SimDisk, TransfersQueueAndLatenciesOverlap) {
  EXPECT_EQ(ReadsUnderWay().ends(), (std::vector<int64_t>{200, 300, 400}));
}

TEST(SimDisk, ADiskThatRecoversDoesTheRestAtItsOwnSpeed) {
  ReadsUnderWay reads;
  const uint64_t number = reads.slow(1000);
  reads.until(50'000);  // a quarter of the first one
  reads.device->remove_trouble(number);
  EXPECT_EQ(reads.ends(), (std::vector<int64_t>{50'150, 50'250, 50'350}));
}

TEST(SimDisk, ADiskThatBecomesSlowDoesTheRestSlowly) {
  ReadsUnderWay reads;
  reads.until(150);
  reads.slow(10);
  EXPECT_EQ(reads.ends(), (std::vector<int64_t>{650, 1650, 2650}));
}

TEST(SimDisk, WhatIsQueuedBehindANarrowTransferDoesNotWaitForItsWidth) {
  ReadsUnderWay reads;
  DiskTrouble narrow;
  narrow.bytes_per_second = 1000;  // 100 s each
  const uint64_t number = reads.device->add_trouble(narrow);
  reads.until(10'000);
  reads.device->remove_trouble(number);
  EXPECT_EQ(reads.ends(), (std::vector<int64_t>{10'180, 10'290, 10'390}));
}

TEST(SimDisk, AFailedSyncLosesThePagesForGood) {
  TestWorld world;
  SimNode& node = world.start("a", [&](Env& env) {
    const FileRef file = *env.disk.open("f", Open::create);
    ASSERT_TRUE(env.disk.sync_dir("").ok());
    ASSERT_TRUE(write_fully(*file, 0, as_bytes("first")).ok());
    ASSERT_TRUE(file->sync(SyncMode::data).ok());
    ASSERT_TRUE(write_fully(*file, 5, as_bytes("SECOND")).ok());
    world.node("a").device().fail_next_sync();
    EXPECT_EQ(file->sync(SyncMode::data).error(), IoError::io);
    EXPECT_EQ(file->sync(SyncMode::data).error(), IoError::io);
    EXPECT_EQ(write_fully(*file, 11, as_bytes("no")).error(), IoError::io);
    const FileRef again = *env.disk.open("f", Open::write);
    EXPECT_EQ(as_text(*read_file(env.disk, "f")), "firstSECOND");  // the page cache still shows it
    ASSERT_TRUE(write_fully(*again, 11, as_bytes("third")).ok());
    ASSERT_TRUE(again->sync(SyncMode::data).ok());
    env.sleep(seconds(100));
  });
  world.run(seconds(1));
  auto& file = static_cast<FileNode&>(**node.device().image().find("f"));
  ByteBuffer durable(100);
  const size_t n = node.device().image().read_durable(file, 0, durable);
  EXPECT_EQ(as_text(Bytes(durable).first(n)), std::string_view("first\0\0\0\0\0\0third", 16));
  node.power_loss();
  world.run(seconds(1));
  EXPECT_EQ(text_of(node, "f"), std::string("first\0\0\0\0\0\0third", 16));
}

// A file that is written anew after a failed sync, as a checkpoint's is: what was lost is overwritten.
TEST(SimDisk, WhatIsOverwrittenAfterAFailedSyncIsDurable) {
  RunMemory memory;
  int64_t now = 0;
  Image image(1, memory.pages, now);
  const auto file = *image.create_file("f");
  image.sync_dir(image.root(), image.seal());
  const auto write = [&](std::string_view text) {
    const Bytes view = as_bytes(text);
    image.write(*file, 0, std::span(&view, 1), text.size());
  };
  write("lost for good");
  image.lose_unsynced(*file);
  image.truncate(*file, 0);
  write("kept");
  image.sync(*file, image.seal(*file));
  ByteBuffer durable(100);
  durable.resize(image.read_durable(*file, 0, durable));
  EXPECT_EQ(as_text(durable), "kept");
  EXPECT_EQ(image.durable_size(*file), 4U);
  image.power_loss(KeyedRandom(1), 0);
  ByteBuffer left(100);
  left.resize(file->content.read(0, left));
  EXPECT_EQ(as_text(left), "kept");
}

// Against a model: after a power loss that keeps nothing unsynced, exactly the synced state is there, and
// the durable view had said so before.
RC_GTEST_PROP(SimDisk, TheDurableViewIsWhatAnAdversarialPowerLossLeaves, (uint64_t seed)) {
  RunMemory memory;
  int64_t now = 0;
  Image image(1, memory.pages, now);
  const auto file = *image.create_file("f");
  image.sync_dir(image.root(), image.seal());
  std::string model;
  std::string synced;
  const auto steps = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 100));
  for (const int step : steps) {
    now += 1'000'000;
    if (step < 60) {
      const auto at = static_cast<size_t>(*rc::gen::inRange<int>(0, static_cast<int>(model.size()) + 20));
      const std::string text(static_cast<size_t>(*rc::gen::inRange(1, 3000)),
                             static_cast<char>('a' + step % 26));
      if (model.size() < at + text.size()) model.resize(at + text.size());
      model.replace(at, text.size(), text);
      const Bytes view = as_bytes(text);
      image.write(*file, at, std::span(&view, 1), text.size());
    } else if (step < 80) {
      const auto size = static_cast<size_t>(*rc::gen::inRange<int>(0, static_cast<int>(model.size()) + 100));
      model.resize(size);
      image.truncate(*file, size);
    } else {
      image.sync(*file, image.seal(*file));
      synced = model;
    }
  }
  std::string cached(model.size() + 10, '?');
  cached.resize(file->content.read(0, {reinterpret_cast<uint8_t*>(cached.data()), cached.size()}));
  RC_ASSERT(cached == model);
  std::string durable(synced.size() + 10, '?');
  durable.resize(image.read_durable(*file, 0, {reinterpret_cast<uint8_t*>(durable.data()), durable.size()}));
  RC_ASSERT(image.durable_size(*file) == synced.size());
  RC_ASSERT(durable == synced);
  const KeyedRandom random(seed);
  for (uint64_t occasion = 0; occasion < 20; ++occasion) {
    // Of the first power loss anything may be left; of a second one right after it nothing changes.
    image.power_loss(random, occasion);
    const uint64_t once = image.fingerprint();
    image.power_loss(random, occasion + 100);
    RC_ASSERT(image.fingerprint() == once);
    RC_ASSERT(file->content.size() <= std::max(model.size(), size_t{10'000'000}));
  }
}

}  // namespace
}  // namespace ksim::sim
