#include "core/apps/kctl/history.h"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

namespace ksim::kctl {
namespace {

Json event_json(int64_t index, Duration time, int64_t process, std::string_view type, std::string_view f,
                const Json& value, std::string_view error) {
  Json json{{"index", index}, {"time_ns", time.ns}, {"process", process}, {"type", type},
            {"f", f},         {"value", value}};
  if (!error.empty()) json["error"] = error;
  return json;
}

}  // namespace

std::string history_header(const HistorySettings& settings, bool final_polls) {
  return fmt::format(
      R"({{"ksim_history":1,"settings":{{"acks":"{}","idempotence":{},"isolation":"{}","sub_via":["assign"],)"
      R"("final_polls":{}}}}})",
      settings.acks, settings.idempotence, settings.isolation, final_polls ? "true " : "false");
}

Json send_op(std::string_view key, int64_t value) { return Json::array({"send", key, value}); }

Json send_result(std::string_view key, int64_t value, std::optional<int64_t> offset) {
  return Json::array({"send", key, value, offset ? Json(*offset) : Json()});
}

std::string history_event(int64_t index, Duration time, int64_t process, std::string_view type,
                          std::string_view f, const Json& value, std::string_view error) {
  return to_line(event_json(index, time, process, type, f, value, error));
}

Result<std::unique_ptr<History>> History::create(const std::string& path, const HistorySettings& settings) {
  std::FILE* const file = std::fopen(path.c_str(), "wxe");
  if (file == nullptr)
    return fail(ErrorCode::INVALID_REQUEST, fmt::format("{}: {}", path, std::strerror(errno)));
  std::unique_ptr<History> history(new History(path, settings, file));
  history->put(history_header(settings, false));
  return history;
}

History::~History() {
  if (file_ != nullptr) std::fclose(file_);
}

void History::put(std::string line) {
  line += '\n';
  if (std::fwrite(line.data(), 1, line.size(), file_) != line.size() || std::fflush(file_) != 0)
    broken_ = true;
}

void History::event(Duration time, int64_t process, std::string_view type, std::string_view f,
                    const Json& value, std::string_view error) {
  put(history_event(next_index_++, time, process, type, f, value, error));
}

void History::assign_from_beginning(Duration time, int64_t process, std::string_view type, const Json& keys) {
  Json json = event_json(next_index_++, time, process, type, "assign", keys, {});
  json["seek_to_beginning"] = true;
  put(to_line(json));
}

Result<void> History::finish(bool final_polls) {
  if (std::fseek(file_, 0, SEEK_SET) != 0) broken_ = true;
  put(history_header(settings_, final_polls));
  if (std::fclose(std::exchange(file_, nullptr)) != 0) broken_ = true;
  if (broken_)
    return fail(ErrorCode::KAFKA_STORAGE_ERROR, path_ + ": could not all be written; is the disk full?");
  return {};
}

}  // namespace ksim::kctl
