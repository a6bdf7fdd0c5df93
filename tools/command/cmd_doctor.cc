// SPDX-License-Identifier: BSL-1.0
//
// leakdir doctor: what the records of a program will be worth, before it is deployed.

#include "analyse/doctor.hh"
#include "base/output.hh"
#include "command.hh"
#include "common_options.hh"

namespace leakdir::tool {

namespace {

constexpr int kNoHooks = 3;  // as `check` says that there is nothing to trust

class DoctorCommand : public Command {
 public:
  void describe(CLI::App& app) override {
    add_argument(app, "BINARY", binary_, "The program, or a library of it");
    add_format(app, format_, {"text", "json"});
    add_color(app, color_);
    add_debug_paths(app, options_);
    add_footer(
        app,
        "Exit status: 0 records will be made; 3 they will not: leakdir's hooks are not in it; 1 could not (not a\n"
        "program); 2 usage.");
  }

  int run() override {
    const Diagnosis diagnosis = examine(binary_, options_);
    Output output("");
    output.write(format_ == "json" ? diagnosis_json(diagnosis) : diagnosis_text(diagnosis, wants_colour(color_, "")));
    output.finish();
    return diagnosis.needs_hooks && !diagnosis.has_hooks ? kNoHooks : 0;
  }

 private:
  std::string binary_, format_ = "text", color_ = "auto";
  SymbolOptions options_;
};

}  // namespace

std::unique_ptr<Command> make_doctor() { return std::make_unique<DoctorCommand>(); }

}  // namespace leakdir::tool
