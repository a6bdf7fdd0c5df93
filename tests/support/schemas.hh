// SPDX-License-Identifier: BSL-1.0
//
// What independent readers say of the formats of `leakdir check` and `leakdir metrics`: xmllint by two published
// schemas of JUnit's XML, Python's jsonschema by the published schema of SARIF 2.1.0 (meson fetches the schemas, see
// subprojects/*.wrap), promtool, and Prometheus' own parser of OpenMetrics in Python.

#pragma once

#include <string>

namespace leakdir_test {

// Why it cannot be asked here, in words; empty: it can.
std::string no_junit_reader();
std::string no_sarif_reader();
std::string no_prometheus_reader();
std::string no_openmetrics_reader();

// What is wrong with the file; empty: nothing.
std::string faults_of_junit(const std::string& file);
std::string faults_of_sarif(const std::string& file);
std::string faults_of_prometheus(const std::string& file);
std::string faults_of_openmetrics(const std::string& file);

}  // namespace leakdir_test
