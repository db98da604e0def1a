/* SPDX-License-Identifier: MIT */
/* sha1.h - SHA-1 (FIPS 180-4) of a message that fits into one block: up to 13 words. */
#ifndef FILCH_BENCH_SHA1_H
#define FILCH_BENCH_SHA1_H

#include <stdint.h>
#include <string.h>

enum { SHA1_WORDS = 5, SHA1_MESSAGE_MAX = 13 };

static inline uint32_t sha1_rotate(uint32_t value, int bits)
{
    return value << bits | value >> (32 - bits);
}

/* The message's words as numbers, and so the digest's: byte order has no part in it. */
static inline void sha1(const uint32_t *message, size_t words, uint32_t ret_digest[SHA1_WORDS])
{
    static const uint32_t start[SHA1_WORDS] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    uint32_t w[16] = {0};
    memcpy(w, message, words * sizeof *message);
    w[words] = 0x80000000;
    w[15] = (uint32_t)(words * 32);
    uint32_t a = start[0], b = start[1], c = start[2], d = start[3], e = start[4];
    /* Unrolled, so that the schedule's sixteen words and the five of the state stay in registers where they can. */
#define SHA1_ROUNDS(from, f, k)                                                                                        \
    _Pragma("GCC unroll 20") for (int i = from; i < (from) + 20; i++)                                                  \
    {                                                                                                                  \
        if (i >= 16)                                                                                                   \
            w[i % 16] = sha1_rotate(w[(i + 13) % 16] ^ w[(i + 8) % 16] ^ w[(i + 2) % 16] ^ w[i % 16], 1);              \
        uint32_t next = sha1_rotate(a, 5) + (f) + e + (k) + w[i % 16];                                                 \
        e = d;                                                                                                         \
        d = c;                                                                                                         \
        c = sha1_rotate(b, 30);                                                                                        \
        b = a;                                                                                                         \
        a = next;                                                                                                      \
    }
    SHA1_ROUNDS(0, (b & c) | (~b & d), 0x5a827999)
    SHA1_ROUNDS(20, b ^ c ^ d, 0x6ed9eba1)
    SHA1_ROUNDS(40, (b & c) | (b & d) | (c & d), 0x8f1bbcdc)
    SHA1_ROUNDS(60, b ^ c ^ d, 0xca62c1d6)
#undef SHA1_ROUNDS
    uint32_t sums[SHA1_WORDS] = {start[0] + a, start[1] + b, start[2] + c, start[3] + d, start[4] + e};
    memcpy(ret_digest, sums, sizeof sums);
}

#endif
