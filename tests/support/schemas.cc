// SPDX-License-Identifier: BSL-1.0
#include "schemas.hh"

#include "paths.hh"
#include "run_program.hh"

namespace leakdir_test {

namespace {

bool succeeds(const std::string& command) { return run({{"sh", "-c", command}, "", {}, "", 60}).exited_with(0); }

// A python that has the module. Debian's package is for Debian's own python, which another one may stand before.
std::string python_with(const std::string& module) {
  for (const char* one : {"python3", "/usr/bin/python3"})
    if (succeeds(std::string(one) + " -c 'import " + module + "'")) return one;
  return {};
}

constexpr char kJsonSchema[] = "jsonschema", kOpenMetrics[] = "prometheus_client.openmetrics.parser";

constexpr char kValidate[] = R"(
import json, jsonschema, sys
schema, document = (json.load(open(file)) for file in sys.argv[1:])
validator = jsonschema.Draft4Validator(schema)
validator.check_schema(schema)
faults = [f'{list(fault.absolute_path)}: {fault.message}' for fault in validator.iter_errors(document)]
print('\n'.join(faults), end='')
sys.exit(bool(faults))
)";

constexpr char kParse[] = R"(
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
assert [family.name for family in parse(open(sys.argv[1]).read())]
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
  return python_with(kJsonSchema).empty() ? "there is no python3-jsonschema" : "";
}

std::string faults_of_junit(const std::string& file) {
  std::string faults;
  for (const char* schema : {"/JUnit.xsd", "/jenkins-junit.xsd"})
    faults += faults_by(
        {{"xmllint", "--nonet", "--noout", "--schema", std::string(kJunitSchemas) + schema, file}, "", {}, "", 60});
  return faults;
}

std::string faults_of_sarif(const std::string& file) {
  return faults_by({{python_with(kJsonSchema), "-c", kValidate, kSarifSchema, file}, "", {}, "", 60});
}

std::string no_prometheus_reader() {
  return succeeds("command -v promtool") ? "" : "there is no promtool (Debian's prometheus)";
}

std::string no_openmetrics_reader() {
  return python_with(kOpenMetrics).empty() ? "there is no python3-prometheus-client" : "";
}

// It warns of what is not as it should be, too.
std::string faults_of_prometheus(const std::string& file) {
  const Outcome outcome = run({{"sh", "-c", "promtool check metrics <\"$0\"", file}, "", {}, "", 60});
  return outcome.exited_with(0) && outcome.out.empty() && outcome.err.empty() ? "" : outcome.describe();
}

std::string faults_of_openmetrics(const std::string& file) {
  return faults_by({{python_with(kOpenMetrics), "-c", kParse, file}, "", {}, "", 60});
}

}  // namespace leakdir_test
