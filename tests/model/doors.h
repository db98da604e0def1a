/* SPDX-License-Identifier: MIT */
/* doors.h - read before every source of the runtime and of the models (-include): what they take from the C library
 * goes to the checker instead.
 *
 * Object-like macros, so that members of these names are renamed alike everywhere.
 */
#ifndef TESTS_MODEL_DOORS_H
#define TESTS_MODEL_DOORS_H

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

void *model_malloc(size_t size);
void model_free(void *memory);
void *model_aligned_alloc(size_t alignment, size_t size);
void *model_memset(void *memory, int value, size_t size);
void *mc_memcpy(void *to, const void *from, size_t size);
void *mc_memmove(void *to, const void *from, size_t size);
int *model_errno_location(void);
int model_pthread_join(pthread_t thread, void **ret_value);
int model_pthread_once(pthread_once_t *once, void (*run)(void));

#define malloc model_malloc
#define aligned_alloc model_aligned_alloc
#define free model_free
#define __errno_location model_errno_location
#define memset model_memset
#define memcpy mc_memcpy
#define memmove mc_memmove
#define pthread_join model_pthread_join
#define pthread_once model_pthread_once

#endif
