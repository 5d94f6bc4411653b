// SPDX-License-Identifier: Apache-2.0
// Certificates for an hour, for servers and a client on this machine.
#pragma once

#include "runtime/net/Certificates.h"
#include "tools/common/TemporaryFolder.h"

namespace gfs {

/// A temporary folder with an authority and what it issues; removed with the object.
class CertificateFolder {
public:
  /// Errors: OutputUnwritable.
  CertificateFolder();

  /// Issues a certificate for `role` on loopback.
  TlsFiles issue(const std::string &role) const;

private:
  CertifiedKey authority;
  TemporaryFolder folder;
};

} // namespace gfs
