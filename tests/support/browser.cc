// SPDX-License-Identifier: BSL-1.0
#include "browser.hh"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <stdexcept>

#include "run_program.hh"

namespace leakdir_test {
namespace {

constexpr int kPatienceMs = 60000;
constexpr char kProgram[] = "chromium-headless-shell";

std::string from_base64(const std::string& text) {
  std::string bytes;
  unsigned bits = 0, count = 0;
  static const std::string kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (const char c : text) {
    const size_t digit = kDigits.find(c);
    if (digit == std::string::npos) break;
    bits = bits << 6 | static_cast<unsigned>(digit);
    if (++count % 4 != 1) bytes += static_cast<char>(bits >> (6 - 2 * ((count - 1) % 4)) & 0xff);
  }
  return bytes;
}

}  // namespace

bool Browser::is_installed() {
  static const bool is_found =
      run({{"sh", "-c", std::string("command -v ") + kProgram}, "", {}, "", 60}).exited_with(0);
  return is_found;
}

Browser::Browser() {
  int to[2], from[2];
  if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) throw std::runtime_error("no pipes");
  const std::string profile = "--user-data-dir=" + profile_.path();
  pid_ = fork();
  if (pid_ < 0) throw std::runtime_error("no process");
  if (pid_ == 0) {
    setpgid(0, 0);
    // Above 4 first, so that neither is overwritten by the other.
    const int in = fcntl(to[0], F_DUPFD, 10), out = fcntl(from[1], F_DUPFD, 10);
    const int nothing = ::open("/dev/null", O_RDWR);
    for (const int descriptor : {0, 1, 2}) dup2(nothing, descriptor);
    dup2(in, 3);
    dup2(out, 4);
    close(in);
    close(out);
    // Root has no sandbox of its own; the only pages are our own.
    execlp(kProgram, kProgram, "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe",
           "--force-color-profile=srgb", profile.c_str(), "about:blank", nullptr);
    _exit(127);
  }
  setpgid(pid_, pid_);
  close(to[0]);
  close(from[1]);
  to_ = to[1];
  from_ = from[0];
  const nlohmann::json target = call("Target.createTarget", {{"url", "about:blank"}});
  session_ = call("Target.attachToTarget", {{"targetId", target.at("targetId")}, {"flatten", true}}).at("sessionId");
  for (const char* domain : {"Page", "Runtime", "Network", "Log"}) call(domain + std::string(".enable"));
}

Browser::~Browser() {
  kill(-pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  close(to_);
  close(from_);
}

nlohmann::json Browser::next_message() {
  size_t end;
  while ((end = received_.find('\0')) == std::string::npos) {
    pollfd event = {from_, POLLIN, 0};
    if (poll(&event, 1, kPatienceMs) == 0) throw std::runtime_error(std::string(kProgram) + " says nothing");
    char piece[65536];
    const ssize_t got = read(from_, piece, sizeof piece);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) throw std::runtime_error(std::string(kProgram) + " has ended, or was never there");
    received_.append(piece, static_cast<size_t>(got));
  }
  nlohmann::json message = nlohmann::json::parse(received_.substr(0, end));
  received_.erase(0, end + 1);
  return message;
}

void Browser::note(const nlohmann::json& event) {
  const std::string method = event.value("method", "");
  if (method == "Page.loadEventFired") is_loaded_ = true;
  if (method == "Network.requestWillBeSent") requests_.push_back(event.at("params").at("request").at("url"));
  if (method == "Runtime.exceptionThrown" || method == "Log.entryAdded") errors_.push_back(event.at("params").dump());
}

nlohmann::json Browser::call(const std::string& method, const nlohmann::json& parameters) {
  nlohmann::json message = {{"id", ++calls_}, {"method", method}, {"params", parameters}};
  if (!session_.empty()) message["sessionId"] = session_;
  const std::string text = message.dump() + '\0';
  for (size_t done = 0; done < text.size();) {
    const ssize_t wrote = write(to_, text.data() + done, text.size() - done);
    if (wrote < 0) throw std::runtime_error(std::string(kProgram) + " does not listen");
    done += static_cast<size_t>(wrote);
  }
  for (;;) {
    const nlohmann::json answer = next_message();
    note(answer);
    if (answer.value("id", 0) != calls_) continue;
    if (answer.contains("error")) throw std::runtime_error(method + ": " + answer.at("error").dump());
    return answer.at("result");
  }
}

void Browser::open(const std::string& path, int width, int height, bool is_dark) {
  call("Emulation.setDeviceMetricsOverride",
       {{"width", width}, {"height", height}, {"deviceScaleFactor", 1}, {"mobile", false}});
  const nlohmann::json features = {
      {{"name", "prefers-color-scheme"}, {"value", is_dark ? "dark" : "light"}},
      {{"name", "prefers-reduced-motion"}, {"value", "reduce"}},
  };
  call("Emulation.setEmulatedMedia", {{"features", features}});
  requests_.clear();
  errors_.clear();
  is_loaded_ = false;
  call("Page.navigate", {{"url", "file://" + path}});
  while (!is_loaded_) note(next_message());
}

nlohmann::json Browser::evaluate(const std::string& expression) {
  const nlohmann::json result =
      call("Runtime.evaluate", {{"expression", expression}, {"returnByValue", true}, {"awaitPromise", true}});
  if (result.contains("exceptionDetails")) throw std::runtime_error(expression + ": " + result.dump());
  return result.at("result").value("value", nlohmann::json());
}

bool Browser::becomes_true(const std::string& expression) {
  for (int waited_ms = 0; waited_ms < kPatienceMs; waited_ms += 20) {
    if (evaluate("!!(" + expression + ")") == true) return true;
    usleep(20000);
  }
  return false;
}

void Browser::click(const std::string& selector) {
  const nlohmann::json at =
      evaluate("(() => { const found = document.querySelector(" + nlohmann::json(selector).dump() +
               "); found.scrollIntoView({block: 'center', behavior: 'instant'});"
               " const box = found.getBoundingClientRect();"
               " return [box.x + box.width / 2, box.y + box.height / 2]; })()");
  for (const char* type : {"mouseMoved", "mousePressed", "mouseReleased"})
    call("Input.dispatchMouseEvent",
         {{"type", type}, {"x", at[0]}, {"y", at[1]}, {"button", "left"}, {"clickCount", 1}});
}

void Browser::type(const std::string& text) { call("Input.insertText", {{"text", text}}); }

void Browser::press(const std::string& key) {
  for (const char* type : {"keyDown", "keyUp"}) {
    nlohmann::json event = {{"type", type}, {"key", key}};
    if (key.size() == 1 && std::string(type) == "keyDown") event["text"] = key;
    call("Input.dispatchKeyEvent", event);
  }
}

void Browser::save_picture(const std::string& path) {
  const nlohmann::json picture = call("Page.captureScreenshot", {{"format", "png"}, {"captureBeyondViewport", true}});
  std::ofstream(path, std::ios::binary) << from_base64(picture.at("data"));
}

}  // namespace leakdir_test
