// Conversations of the quorum, told command by command in testdata/*.txt with everything that follows from
// each. Run with --rewrite to store the present behaviour, then review the difference as text.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "core/raft/harness/script.h"

namespace ksim::raft {
namespace {

std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

TEST(Transcript, AllAreAsStored) {
  const std::vector<std::string> arguments = ::testing::internal::GetArgvs();
  const bool rewrite = std::find(arguments.begin(), arguments.end(), "--rewrite") != arguments.end();
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(KSIM_SOURCE_DIR "/core/raft/testdata")) {
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  ASSERT_FALSE(files.empty());
  for (const auto& file : files) {
    const std::string stored = read_text(file);
    const std::string now = run_transcript(stored);
    EXPECT_EQ(now.find("violated:"), std::string::npos)
        << file << "\n"
        << now.substr(now.size() > 2000 ? now.size() - 2000 : 0);
    if (rewrite) {
      std::ofstream(file, std::ios::binary) << now;
    } else {
      EXPECT_EQ(now, stored) << file;
    }
  }
}

}  // namespace
}  // namespace ksim::raft
