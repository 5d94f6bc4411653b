// SPDX-License-Identifier: Apache-2.0
#include "tools/gfs-bench/CertificateFolder.h"

#include <algorithm>

namespace gfs {

static constexpr std::chrono::hours lifetime(1);

CertificateFolder::CertificateFolder() : authority(createAuthority("gfs-bench", lifetime)) {
  writePemFile(folder.path() / "ca.crt", authority.certificate, false, false);
}

TlsFiles CertificateFolder::issue(const std::string &role) const {
  CertifiedKey key = issueCertificate(authority, {role, {"127.0.0.1"}, lifetime, lifetime});
  std::string name = role;
  std::replace(name.begin(), name.end(), ':', '-');
  TlsFiles files{folder.path() / "ca.crt", folder.path() / (name + ".crt"),
                 folder.path() / (name + ".key")};
  writePemFile(files.certificate, key.certificate, false, false);
  writePemFile(files.key, key.privateKey, true, false);
  return files;
}

} // namespace gfs
