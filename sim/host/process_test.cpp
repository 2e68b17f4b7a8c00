#include "sim/host/process.h"

#include <csignal>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/host/terminal.h"

namespace ksim::host {
namespace {

TEST(Process, ItsEndIsSaidInWords) {
  EXPECT_EQ(to_string(Ending{3, 0}), "exited with code 3");
  EXPECT_EQ(to_string(Ending{0, SIGSEGV}), "killed by SIGSEGV");
  EXPECT_EQ(to_string(Ending{0, SIGABRT}), "killed by SIGABRT");
  EXPECT_EQ(to_string(Ending{0, SIGKILL}), "killed by SIGKILL (out of memory?)");
  EXPECT_EQ(to_string(Ending{0, 60}), "killed by signal 60");
}

TEST(Process, ItsLastWordsAreTheEndOfWhatItWrote) {
  EXPECT_EQ(last_words(""), "");
  EXPECT_EQ(last_words("\n \n"), "");
  EXPECT_EQ(last_words("one"), "one");
  EXPECT_EQ(last_words("one\n  two\r\n\nthree \n"), "two | three");
  EXPECT_EQ(last_words("x\nSUMMARY: AddressSanitizer: heap-use-after-free a.cpp:3\nshadow\n==7==ABORTING\n"),
            "SUMMARY: AddressSanitizer: heap-use-after-free a.cpp:3");
  EXPECT_EQ(last_words(std::string(5000, 'x')), std::string(200, 'x') + "...");
}

TEST(Process, WhatItWritesToStandardErrorSurvivesIt) {
  const ErrorTape tape;
  const int process = ::fork();
  if (process == 0) {
    tape.become_stderr();
    write_error(std::string(100'000, '.') + "\nwhy\n");
    ::raise(SIGKILL);
  }
  EXPECT_EQ(wait_for(process).signal, SIGKILL);
  EXPECT_EQ(tape.text().size(), kPipeBytes);
  EXPECT_TRUE(tape.text().ends_with("...\nwhy\n"));
}

TEST(Process, IsAsleepWhenItWaitsAndNotWhenItIsStopped) {
  Pipe pipe;
  const int process = ::fork();
  if (process == 0) {
    ::raise(SIGSTOP);
    uint8_t byte = 0;
    read_exactly(pipe.ends[0], {&byte, 1});
    ::_exit(0);
  }
  const int64_t end_ns = real_ns() + 10'000'000'000;
  int status = 0;
  ASSERT_EQ(::waitpid(process, &status, WUNTRACED), process);
  EXPECT_FALSE(usage_of(process).asleep);
  ::kill(process, SIGCONT);
  while (!usage_of(process).asleep && real_ns() < end_ns) {
  }
  EXPECT_TRUE(usage_of(process).asleep);
  EXPECT_GT(usage_of(process).cpu_ns, 0);
  EXPECT_TRUE(write_all(pipe.ends[1], as_bytes("x")));
  EXPECT_EQ(wait_for(process).code, 0);
  EXPECT_EQ(usage_of(process).cpu_ns, 0);
  EXPECT_FALSE(usage_of(process).asleep);
}

}  // namespace
}  // namespace ksim::host
