#include "sim/ping/ping_process.h"

#include <cstring>

#include "core/base/crc32c.h"
#include "core/base/hash.h"

namespace ksim::sim {
namespace {

constexpr uint16_t kPort = 7000;
// A journal entry: number, peer, checksum of both.
constexpr size_t kEntryBytes = 20;
// A message: size of the payload, number, payload, checksum of both.
constexpr size_t kHeaderBytes = 12;
constexpr std::string_view kJournal = "ping/journal";
constexpr std::string_view kPromise = "ping/synced";

void fill_entry(uint8_t (&entry)[kEntryBytes], uint64_t n, uint64_t peer) {
  store_be(entry, n);
  store_be(entry + 8, peer);
  store_be(entry + 16, crc32c({entry, 16}));
}

ByteBuffer message(uint64_t n, uint32_t payload_bytes) {
  ByteBuffer bytes(kHeaderBytes + payload_bytes + 4);
  store_be(bytes.data(), payload_bytes);
  store_be(bytes.data() + 4, n);
  for (size_t i = 0; i < payload_bytes; ++i) bytes[kHeaderBytes + i] = static_cast<uint8_t>(n + i);
  const size_t covered = kHeaderBytes + payload_bytes;
  store_be(bytes.data() + covered, crc32c(Bytes(bytes).first(covered)));
  return bytes;
}

// Reads one whole message into `bytes`.
IoResult<void> read_message(Connection& connection, ByteBuffer& bytes, Deadline deadline) {
  bytes.resize(kHeaderBytes);
  TRY(read_exactly(connection, bytes, deadline));
  const auto payload = load_be<uint32_t>(bytes.data());
  ENSURE(payload < 1'000'000, "a size that nobody sends");
  bytes.resize(kHeaderBytes + payload + 4);
  TRY(read_exactly(connection, MutableBytes(bytes).subspan(kHeaderBytes), deadline));
  const size_t covered = bytes.size() - 4;
  ENSURE(load_be<uint32_t>(bytes.data() + covered) == crc32c(Bytes(bytes).first(covered)),
         "a message arrived damaged");
  return {};
}

}  // namespace

PingProcess::PingProcess(PingSettings settings, const std::vector<Env*>& shards, World& world,
                         PingBoard& board)
    : settings_(std::move(settings)), world_(world), board_(board) {
  for (Env* env : shards) shards_.push_back(std::make_unique<Shard>(*env));
}

void PingProcess::stop() {
  stop_ = true;
  for (const std::unique_ptr<Shard>& shard : shards_) shard->stopping.notify_all();
}

void PingProcess::run(size_t shard) {
  Env& env = shards_[shard]->env;
  if (shard == 0) recover(env);
  run_scoped(env, [&](Scope& scope) {
    scope.spawn("server", [&] { serve(env); });
    scope.spawn("word", [&] { pass_word(env); });
    if (shard == 0) {
      scope.spawn("journal", [&] { keep_journal(env); });
      for (const std::string& peer : settings_.peers) {
        scope.spawn(
            "pinger", [this, &env, &peer] { ping(env, peer); }, hash_text(peer));
      }
    }
    while (!stop_) static_cast<void>(shards_[shard]->stopping.wait(Instant::never(), "stop"));
  });
}

// Whatever happened before: as many entries as were promised are whole and in order. What follows them may
// be torn and is cut off.
void PingProcess::recover(Env& env) {
  static_cast<void>(env.disk.make_dir("ping"));
  static_cast<void>(env.disk.sync_dir(""));
  uint64_t promised = 0;
  if (const IoResult<ByteBuffer> text = read_file(env.disk, kPromise); text.ok()) {
    ENSURE(text->size() == 8, "a file written atomically is whole");
    promised = load_be<uint64_t>(text->data());
  }
  const IoResult<FileRef> opened = env.disk.open(kJournal, Open::create);
  if (!opened.ok()) return;
  journal_ = *opened;
  static_cast<void>(env.disk.sync_dir("ping"));
  const uint64_t size = journal_->size().ok() ? *journal_->size() : 0;
  ByteBuffer bytes(size);
  const bool read = read_fully(*journal_, 0, bytes).ok();
  uint64_t whole = 0;
  while (read && (whole + 1) * kEntryBytes <= size) {
    const uint8_t* entry = bytes.data() + whole * kEntryBytes;
    if (load_be<uint32_t>(entry + 16) != crc32c({entry, 16})) break;
    ++whole;
  }
  ENSURE(!read || whole >= promised, "synced entries of the journal are gone");
  static_cast<void>(journal_->truncate(whole * kEntryBytes));
  entries_ = whole;
  synced_ = promised;
}

void PingProcess::serve(Env& env) {
  const auto listener = env.network.listen({settings_.self, kPort});
  ENSURE(listener.ok(), "the port is free");
  run_scoped(env, [&](Scope& scope) {
    for (;;) {
      IoResult<ConnectionRef> accepted = (*listener)->accept(Instant::never());
      if (!accepted.ok()) return;
      const std::shared_ptr<Connection> connection = std::move(*accepted);
      scope.spawn(
          "answerer", [this, &env, connection] { answer(env, *connection); }, connection->key());
    }
  });
}

void PingProcess::answer(Env& env, Connection& connection) {
  ByteBuffer bytes;
  while (read_message(connection, bytes, Instant::never()).ok()) {
    if (!write_all(connection, bytes, env.after(seconds(30))).ok()) break;
  }
  connection.abort();
}

void PingProcess::ping(Env& env, const std::string& peer) {
  Dice dice(env.random, Stream::backoff_jitter, hash_text(peer));
  uint64_t n = 0;
  for (;;) {
    IoResult<ConnectionRef> connection =
        env.network.connect({peer, kPort}, "ping", env.after(settings_.patience));
    if (!connection.ok()) {
      env.sleep(milliseconds(static_cast<int64_t>(20 + dice.below(200))));
      continue;
    }
    while (exchange(env, **connection, peer, ++n)) {
      env.sleep(Duration{static_cast<int64_t>(dice.below(static_cast<uint64_t>(settings_.interval.ns * 2)))});
    }
  }
}

bool PingProcess::exchange(Env& env, Connection& connection, const std::string& peer, uint64_t n) {
  const Deadline deadline = env.after(settings_.patience);
  const ByteBuffer question = message(n, static_cast<uint32_t>(n * 7919 % settings_.payload_bytes));
  ++board_.rows[settings_.self].sent;
  if (!write_all(connection, question, deadline).ok()) return false;
  ByteBuffer back;
  if (!read_message(connection, back, deadline).ok()) return false;
  ENSURE(back == question, "the answer is not the question");
  note(env, peer, n);
  return true;
}

void PingProcess::note(Env& env, const std::string& peer, uint64_t n) {
  PingBoard::Row& row = board_.rows[settings_.self];
  ++row.answered;
  row.heard[peer] = world_.now();
  if (journal_ == nullptr) return;
  uint8_t entry[kEntryBytes];
  fill_entry(entry, n, hash_text(peer));
  // The place is taken before the write, which may wait.
  const uint64_t at = entries_++;
  if (!write_fully(*journal_, at * kEntryBytes, entry).ok()) journal_ = nullptr;
  Task word([] {});
  static_cast<void>(env.mailboxes.post(n % env.mailboxes.shard_count(), word));
}

void PingProcess::keep_journal(Env& env) {
  for (;;) {
    env.sleep(milliseconds(200));
    const FileRef journal = journal_;
    if (journal == nullptr) continue;
    // Entries may still be on their way into the file: what counts is what recovery would find whole.
    const uint64_t before = synced_;
    if (!journal->sync(SyncMode::data).ok()) continue;
    ByteBuffer bytes((entries_ - before) * kEntryBytes);
    const MutableBytes into(bytes);
    const IoResult<size_t> n = journal->read(before * kEntryBytes, std::span(&into, 1));
    if (!n.ok() || !journal->sync(SyncMode::data).ok()) continue;
    uint64_t whole = 0;
    while ((whole + 1) * kEntryBytes <= *n) {
      const uint8_t* entry = bytes.data() + whole * kEntryBytes;
      if (load_be<uint32_t>(entry + 16) != crc32c({entry, 16})) break;
      ++whole;
    }
    if (whole == 0) continue;
    uint8_t promise[8];
    store_be(promise, before + whole);
    if (!write_file_atomically(env.disk, kPromise, promise).ok()) continue;
    synced_ = before + whole;
    board_.rows[settings_.self].journalled += whole;
  }
}

void PingProcess::pass_word(Env& env) {
  for (;;) {
    Task task = env.mailboxes.receive(Instant::never());
    if (task) task();
  }
}

}  // namespace ksim::sim
