# SPDX-License-Identifier: Apache-2.0
# Finds MLIR 22 and offers gfs_add_dialect() and gfs_add_passes().
find_package(MLIR REQUIRED CONFIG HINTS /usr/lib/llvm-22/lib/cmake/mlir)
if(NOT LLVM_VERSION_MAJOR EQUAL 22)
  message(FATAL_ERROR "GFS needs MLIR 22 (libmlir-22-dev), found ${LLVM_VERSION_MAJOR}")
endif()
set(MLIR_BINARY_DIR ${CMAKE_BINARY_DIR})
list(APPEND CMAKE_MODULE_PATH "${MLIR_CMAKE_DIR}" "${LLVM_CMAKE_DIR}")
include(TableGen)
include(AddLLVM)
include(AddMLIR)
include_directories(SYSTEM ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})

# MLIR's shared library does not carry LLVM, so name both; the archives must never be added beside them.
add_library(gfs_mlir INTERFACE)
target_link_libraries(gfs_mlir INTERFACE MLIR LLVM)

# gfs_add_dialect(Nn nn): tables of dialects/nn/NnOps.td; sources are added by the caller.
# Makes the target GfsNnTables, on which everything that includes the dialect's headers depends.
function(gfs_add_dialect name namespace)
  set(LLVM_TARGET_DEFINITIONS ${name}Ops.td)
  mlir_tablegen(${name}Dialect.h.inc -gen-dialect-decls -dialect=${namespace})
  mlir_tablegen(${name}Dialect.cpp.inc -gen-dialect-defs -dialect=${namespace})
  mlir_tablegen(${name}Types.h.inc -gen-typedef-decls -typedefs-dialect=${namespace})
  mlir_tablegen(${name}Types.cpp.inc -gen-typedef-defs -typedefs-dialect=${namespace})
  mlir_tablegen(${name}Enums.h.inc -gen-enum-decls)
  mlir_tablegen(${name}Enums.cpp.inc -gen-enum-defs)
  mlir_tablegen(${name}Ops.h.inc -gen-op-decls)
  mlir_tablegen(${name}Ops.cpp.inc -gen-op-defs)
  add_public_tablegen_target(Gfs${name}Tables)
endfunction()

# gfs_add_passes(GfsNnPasses Passes.td BalanceSums.cpp ...): a library of passes and the declarations of its table, Passes.h.inc.
# The target GfsNnPassesTables makes those; registration functions are named after the library, without "Passes".
function(gfs_add_passes library table)
  get_filename_component(stem ${table} NAME_WE)
  string(REGEX REPLACE "Passes$" "" group ${library})
  set(LLVM_TARGET_DEFINITIONS ${table})
  mlir_tablegen(${stem}.h.inc -gen-pass-decls -name ${group})
  add_public_tablegen_target(${library}Tables)
  add_library(${library} ${ARGN})
  add_dependencies(${library} ${library}Tables)
endfunction()
