/* SPDX-License-Identifier: MIT */
/* input.h - bytes to choices. When the bytes are used up, every choice is 0. */
#ifndef TESTS_FUZZ_INPUT_H
#define TESTS_FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct input {
    const uint8_t *at, *end;
};

static inline bool input_is_empty(const struct input *input)
{
    return input->at == input->end;
}

static inline unsigned input_byte(struct input *input)
{
    return input->at < input->end ? *input->at++ : 0;
}

/* One of `limit` choices, from one byte. */
static inline unsigned input_below(struct input *input, unsigned limit)
{
    return input_byte(input) % limit;
}

/* True once in `n` bytes. */
static inline bool input_rarely(struct input *input, unsigned n)
{
    return input_byte(input) % n == n - 1;
}

#endif
