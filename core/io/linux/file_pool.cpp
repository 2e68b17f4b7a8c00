#include "core/io/linux/file_pool.h"

#include <csignal>

namespace ksim {

FilePool::FilePool(size_t threads) {
  // Signals are for the thread of shard 0: workers inherit a full mask.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  threads_.reserve(threads);
  for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

FilePool::~FilePool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void FilePool::submit(FileJob& job) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(&job);
  }
  changed_.notify_one();
}

void FilePool::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    FileJob* job = queue_.front();
    queue_.pop_front();
    lock.unlock();
    job->run();
    job->home().post(*job);
    lock.lock();
  }
}

}  // namespace ksim
