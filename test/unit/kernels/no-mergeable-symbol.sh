#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fails if an object compiled for a newer CPU defines a symbol the linker may merge with another file's.
# Usage: no-mergeable-symbol.sh NM OBJECT…; objects of no particular CPU are skipped.
nm=$1
shift
status=0
for object in "$@"; do
  case $object in
  *Avx*.o | *Amx*.o | *AesNi*.o | *AesVaes*.o)
    if "$nm" -C --defined-only "$object" | grep -E ' [uVvWw] '; then
      echo "defined in $object"
      status=1
    fi
    ;;
  esac
done
exit $status
