// wire_gen OUT_DIR FILES_PER_UNIT SCHEMA...: writes the C++ of the schemas, in the order given.

#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>

#include "core/wire/gen/emit.h"

namespace {

namespace fs = std::filesystem;
using ksim::wire::gen::File;

std::string read_text(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) throw ksim::wire::gen::SchemaError{"cannot read " + path.string()};
  return text.str();
}

// Leaves a file alone whose content would not change, so that nothing that includes it is built again.
void write_text(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  if (fs::exists(path) && read_text(path) == text) return;
  std::ofstream out(path, std::ios::binary);
  out << text;
  out.close();
  if (!out) throw ksim::wire::gen::SchemaError{"cannot write " + path.string()};
}

void check_unique(const std::vector<File>& files) {
  std::set<std::string> names;
  for (const File& file : files)
    for (const auto& message : file.messages)
      for (const auto& structure : message.structs)
        if (!names.insert(structure.name).second)
          throw ksim::wire::gen::SchemaError{file.stem + ".msg: structure " + structure.name +
                                             " exists in another file"};
}

void generate(const fs::path& out, size_t files_per_unit, const std::vector<fs::path>& schemas) {
  std::vector<File> files;
  for (const fs::path& path : schemas)
    files.push_back(ksim::wire::gen::parse(path.stem().string(), read_text(path)));
  check_unique(files);
  const fs::path messages = out / "core/wire/messages";
  for (const File& file : files) write_text(messages / (file.stem + ".h"), emit_header(file));
  for (size_t first = 0, unit = 0; first < files.size(); first += files_per_unit, ++unit) {
    std::vector<const File*> group;
    for (size_t i = first; i < files.size() && i < first + files_per_unit; ++i) group.push_back(&files[i]);
    write_text(messages / ("codec_" + std::to_string(unit) + ".cpp"), emit_codecs(group));
    write_text(messages / ("tables_" + std::to_string(unit) + ".cpp"), emit_tables(group));
  }
  write_text(messages / "message_list.cpp", emit_message_list(files));
  write_text(messages / "apis.inc", emit_api_list(files));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: wire_gen OUT_DIR FILES_PER_UNIT SCHEMA...\n";
    return 2;
  }
  try {
    generate(argv[1], std::stoul(argv[2]), std::vector<fs::path>(argv + 3, argv + argc));
  } catch (const ksim::wire::gen::SchemaError& error) {
    std::cerr << "wire_gen: " << error.text << "\n";
    return 1;
  }
  return 0;
}
