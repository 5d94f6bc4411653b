// SPDX-License-Identifier: Apache-2.0
// Flags that say how a tool protects its connections; the same for servers and clients.
#pragma once

#include "runtime/net/Security.h"
#include "tools/common/CommandLine.h"
#include "tools/common/Process.h"

namespace gfs {

class LinkFlags {
public:
  void addTo(CLI::App &app) {
    app.add_option("--cert", files.certificate, "Own certificate (gfs-ca issue)")
        ->group("Connection");
    app.add_option("--cert-key", files.key, "Private key of the certificate")->group("Connection");
    app.add_option("--ca", files.ca, "Certificate of the authority both ends trust")
        ->group("Connection");
    app.add_flag("--insecure-plaintext", plaintext,
                 "No TLS at all: anybody on the network can read and forge everything")
        ->group("Connection");
  }

  /// `plaintextRole`: what to call ourselves without a certificate.
  std::shared_ptr<const Security> make(const char *tool, const std::string &plaintextRole) const {
    bool anyFile = !files.certificate.empty() || !files.key.empty() || !files.ca.empty();
    if (plaintext && anyFile)
      throw Error(ExitCode::Usage, "--insecure-plaintext contradicts --cert, --cert-key and --ca",
                  "choose one");
    if (plaintext) {
      fmt::print(stderr,
                 "{}: WARNING: --insecure-plaintext: connections are neither encrypted nor "
                 "authenticated. Whoever reads both\n"
                 "{}: WARNING: links to the servers learns every input and output. For tests on "
                 "one machine only.\n",
                 tool, tool);
      return Security::plaintext(plaintextRole);
    }
    if (files.certificate.empty() || files.key.empty() || files.ca.empty())
      throw Error(ExitCode::Usage, "--cert, --cert-key and --ca are needed",
                  "gfs-ca init and gfs-ca issue make them");
    warnIfExposed(tool, files.key);
    return Security::tls(files);
  }

private:
  TlsFiles files;
  bool plaintext = false;
};

} // namespace gfs
