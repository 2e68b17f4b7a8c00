#include <algorithm>

#include <gtest/gtest.h>

#include "core/io/conformance/conformance.h"
#include "core/io/scope.h"

namespace ksim::conformance {
namespace {

FileRef must_open(Env& env, std::string_view path, Open mode) {
  IoResult<FileRef> file = env.disk.open(path, mode);
  EXPECT_TRUE(file.ok()) << path << ": " << to_string(file.error());
  return file.ok() ? *file : nullptr;
}
IoError open_error(Env& env, std::string_view path, Open mode) {
  const IoResult<FileRef> file = env.disk.open(path, mode);
  return file.ok() ? IoError::ok : file.error();
}
void put(Env& env, std::string_view path, std::string_view text) {
  const FileRef file = must_open(env, path, Open::create_truncate);
  ASSERT_NE(file, nullptr);
  EXPECT_TRUE(write_fully(*file, 0, as_bytes(text)).ok());
}
std::string text_of(File& file) {
  std::string text(file.size().value(), '?');
  const MutableBytes into{reinterpret_cast<uint8_t*>(text.data()), text.size()};
  return read_fully(file, 0, into).ok() ? text : "unreadable";
}
std::string text_at(Env& env, std::string_view path) {
  const IoResult<ByteBuffer> content = read_file(env.disk, path);
  return content.ok() ? std::string(as_text(*content)) : std::string(to_string(content.error()));
}

void reads_stop_at_the_end(Env& env) {
  put(env, "f", "0123456789");
  const FileRef file = must_open(env, "f", Open::read);
  ByteBuffer into(20, 'x');
  const MutableBytes span(into);
  size_t got = 0;
  for (;;) {
    const MutableBytes rest = span.subspan(got);
    const IoResult<size_t> n = file->read(4 + got, std::span(&rest, 1));
    ASSERT_TRUE(n.ok());
    if (*n == 0) break;
    got += *n;
  }
  EXPECT_EQ(got, 6U);
  EXPECT_EQ(as_text(Bytes(into).first(7)), "456789x") << "bytes past the count are the caller's";
  EXPECT_EQ(file->read(10, std::span(&span, 1)).value(), 0U);
  EXPECT_EQ(file->read(1000, std::span(&span, 1)).value(), 0U);
  EXPECT_EQ(error_of(read_fully(*file, 4, span)), IoError::invalid);
}

void writes_grow_and_gaps_are_zero(Env& env) {
  const FileRef file = must_open(env, "f", Open::create_new);
  EXPECT_EQ(file->size().value(), 0U);
  ASSERT_TRUE(write_fully(*file, 5000, as_bytes("end")).ok());
  EXPECT_EQ(file->size().value(), 5003U);
  ByteBuffer gap(5000, 1);
  ASSERT_TRUE(read_fully(*file, 0, gap).ok());
  EXPECT_EQ(std::count(gap.begin(), gap.end(), 0), 5000);
  ASSERT_TRUE(write_fully(*file, 1, as_bytes("in")).ok());
  EXPECT_EQ(file->size().value(), 5003U) << "a write inside does not shorten";
}

void spans_are_taken_in_order(Env& env) {
  const FileRef file = must_open(env, "f", Open::create);
  const std::string text = "abcdefghij";
  std::vector<Bytes> parts;
  for (int round = 0; round < 20; ++round) {
    parts.push_back(as_bytes(text).subspan(0, 3));
    parts.push_back(as_bytes(text).subspan(3, 0));
    parts.push_back(as_bytes(text).subspan(3, 7));
  }
  ASSERT_TRUE(write_fully(*file, 0, parts).ok());
  EXPECT_EQ(file->size().value(), 200U);
  ByteBuffer first(4);
  ByteBuffer second(6);
  const MutableBytes into[] = {first, second};
  const IoResult<size_t> n = file->read(190, into);
  ASSERT_TRUE(n.ok());
  ASSERT_GE(*n, 1U);
  EXPECT_EQ(first[0], 'a');
  if (*n == 10) {
    EXPECT_EQ(as_text(second), "efghij");
  }
}

void open_modes(Env& env) {
  EXPECT_EQ(open_error(env, "none", Open::read), IoError::not_found);
  EXPECT_EQ(open_error(env, "none", Open::write), IoError::not_found);
  EXPECT_EQ(open_error(env, "no_dir/f", Open::create), IoError::not_found);
  put(env, "f", "text");
  EXPECT_EQ(open_error(env, "f", Open::create_new), IoError::exists);
  EXPECT_EQ(text_of(*must_open(env, "f", Open::create)), "text");
  EXPECT_EQ(text_of(*must_open(env, "f", Open::write)), "text");
  EXPECT_EQ(must_open(env, "f", Open::create_truncate)->size().value(), 0U);
  ASSERT_TRUE(env.disk.make_dir("d").ok());
  EXPECT_EQ(open_error(env, "d", Open::read), IoError::is_a_directory);
  EXPECT_EQ(open_error(env, "d", Open::create), IoError::is_a_directory);
  EXPECT_EQ(open_error(env, "f/x", Open::read), IoError::not_a_directory);
  const FileRef reader = must_open(env, "f", Open::read);
  EXPECT_FALSE(write_fully(*reader, 0, as_bytes("no")).ok());
  EXPECT_EQ(reader->size().value(), 0U);
}

void handles_share_one_file(Env& env) {
  const FileRef one = must_open(env, "f", Open::create);
  const FileRef other = must_open(env, "f", Open::read);
  ASSERT_TRUE(write_fully(*one, 0, as_bytes("seen")).ok());
  EXPECT_EQ(text_of(*other), "seen");
  ASSERT_TRUE(one->truncate(2).ok());
  EXPECT_EQ(text_of(*other), "se");
}

void rename_replaces_and_open_handles_stay(Env& env) {
  put(env, "old", "old");
  put(env, "new", "new");
  const FileRef replaced = must_open(env, "old", Open::write);
  const FileRef moved = must_open(env, "new", Open::write);
  ASSERT_TRUE(env.disk.rename("new", "old").ok());
  EXPECT_EQ(text_at(env, "old"), "new");
  EXPECT_EQ(text_at(env, "new"), "not found");
  EXPECT_EQ(text_of(*replaced), "old") << "the handle keeps the file that lost its name";
  ASSERT_TRUE(write_fully(*replaced, 0, as_bytes("OLD")).ok());
  ASSERT_TRUE(write_fully(*moved, 3, as_bytes("er")).ok());
  EXPECT_EQ(text_at(env, "old"), "newer") << "the handle follows the file to its new name";
  EXPECT_EQ(error_of(env.disk.rename("none", "other")), IoError::not_found);
  EXPECT_EQ(error_of(env.disk.rename("old", "no_dir/old")), IoError::not_found);
  EXPECT_TRUE(env.disk.rename("old", "old").ok());
  EXPECT_EQ(text_at(env, "old"), "newer");
}

void rename_moves_directories(Env& env) {
  ASSERT_TRUE(env.disk.make_dir("a").ok());
  put(env, "a/f", "text");
  const FileRef file = must_open(env, "a/f", Open::write);
  ASSERT_TRUE(env.disk.rename("a", "b").ok());
  EXPECT_EQ(text_at(env, "b/f"), "text");
  EXPECT_EQ(text_at(env, "a/f"), "not found");
  ASSERT_TRUE(write_fully(*file, 4, as_bytes("s")).ok());
  EXPECT_EQ(text_at(env, "b/f"), "texts");
  ASSERT_TRUE(env.disk.make_dir("full").ok());
  put(env, "full/f", "");
  EXPECT_EQ(error_of(env.disk.rename("b", "full")), IoError::not_empty);
  EXPECT_EQ(error_of(env.disk.rename("b/f", "full")), IoError::is_a_directory);
  EXPECT_EQ(error_of(env.disk.rename("full", "b/f")), IoError::not_a_directory);
}

void removed_files_live_while_open(Env& env) {
  put(env, "f", "text");
  const FileRef file = must_open(env, "f", Open::write);
  ASSERT_TRUE(env.disk.remove("f").ok());
  EXPECT_EQ(open_error(env, "f", Open::read), IoError::not_found);
  EXPECT_EQ(error_of(env.disk.stat("f")), IoError::not_found);
  EXPECT_EQ(error_of(env.disk.remove("f")), IoError::not_found);
  EXPECT_EQ(text_of(*file), "text");
  ASSERT_TRUE(write_fully(*file, 4, as_bytes("more")).ok());
  EXPECT_TRUE(file->sync(SyncMode::all).ok());
  EXPECT_TRUE(file->truncate(6).ok());
  put(env, "f", "other");
  EXPECT_EQ(text_of(*file), "textmo") << "a new file of that name is another file";
}

void directories(Env& env) {
  ASSERT_TRUE(env.disk.make_dir("d").ok());
  EXPECT_EQ(error_of(env.disk.make_dir("d")), IoError::exists);
  EXPECT_EQ(error_of(env.disk.make_dir("no/d")), IoError::not_found);
  ASSERT_TRUE(env.disk.make_dir("d/sub").ok());
  EXPECT_EQ(error_of(env.disk.remove("d")), IoError::not_empty);
  ASSERT_TRUE(env.disk.remove("d/sub").ok());
  ASSERT_TRUE(env.disk.remove("d").ok());
  EXPECT_EQ(error_of(env.disk.remove("d")), IoError::not_found);
  EXPECT_EQ(error_of(env.disk.sync_dir("d")), IoError::not_found);
  put(env, "f", "");
  EXPECT_EQ(error_of(env.disk.make_dir("f")), IoError::exists);
  EXPECT_TRUE(env.disk.sync_dir("").ok()) << "the root is a directory";
}

void lists_are_sorted_bytewise(Env& env) {
  ASSERT_TRUE(env.disk.make_dir("d").ok());
  EXPECT_TRUE(env.disk.list("d").value().empty());
  for (const char* name : {"d/b", "d/a", "d/B", "d/a0", "d/\xc3\xa4", "d/-", "d/00000000000000000010.log"}) {
    put(env, name, "");
  }
  ASSERT_TRUE(env.disk.make_dir("d/c").ok());
  put(env, "d/c/inside", "");
  ASSERT_TRUE(env.disk.rename("d/b", "d/z").ok());
  ASSERT_TRUE(env.disk.remove("d/a").ok());
  const std::vector<std::string> wanted = {"-", "00000000000000000010.log", "B", "a0", "c", "z", "\xc3\xa4"};
  EXPECT_EQ(env.disk.list("d").value(), wanted);
  EXPECT_EQ(env.disk.list("").value(), std::vector<std::string>{"d"});
  EXPECT_EQ(error_of(env.disk.list("none")), IoError::not_found);
  EXPECT_EQ(error_of(env.disk.list("d/z")), IoError::not_a_directory);
}

void truncate_cuts_and_extends(Env& env) {
  put(env, "f", "0123456789");
  const FileRef file = must_open(env, "f", Open::write);
  ASSERT_TRUE(file->truncate(4).ok());
  EXPECT_EQ(text_of(*file), "0123");
  ASSERT_TRUE(file->truncate(6).ok());
  EXPECT_EQ(text_of(*file), std::string("0123\0\0", 6)) << "what was cut off does not come back";
  ASSERT_TRUE(file->truncate(0).ok());
  EXPECT_EQ(file->size().value(), 0U);
}

void preallocation_keeps_the_size(Env& env) {
  put(env, "f", "text");
  const FileRef file = must_open(env, "f", Open::write);
  ASSERT_TRUE(file->preallocate(0, 65536).ok());
  EXPECT_EQ(file->size().value(), 4U);
  EXPECT_EQ(text_of(*file), "text");
}

void stat_tells_size_kind_and_time(Env& env) {
  const WallTime before = env.clock.wall();
  put(env, "f", "text");
  ASSERT_TRUE(env.disk.make_dir("d").ok());
  const IoResult<FileStat> file = env.disk.stat("f");
  const IoResult<FileStat> directory = env.disk.stat("d");
  const WallTime after = env.clock.wall();
  ASSERT_TRUE(file.ok() && directory.ok());
  EXPECT_FALSE(file->is_directory);
  EXPECT_EQ(file->size_bytes, 4U);
  EXPECT_TRUE(directory->is_directory);
  // A kernel's stamps come from a clock that ticks every few milliseconds.
  EXPECT_GE(file->modified + milliseconds(100), before);
  EXPECT_LE(file->modified, after + milliseconds(100));
  EXPECT_EQ(error_of(env.disk.stat("none")), IoError::not_found);
  EXPECT_TRUE(env.disk.stat("").value().is_directory);
}

void space_is_told(Env& env) {
  const DiskSpace space = env.disk.space("").value();
  EXPECT_GT(space.usable_bytes, 0U);
  EXPECT_GE(space.total_bytes, space.usable_bytes);
  EXPECT_EQ(error_of(env.disk.space("none")), IoError::not_found);
}

void locks_have_one_holder(Env& env) {
  {
    IoResult<std::unique_ptr<DirLock>> held = env.disk.lock(".lock");
    ASSERT_TRUE(held.ok());
    EXPECT_EQ(error_of(env.disk.lock(".lock")), IoError::in_use);
    EXPECT_TRUE(env.disk.lock("other.lock").ok());
  }
  EXPECT_TRUE(env.disk.lock(".lock").ok());
  EXPECT_EQ(error_of(env.disk.lock("none/.lock")), IoError::not_found);
}

void files_are_replaced_atomically(Env& env) {
  ASSERT_TRUE(env.disk.make_dir("d").ok());
  ASSERT_TRUE(write_file_atomically(env.disk, "d/f", as_bytes("one")).ok());
  ASSERT_TRUE(write_file_atomically(env.disk, "d/f", as_bytes("second")).ok());
  EXPECT_EQ(text_at(env, "d/f"), "second");
  EXPECT_EQ(env.disk.list("d").value(), std::vector<std::string>{"f"});
}

void failed_sync_poisons(World& world) {
  world.run({[&](Env& env) {
    put(env, "f", "text");
    const FileRef file = must_open(env, "f", Open::write);
    const FileRef other = must_open(env, "other", Open::create);
    ASSERT_TRUE(file->sync(SyncMode::data).ok());
    ASSERT_TRUE(write_fully(*file, 0, as_bytes("TEXT")).ok());
    world.fail_next_sync(0);
    EXPECT_EQ(error_of(file->sync(SyncMode::data)), IoError::io);
    EXPECT_EQ(error_of(file->sync(SyncMode::data)), IoError::io) << "trying again must not look like success";
    EXPECT_EQ(error_of(file->sync(SyncMode::all)), IoError::io);
    EXPECT_EQ(error_of(write_fully(*file, 0, as_bytes("more"))), IoError::io);
    EXPECT_TRUE(other->sync(SyncMode::all).ok()) << "another file is not concerned";
    EXPECT_TRUE(env.disk.open("f", Open::read).ok());
  }});
}

void operations_outlast_cancellation(Env& env) {
  bool started = false;
  bool synced = false;
  bool wrote = false;
  bool cancelled_after = false;
  Scope scope(env);
  scope.spawn("writer", [&] {
    const FileRef file = must_open(env, "f", Open::create);
    started = true;
    for (int i = 0; i < 20; ++i) {  // the cancellation arrives somewhere here
      ASSERT_TRUE(write_fully(*file, static_cast<uint64_t>(i) * 4, as_bytes("data")).ok());
      synced = file->sync(SyncMode::data).ok();
    }
    wrote = env.disk.rename("f", "g").ok();
    try {
      env.sleep(seconds(1));
    } catch (const FiberCancelled&) {
      cancelled_after = true;
      throw;
    }
  });
  while (!started) env.scheduler.yield();
  scope.cancel();
  scope.join();
  EXPECT_TRUE(synced);
  EXPECT_TRUE(wrote);
  EXPECT_TRUE(cancelled_after) << "it is delivered at the next wait that is no disk operation";
  EXPECT_EQ(env.disk.stat("g").value().size_bytes, 80U);
}

void disks_are_their_nodes_own(World& world) {
  world.run({[&](Env& env) { put(env, "f", "zero"); },
             [&](Env& env) {
               env.sleep(milliseconds(5));
               EXPECT_EQ(open_error(env, "f", Open::read), IoError::not_found);
             }});
}

}  // namespace

std::vector<Promise> disk_promises() {
  return {
      {"reads_stop_at_the_end", on_one_node(reads_stop_at_the_end)},
      {"writes_grow_and_gaps_are_zero", on_one_node(writes_grow_and_gaps_are_zero)},
      {"spans_are_taken_in_order", on_one_node(spans_are_taken_in_order)},
      {"open_modes", on_one_node(open_modes)},
      {"handles_share_one_file", on_one_node(handles_share_one_file)},
      {"rename_replaces_and_open_handles_stay", on_one_node(rename_replaces_and_open_handles_stay)},
      {"rename_moves_directories", on_one_node(rename_moves_directories)},
      {"removed_files_live_while_open", on_one_node(removed_files_live_while_open)},
      {"directories", on_one_node(directories)},
      {"lists_are_sorted_bytewise", on_one_node(lists_are_sorted_bytewise)},
      {"truncate_cuts_and_extends", on_one_node(truncate_cuts_and_extends)},
      {"preallocation_keeps_the_size", on_one_node(preallocation_keeps_the_size)},
      {"stat_tells_size_kind_and_time", on_one_node(stat_tells_size_kind_and_time)},
      {"space_is_told", on_one_node(space_is_told)},
      {"locks_have_one_holder", on_one_node(locks_have_one_holder)},
      {"files_are_replaced_atomically", on_one_node(files_are_replaced_atomically)},
      {"failed_sync_poisons", failed_sync_poisons},
      {"operations_outlast_cancellation", on_one_node(operations_outlast_cancellation)},
      {"disks_are_their_nodes_own", disks_are_their_nodes_own},
  };
}

}  // namespace ksim::conformance
