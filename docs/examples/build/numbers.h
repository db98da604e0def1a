/* SPDX-License-Identifier: MIT */
int number(int n);
const char *word(int n);
