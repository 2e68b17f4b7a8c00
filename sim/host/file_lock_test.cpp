#include "sim/host/file_lock.h"

#include <csignal>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "sim/host/process.h"

namespace ksim::host {
namespace {

class FileLockTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(std::filesystem::create_directory(directory)); }
  void TearDown() override { std::filesystem::remove_all(directory); }

  const std::string directory =
      (std::filesystem::temp_directory_path() / ("file_lock." + std::to_string(::getpid()))).string();
  const std::string file = directory + "/swarm.sqlite";
};

TEST_F(FileLockTest, OneProcessHoldsItAtATime) {
  {
    const Result<FileLock> held = FileLock::take(file);
    ASSERT_TRUE(held.ok()) << held.error().message;
    const Result<FileLock> other = FileLock::take(file);
    ASSERT_FALSE(other.ok());
    EXPECT_EQ(other.error().message, file + " is being written by process " + std::to_string(::getpid()));
    EXPECT_TRUE(FileLock::take(directory + "/another").ok());
  }
  EXPECT_TRUE(FileLock::take(file).ok());
  EXPECT_FALSE(std::filesystem::exists(file + ".lock"));
}

TEST_F(FileLockTest, AFileWithTwoNamesHasOneLock) {
  { const std::ofstream made(file); }
  std::filesystem::create_symlink("swarm.sqlite", directory + "/link");
  const Result<FileLock> held = FileLock::take(file);
  EXPECT_FALSE(FileLock::take(directory + "/link").ok());
}

// Neither a holder that was killed nor a fork of it keeps others out.
TEST_F(FileLockTest, ItGoesWithItsHolder) {
  Pipe ready;
  Pipe never;
  const int holder = ::fork();
  if (holder == 0) {
    ::close(never.ends[1]);
    Result<FileLock> lock = FileLock::take(file);
    uint8_t byte = lock.ok() ? 1 : 0;
    if (::fork() == 0) {
      lock->let_go();
      write_all(ready.ends[1], {&byte, 1});
    }
    read_exactly(never.ends[0], {&byte, 1});
    ::_exit(0);
  }
  uint8_t byte = 0;
  ASSERT_TRUE(read_exactly(ready.ends[0], {&byte, 1}));
  ASSERT_EQ(byte, 1);
  EXPECT_FALSE(FileLock::take(file).ok());
  ::kill(holder, SIGKILL);
  wait_for(holder);
  EXPECT_TRUE(std::filesystem::exists(file + ".lock"));
  EXPECT_TRUE(FileLock::take(file).ok());
  ::close(never.ends[1]);
}

TEST_F(FileLockTest, SaysWhyThereCanBeNone) {
  for (const std::string& path : {std::string(), directory + "/", directory + "/nosuch/file"})
    EXPECT_FALSE(FileLock::take(path).ok()) << path;
}

}  // namespace
}  // namespace ksim::host
