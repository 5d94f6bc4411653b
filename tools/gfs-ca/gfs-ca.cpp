// SPDX-License-Identifier: Apache-2.0
// gfs-ca: a small certificate authority for two servers, a dealer and their clients.
#include "runtime/net/Certificates.h"
#include "tools/common/CommandLine.h"
#include "tools/common/Process.h"

#include <fstream>
#include <sstream>

using namespace gfs;

namespace {

struct Options {
  std::filesystem::path folder, out, file;
  std::string name = "GFS CA", role;
  std::vector<std::string> hosts;
  int days = 0;
  bool replace = false, quiet = false;
};

} // namespace

static std::chrono::hours days(int count) { return std::chrono::hours(24) * count; }

static std::string readText(const std::filesystem::path &path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  if (!file || !(text << file.rdbuf()))
    throw Error(ExitCode::InputUnreadable, fmt::format("{}: cannot be read", path.string()),
                "gfs-ca init makes an authority in a folder");
  return text.str();
}

static void init(const Options &options) {
  std::error_code failure;
  std::filesystem::create_directories(options.folder, failure);
  if (failure)
    throw Error(
        ExitCode::OutputUnwritable,
        fmt::format("{}: cannot be created: {}", options.folder.string(), failure.message()));
  CertifiedKey authority = createAuthority(options.name, days(options.days));
  StagedFiles files; // a certificate with another's key would be useless
  stagePemFile(files, options.folder / "ca.key", authority.privateKey, true, options.replace);
  stagePemFile(files, options.folder / "ca.crt", authority.certificate, false, options.replace);
  files.commit();
  if (!options.quiet)
    fmt::print("wrote {} (give it to every machine) and {} (keep it here)\n",
               (options.folder / "ca.crt").string(), (options.folder / "ca.key").string());
}

/// "client:alice" -> DIR/client-alice
static std::filesystem::path basePath(const Options &options) {
  if (!options.out.empty())
    return options.out;
  std::string name = options.role;
  std::replace(name.begin(), name.end(), ':', '-');
  return options.folder / name;
}

static void issue(const Options &options) {
  CertifiedKey authority{readText(options.folder / "ca.crt"), readText(options.folder / "ca.key")};
  CertificateRequest request;
  request.role = options.role;
  request.hosts = options.hosts;
  request.validFor = days(options.days);
  CertifiedKey key = issueCertificate(authority, request);
  std::string base = basePath(options).string();
  StagedFiles files;
  stagePemFile(files, base + ".key", key.privateKey, true, options.replace);
  stagePemFile(files, base + ".crt", key.certificate, false, options.replace);
  files.commit();
  const std::string end = readCertificate(base + ".crt").notAfter,
                    last = readCertificate(options.folder / "ca.crt").notAfter;
  if (end > last)
    fmt::print(stderr,
               "gfs-ca: WARNING: the authority ends before, on {}: nobody takes this certificate "
               "from then on\n",
               last);
  if (!options.quiet)
    fmt::print("wrote {0}.crt and {0}.key for {1}, valid {2} days\n", base, options.role,
               options.days);
}

static void show(const Options &options) {
  CertificateInfo info = readCertificate(options.file);
  std::string fingerprint;
  for (uint8_t byte : info.fingerprint)
    fingerprint += fmt::format("{:02x}", byte);
  fmt::print("role:        {}\nissuer:      {}\nhosts:       {}\nvalid from:  {}\nvalid until: "
             "{}{}\nsha256:      {}\n",
             info.role, info.issuer, fmt::join(info.hosts, ", "), info.notBefore, info.notAfter,
             info.expired ? " (expired)" : "", fingerprint);
}

int main(int argc, char **argv) {
  Options options;
  CLI::App app{
      "Makes certificates for GFS servers, dealers and clients. A certificate's name is its role.",
      "gfs-ca"};
  app.require_subcommand(1);
  app.footer("Examples:\n"
             "  gfs-ca init certs\n"
             "  gfs-ca issue certs --role server0 --host s0.example.org\n"
             "  gfs-ca issue certs --role client:alice --days 30\n"
             "  gfs-ca show certs/server0.crt");

  CLI::App *initCommand =
      app.add_subcommand("init", "Make a new authority: DIR/ca.crt and DIR/ca.key");
  initCommand->add_option("dir", options.folder, "Folder of the authority")->required();
  initCommand->add_option("--name", options.name, "Name of the authority")->capture_default_str();
  auto *initDays =
      initCommand->add_option("--days", options.days, "Validity in days (default 3650)")
          ->check(CLI::Range(1, 36500));

  CLI::App *issueCommand = app.add_subcommand("issue", "Certify a new key for a role");
  issueCommand->add_option("dir", options.folder, "Folder of the authority")->required();
  issueCommand->add_option("--role", options.role, "server0, server1, dealer or client:NAME")
      ->required();
  issueCommand->add_option("--host", options.hosts,
                           "Host name or address to list in the certificate, for other programs: "
                           "gfs programs check the role");
  issueCommand->add_option("--out", options.out, "Write OUT.crt and OUT.key (default DIR/ROLE)");
  auto *issueDays =
      issueCommand->add_option("--days", options.days, "Validity in days (default 90)")
          ->check(CLI::Range(1, 36500));

  CLI::App *showCommand =
      app.add_subcommand("show", "Print role, validity and fingerprint of a certificate");
  showCommand->add_option("certificate", options.file, "A .crt file")->required();

  for (CLI::App *command : {initCommand, issueCommand}) {
    command->add_flag("--force", options.replace, "Replace existing files");
    command->add_flag("-q,--quiet", options.quiet, "Print nothing on success");
  }
  if (std::optional<int> exitCode = parseCommandLine(app, argc, argv))
    return *exitCode;
  if (initDays->empty() && issueDays->empty())
    options.days = *initCommand ? 3650 : 90;
  return runTool("gfs-ca", [&] {
    keepMemoryPrivate();
    if (*initCommand)
      init(options);
    else if (*issueCommand)
      issue(options);
    else
      show(options);
  });
}
