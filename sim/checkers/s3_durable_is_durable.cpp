// S3: what the code counts as durable survives a power loss: everything below a log's checkpointed recovery
// point is still there after it.

#include <charconv>

#include <fmt/format.h>

#include "sim/checkers/all.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

class DurableIsDurable final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "S3"; }
  std::string_view text() const override { return "what is counted as durable survives a power loss"; }

  void on_node(int32_t node, NodeFault fault, Instant at) override {
    if (fault != NodeFault::power_lost) return;
    for (const std::string& directory : view_.log_dirs(node)) {
      const std::string text = read(node, directory + "/recovery-point-offset-checkpoint");
      size_t line = 0;
      for (size_t begin = 0; begin < text.size(); ++line) {
        const size_t end = std::min(text.find('\n', begin), text.size());
        if (line >= 2) judge(node, std::string_view(text).substr(begin, end - begin), at);
        begin = end + 1;
      }
    }
  }

 private:
  std::string read(int32_t node, const std::string& path) const {
    const auto size = view_.disks().size(node, path, DiskPeek::Layer::cached);
    if (!size) return {};
    std::string text(*size, ' ');
    text.resize(view_.disks().read(node, path, 0, {reinterpret_cast<uint8_t*>(text.data()), text.size()},
                                   DiskPeek::Layer::cached));
    return text;
  }

  // "orders 3 1200"
  void judge(int32_t node, std::string_view entry, Instant at) {
    const size_t second = entry.rfind(' ');
    if (second == std::string_view::npos || second == 0) return;
    const size_t first = entry.rfind(' ', second - 1);
    if (first == std::string_view::npos) return;
    int32_t index = 0;
    int64_t point = 0;
    std::from_chars(entry.data() + first + 1, entry.data() + second, index);
    std::from_chars(entry.data() + second + 1, entry.data() + entry.size(), point);
    const auto id = view_.names().find(entry.substr(0, first), index);
    const PartitionTruth* truth = id ? view_.partition(*id) : nullptr;
    if (truth == nullptr || point == 0) return;
    const auto it = truth->replicas.find(node);
    const int64_t end = it == truth->replicas.end() || it->second == nullptr ? 0 : it->second->end_offset();
    if (end < point) {
      cry(at, to_string(view_.names().name(*id)),
          fmt::format(
              "node {} had checkpointed recovery point {}, and a power loss left its log ending at {}", node,
              point, end));
    }
  }
};

}  // namespace

std::unique_ptr<Checker> make_durable_is_durable(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<DurableIsDurable>(view, verdicts);
}

}  // namespace ksim::sim
