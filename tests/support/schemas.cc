// SPDX-License-Identifier: BSL-1.0
#include "schemas.hh"

#include "paths.hh"
#include "run_program.hh"

namespace leakdir_test {

namespace {

bool succeeds(const std::string& command) { return run({{"sh", "-c", command}, "", {}, "", 60}).exited_with(0); }

// Debian's package is for Debian's own python, which another one may stand before.
std::string python() {
  for (const char* one : {"python3", "/usr/bin/python3"})
    if (succeeds(std::string(one) + " -c 'import jsonschema'")) return one;
  return {};
}

constexpr char kValidate[] = R"(
import json, jsonschema, sys
schema, document = (json.load(open(file)) for file in sys.argv[1:])
validator = jsonschema.Draft4Validator(schema)
validator.check_schema(schema)
faults = [f'{list(fault.absolute_path)}: {fault.message}' for fault in validator.iter_errors(document)]
print('\n'.join(faults), end='')
sys.exit(bool(faults))
)";

// What it said where it did not succeed.
std::string faults_by(const Command& reader) {
  const Outcome outcome = run(reader);
  return outcome.exited_with(0) ? "" : outcome.describe();
}

}  // namespace

std::string no_junit_reader() {
  if (kJunitSchemas[0] == '\0') return "meson could not fetch the schemas of JUnit's XML";
  return succeeds("command -v xmllint") ? "" : "there is no xmllint (libxml2-utils)";
}

std::string no_sarif_reader() {
  if (kSarifSchema[0] == '\0') return "meson could not fetch the schema of SARIF";
  return python().empty() ? "there is no python3-jsonschema" : "";
}

std::string faults_of_junit(const std::string& file) {
  std::string faults;
  for (const char* schema : {"/JUnit.xsd", "/jenkins-junit.xsd"})
    faults += faults_by(
        {{"xmllint", "--nonet", "--noout", "--schema", std::string(kJunitSchemas) + schema, file}, "", {}, "", 60});
  return faults;
}

std::string faults_of_sarif(const std::string& file) {
  return faults_by({{python(), "-c", kValidate, kSarifSchema, file}, "", {}, "", 60});
}

}  // namespace leakdir_test
