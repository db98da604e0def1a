# SPDX-License-Identifier: MIT
# aarch64.cmake - toolchain file: Debian's cross compiler for 64-bit Arm; programs run under qemu-user.
#
# liburcu is not among Debian's cross packages: script/test-aarch64 unpacks those for arm64 into FILCH_SYSROOT. Compiler,
# libc and emulator are the machine's.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)

set(FILCH_SYSROOT ${CMAKE_CURRENT_LIST_DIR}/../build/aarch64-sysroot CACHE PATH "Where liburcu for arm64 is unpacked")
get_filename_component(filch_sysroot ${FILCH_SYSROOT} ABSOLUTE)
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES FILCH_SYSROOT)

set(CMAKE_FIND_ROOT_PATH ${filch_sysroot} /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${filch_sysroot})
set(ENV{PKG_CONFIG_LIBDIR} ${filch_sysroot}/usr/lib/aarch64-linux-gnu/pkgconfig)

set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/aarch64-linux-gnu)
