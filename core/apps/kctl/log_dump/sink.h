#pragma once
// Where a dump goes: lines of text for people or objects for programs, and what does not agree.

#include <string>
#include <string_view>

#include "core/apps/kctl/text/json_text.h"

namespace ksim::kctl {

// How much is shown of a segment.
enum class Detail : uint8_t { summary, batches, records };

struct DumpOptions {
  Detail detail = Detail::batches;
  bool deep = false;      // verify what can be verified
  bool metadata = false;  // values are records of the metadata log, whatever the directory is called
};

class DumpSink {
 public:
  virtual ~DumpSink() = default;
  // `json` has "file" and "kind" in front; `text` is the same in words, without an end of line.
  virtual void show(const Json& json, const std::string& text) = 0;
  // Something of `file` does not agree with itself or with its neighbours.
  virtual void problem(const std::string& file, const std::string& what) = 0;
};

inline Json dump_object(std::string_view file, std::string_view kind) {
  return {{"file", file}, {"kind", kind}};
}

}  // namespace ksim::kctl
