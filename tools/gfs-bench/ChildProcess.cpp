// SPDX-License-Identifier: Apache-2.0
#include "tools/gfs-bench/ChildProcess.h"

#include "runtime/base/Error.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace gfs {

namespace {

/// A descriptor to be given to a child.
class OutputFile {
public:
  explicit OutputFile(const std::filesystem::path &path) {
    if (path.empty())
      return;
    descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (descriptor < 0)
      throw Error(ExitCode::OutputUnwritable,
                  fmt::format("{}: cannot be written: {}", path.string(), std::strerror(errno)),
                  "check the folder");
  }
  ~OutputFile() {
    if (descriptor >= 0)
      close(descriptor);
  }
  OutputFile(const OutputFile &) = delete;
  OutputFile &operator=(const OutputFile &) = delete;

  int descriptor = -1;
};

} // namespace

ChildProcess::ChildProcess(ChildOptions given) : options(std::move(given)) {
  const std::string &program = options.command.at(0);
  if (access(program.c_str(), X_OK) != 0)
    throw Error(ExitCode::InputUnreadable,
                fmt::format("{}: cannot be run: {}", program, std::strerror(errno)),
                "check that it is an executable");
  OutputFile output(options.output), errors(options.errors);
  std::vector<char *> arguments;
  for (std::string &argument : options.command)
    arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (options.core)
    CPU_SET(*options.core, &cores);

  pid = fork();
  if (pid < 0)
    throw Error(ExitCode::Failure,
                fmt::format("{}: cannot be started: {}", program, std::strerror(errno)),
                "end other programs");
  if (pid == 0) { // Only system calls from here on: other threads may have held locks.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigset_t none; // what we watch for, the child may want to end by
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    if (output.descriptor >= 0)
      dup2(output.descriptor, STDOUT_FILENO);
    if (errors.descriptor >= 0)
      dup2(errors.descriptor, STDERR_FILENO);
    if (options.core)
      sched_setaffinity(0, sizeof(cores), &cores);
    execv(arguments[0], arguments.data());
    _exit(127);
  }
}

ChildProcess::~ChildProcess() {
  if (pid > 0) {
    kill(pid, SIGKILL);
    wait();
  }
}

static int exitCodeOf(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool ChildProcess::running() {
  int status = 0;
  if (pid > 0 && waitpid(pid, &status, WNOHANG) == pid) {
    exitCode = exitCodeOf(status);
    pid = -1;
  }
  return pid > 0;
}

int ChildProcess::wait() {
  int status = 0;
  while (pid > 0) {
    if (waitpid(pid, &status, 0) == pid) {
      exitCode = exitCodeOf(status);
      pid = -1;
    } else if (errno != EINTR) {
      break;
    }
  }
  return exitCode;
}

/// From the process's own accounts: those that wait() could give count our memory before exec, too.
uint64_t ChildProcess::peakBytes() const {
  std::ifstream file(fmt::format("/proc/{}/status", pid));
  for (std::string word; file >> word;)
    if (uint64_t kilobytes = 0; word == "VmHWM:" && file >> kilobytes)
      return 1024 * kilobytes;
  return 0;
}

std::string ChildProcess::lastError() const {
  std::ifstream file(options.errors);
  std::string last;
  for (std::string line; std::getline(file, line);)
    if (line.find("error") != std::string::npos || line.find("Error") != std::string::npos)
      last = line;
  return last.empty() ? "it gave no reason" : last;
}

std::filesystem::path siblingProgram(const std::string &name) {
  std::error_code failure;
  std::filesystem::path path =
      std::filesystem::read_symlink("/proc/self/exe", failure).replace_filename(name);
  if (failure || !std::filesystem::exists(path))
    throw Error(ExitCode::InputUnreadable,
                fmt::format("{} is not beside gfs-bench ({})", name, path.string()),
                "build or install all tools");
  return path;
}

std::optional<unsigned> coreOf(unsigned party) {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0 || CPU_COUNT(&allowed) < 2)
    return std::nullopt;
  for (unsigned core = 0, seen = 0; core < CPU_SETSIZE; ++core)
    if (CPU_ISSET(core, &allowed) && seen++ == party)
      return core;
  return std::nullopt;
}

} // namespace gfs
