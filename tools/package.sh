#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the Debian packages gfs-compiler, gfs-runtime and gfs-bench into build/release/packages, and prints what each
# holds and needs. Usage: tools/package.sh ["Name <mail@example.org>"], who vouches for them.
set -euo pipefail
cd "$(dirname "$0")/.."

tools/install.sh
command -v dpkg-shlibdeps >/dev/null || {
  echo "package: error: dpkg-shlibdeps is missing" >&2
  echo "  hint: apt-get install dpkg-dev" >&2
  exit 1
}
cmake --preset release ${1:+"-DGFS_PACKAGE_CONTACT=$1"} >/dev/null
cmake --build --preset release --target gfs_programs >/dev/null
rm -rf build/release/packages
log=build/release/package.log
(cd build/release && cpack -G DEB) >"$log" 2>&1 || {
  cat "$log" >&2
  exit 1
}
for package in build/release/packages/*.deb; do
  echo "$package, $(du -h "$package" | cut -f1)"
  echo "  programs: $(dpkg-deb -c "$package" | sed -n 's|.*\./usr/bin/||p' | grep . | paste -sd' ')"
  echo "  depends:  $(dpkg-deb -f "$package" Depends)"
done
