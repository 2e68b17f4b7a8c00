#include "core/io/linux/shards.h"

namespace ksim {

bool Inbox::post(Task& task) {
  bool announce = false;
  {
    const std::lock_guard lock(mutex_);
    if (tasks_.size() >= capacity_) return false;
    tasks_.push_back(std::move(task));
    announce = !announced_;
    announced_ = true;
  }
  if (announce) loop_.post(*this);
  return true;
}

void Inbox::complete() {
  {
    const std::lock_guard lock(mutex_);
    announced_ = false;
  }
  arrived_.notify_all();
}

Task Inbox::receive(Deadline deadline) {
  for (bool last_try = false;;) {
    {
      const std::lock_guard lock(mutex_);
      if (!tasks_.empty()) {
        Task task = std::move(tasks_.front());
        tasks_.pop_front();
        return task;
      }
    }
    if (last_try) return {};
    last_try = !arrived_.wait(deadline, "mailbox");
  }
}

}  // namespace ksim
