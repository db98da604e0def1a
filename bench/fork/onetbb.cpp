// SPDX-License-Identifier: MIT
// onetbb.cpp - a kernel, which is C, compiled as C++ for oneTBB.
#define FORK_ON_ONETBB
#include FORK_KERNEL
