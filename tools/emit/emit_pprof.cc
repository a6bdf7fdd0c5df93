// SPDX-License-Identifier: BSL-1.0
//
// The report for pprof: a gzip'd protocol buffer, whose specification is profile.proto of
// https://github.com/google/pprof. Here as there, everything is named by its number: texts by their index in one
// table, mappings, locations and functions by an id that starts at 1.

#include <fmt/format.h>
#include <zlib.h>

#include <iterator>
#include <limits>
#include <map>
#include <new>
#include <protozero/pbf_builder.hpp>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "base/error.hh"
#include "base/words.hh"
#include "emit.hh"
#include "frame_names.hh"

namespace leakdir::tool {

namespace {

enum class ProfileField : protozero::pbf_tag_type {
  kSampleType = 1,
  kSample = 2,
  kMapping = 3,
  kLocation = 4,
  kFunction = 5,
  kString = 6,
  kTimeNanos = 9,
  kDurationNanos = 10,
  kPeriodType = 11,
  kPeriod = 12,
  kComment = 13,
  kDefaultSampleType = 14,
};
enum class ValueTypeField : protozero::pbf_tag_type { kType = 1, kUnit = 2 };
enum class SampleField : protozero::pbf_tag_type { kLocations = 1, kValues = 2, kLabel = 3 };
enum class LabelField : protozero::pbf_tag_type { kKey = 1, kText = 2 };
enum class MappingField : protozero::pbf_tag_type {
  kId = 1,
  kStart = 2,
  kLimit = 3,
  kFile = 5,
  kBuildId = 6,
  kHasFunctions = 7,
  kHasFiles = 8,
  kHasLines = 9,
  kHasInlined = 10,
};
enum class LocationField : protozero::pbf_tag_type { kId = 1, kMapping = 2, kAddress = 3, kLine = 4 };
enum class LineField : protozero::pbf_tag_type { kFunction = 1, kLine = 2 };
enum class FunctionField : protozero::pbf_tag_type { kId = 1, kName = 2, kSystemName = 3, kFile = 4 };

template <class Field>
using Message = protozero::pbf_builder<Field>;

class Profile {
 public:
  explicit Profile(const Report& report)
      : report_(report), snapshot_(report.snapshot), names_(report), location_of_(snapshot_.frames.size()) {
    text("");  // index 0 is the empty text, always
  }

  std::string make() {
    add_value_type(ProfileField::kSampleType, "inuse_objects", "count");
    add_value_type(ProfileField::kSampleType, "inuse_space", "bytes");
    if (snapshot_.sample_bytes != 0) {
      add_value_type(ProfileField::kPeriodType, "space", "bytes");
      profile_.add_int64(ProfileField::kPeriod, static_cast<std::int64_t>(snapshot_.sample_bytes));
    }
    profile_.add_int64(ProfileField::kDefaultSampleType, text("inuse_space"));
    number_mappings();
    for (std::size_t i = 0; i < report_.shown; ++i) add_group(report_.grouped.groups[i]);
    const Sum rest = not_shown(report_);
    if (rest.stacks != 0) add_sample({named_location(kNotShown)}, rest.all, {});
    for (std::uint32_t module : mappings_) add_mapping(module);
    profile_.add_int64(ProfileField::kTimeNanos, snapshot_.end_ns);
    if (snapshot_.start_ns != 0)
      profile_.add_int64(ProfileField::kDurationNanos, snapshot_.end_ns - snapshot_.start_ns);
    std::string comment = "leakdir: " + printable(snapshot_.program);
    if (!snapshot_.from_records) comment += fmt::format(", pid {}, {}", snapshot_.pid, name_of(snapshot_.state));
    add_comment(comment);
    if (snapshot_.sample_bytes != 0)
      add_comment(fmt::format("{}; what is here is estimated from {}, {}", about_sample(snapshot_.sample_bytes),
                              count_of(report_.grouped.blocks, "block"), bytes_of(report_.grouped.bytes)));
    for (const auto& warning : with_damage(snapshot_, report_.warnings)) add_comment("warning: " + printable(warning));
    for (const auto& text : texts_) profile_.add_string(ProfileField::kString, text);
    return data_;
  }

 private:
  std::int64_t text(const std::string& text) {
    auto [at, is_new] = text_of_.try_emplace(text, static_cast<std::int64_t>(texts_.size()));
    if (is_new) texts_.push_back(text);
    return at->second;
  }

  void add_value_type(ProfileField field, const char* type, const char* unit) {
    Message<ValueTypeField> message(profile_, field);
    message.add_int64(ValueTypeField::kType, text(type));
    message.add_int64(ValueTypeField::kUnit, text(unit));
  }

  void add_comment(const std::string& comment) { profile_.add_int64(ProfileField::kComment, text(comment)); }

  // The first mapping is the program's: pprof takes it for the name of the whole.
  void number_mappings() {
    for (bool is_program : {true, false})
      for (std::uint32_t i = 0; i < snapshot_.modules.size(); ++i)
        if (snapshot_.modules[i].is_program == is_program) mappings_.push_back(i);
    mapping_of_.resize(snapshot_.modules.size());
    found_in_.resize(snapshot_.modules.size());
    for (std::size_t i = 0; i < mappings_.size(); ++i) mapping_of_[mappings_[i]] = i + 1;
  }

  void add_group(const Group& group) {
    std::vector<std::uint64_t> locations;
    for (std::uint32_t frame : frames_of(snapshot_, group.stack)) locations.push_back(location(frame));
    if (locations.empty()) locations.push_back(named_location(kNoStack));
    std::vector<std::pair<const char*, const char*>> labels = {{"call", ledger::kCallNames[group.call]}};
    if (group.reach != ledger::Reach::kUnknown)
      labels.emplace_back("kind", ledger::kReachWords[static_cast<std::size_t>(group.reach)]);
    add_sample(locations, group.all, labels);
  }

  // The values are of all blocks, estimated where those are a sample: so do other heap profilers.
  void add_sample(const std::vector<std::uint64_t>& locations, const Estimate& all,
                  const std::vector<std::pair<const char*, const char*>>& labels) {
    const std::int64_t values[] = {static_cast<std::int64_t>(all.whole_blocks()),
                                   static_cast<std::int64_t>(all.whole_bytes())};
    Message<SampleField> message(profile_, ProfileField::kSample);
    message.add_packed_uint64(SampleField::kLocations, locations.begin(), locations.end());
    message.add_packed_int64(SampleField::kValues, std::begin(values), std::end(values));
    for (const auto& [key, value] : labels) {
      Message<LabelField> label(message, SampleField::kLabel);
      label.add_int64(LabelField::kKey, text(key));
      label.add_int64(LabelField::kText, text(value));
    }
  }

  // What is known of a module's code: what we say that we did not find, pprof looks up itself.
  struct Found {
    bool functions = false, files = false, lines = false, inlined = false;
  };

  std::uint64_t location(std::uint32_t index) {
    std::uint64_t& id = location_of_[index];
    if (id != 0) return id;
    const Frame& frame = snapshot_.frames[index];
    if (frame.is_place) {
      const auto line = function(names_.of(index).front(), snapshot_.places[frame.module]);
      return id = add_location(kNone, 0, {{line, frame.pc}});
    }
    std::vector<Line> lines;
    const auto& known = report_.lines[index];
    for (std::size_t i = 0; i < known.size(); ++i) {
      lines.push_back({function(names_.of(index)[i], known[i].file, known[i].linkage), known[i].line});
      if (frame.module == kNone) continue;
      Found& found = found_in_[frame.module];
      found.functions |= !known[i].function.empty();
      found.files |= !known[i].file.empty();
      found.lines |= known[i].line != 0;
      found.inlined |= known[i].inlined;
    }
    // The call, not the address that it returns to, which may be in the next function.
    return id = add_location(frame.module, frame.is_exact ? frame.pc : frame.pc - 1, lines);
  }

  // A location that is only a name.
  std::uint64_t named_location(const char* name) { return add_location(kNone, 0, {{function(name, ""), 0}}); }

  struct Line {
    std::uint64_t function, line;
  };

  std::uint64_t add_location(std::uint32_t module, std::uint64_t address, const std::vector<Line>& lines) {
    Message<LocationField> message(profile_, ProfileField::kLocation);
    message.add_uint64(LocationField::kId, ++locations_);
    if (module != kNone) message.add_uint64(LocationField::kMapping, mapping_of_[module]);
    message.add_uint64(LocationField::kAddress, address);
    for (const auto& line : lines) {
      Message<LineField> part(message, LocationField::kLine);
      part.add_uint64(LineField::kFunction, line.function);
      part.add_int64(LineField::kLine, static_cast<std::int64_t>(line.line));
    }
    return locations_;
  }

  // Where both names are the same, pprof takes them for mangled and cuts what looks like C++: all instances of a
  // template would be one function, and operator()() const would be "operator const". So the system name is what the
  // linker has, if that is another one, or none.
  std::uint64_t function(const std::string& name, const std::string& file, const std::string& linkage = {}) {
    const std::string system_name = linkage == name ? std::string() : printable(linkage);
    auto [at, is_new] = function_of_.try_emplace({name, system_name, file}, function_of_.size() + 1);
    if (!is_new) return at->second;
    Message<FunctionField> message(profile_, ProfileField::kFunction);
    message.add_uint64(FunctionField::kId, at->second);
    message.add_int64(FunctionField::kName, text(name));
    if (!system_name.empty()) message.add_int64(FunctionField::kSystemName, text(system_name));
    message.add_int64(FunctionField::kFile, text(printable(file)));
    return at->second;
  }

  void add_mapping(std::uint32_t index) {
    const Module& module = snapshot_.modules[index];
    const Found& found = found_in_[index];
    Message<MappingField> message(profile_, ProfileField::kMapping);
    message.add_uint64(MappingField::kId, mapping_of_[index]);
    message.add_uint64(MappingField::kStart, module.start);
    message.add_uint64(MappingField::kLimit, module.end);
    message.add_int64(MappingField::kFile, text(printable(module.path)));
    message.add_int64(MappingField::kBuildId, text(hex_of_bytes(module.build_id)));
    message.add_bool(MappingField::kHasFunctions, found.functions);
    message.add_bool(MappingField::kHasFiles, found.files);
    message.add_bool(MappingField::kHasLines, found.lines);
    message.add_bool(MappingField::kHasInlined, found.inlined);
  }

  const Report& report_;
  const Snapshot& snapshot_;
  FrameNames names_;
  std::string data_;
  Message<ProfileField> profile_{data_};
  std::vector<std::string> texts_;
  std::unordered_map<std::string, std::int64_t> text_of_;
  std::vector<std::uint32_t> mappings_;     // modules, in the order of their ids
  std::vector<std::uint64_t> mapping_of_;   // by module
  std::vector<Found> found_in_;             // by module
  std::vector<std::uint64_t> location_of_;  // by frame; 0: not yet made
  std::uint64_t locations_ = 0;
  std::map<std::tuple<std::string, std::string, std::string>, std::uint64_t> function_of_;  // by its names and its file
};

std::string gzipped(const std::string& data) {
  if (data.size() >= std::numeric_limits<uInt>::max()) throw Error("the profile is too large to be compressed");
  z_stream stream{};
  constexpr int kGzip = 16;  // added to the size of the window, it asks for gzip's header
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + kGzip, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::bad_alloc();
  std::string out(deflateBound(&stream, data.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int status = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (status != Z_STREAM_END) throw Error("the profile cannot be compressed");
  return out;
}

}  // namespace

void emit_pprof(const Report& report, const Sink& sink) { sink(gzipped(Profile(report).make())); }

}  // namespace leakdir::tool
