/* SPDX-License-Identifier: MIT */
/* storm.h - how storm.c and the stress program that it surrounds are joined: included before each source of the latter,
 * whose main becomes load_main. */
#ifndef TESTS_STORM_H
#define TESTS_STORM_H

int load_main(int argc, char **argv);

#ifdef STORM_IS_LOAD
#define main load_main
#define TEST_FURTHER_SOURCE
#endif

#endif
