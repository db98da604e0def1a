/* SPDX-License-Identifier: MIT */
/* use.cpp - typed tasks in C++17: compiled without extensions and with many warnings, then run. */
#include <filch/filch.h>
#include <filch/fork.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <vector>

namespace {

enum class direction : signed char { up, down };

struct span {
    const double *first, *last;
};

using four = std::array<double, 4>;

void require(bool condition, const char *what)
{
    if (condition)
        return;
    std::fprintf(stderr, "not so: %s\n", what);
    std::abort();
}

} // namespace

FILCH_TASK(double, sum, (span, numbers))
{
    if (numbers.last - numbers.first < 100)
        return std::accumulate(numbers.first, numbers.last, 0.0);
    const double *middle = numbers.first + (numbers.last - numbers.first) / 2;
    FILCH_SPAWN(sum, (span{numbers.first, middle}));
    const double right = FILCH_CALL(sum, (span{middle, numbers.last}));
    return FILCH_SYNC(sum) + right;
}

FILCH_TASK(four, turned, (four, a), (direction, way))
{
    return way == direction::up ? a : four{a[3], a[2], a[1], a[0]};
}

FILCH_VOID_TASK(count, (std::atomic<int> *, counter), (bool, twice))
{
    *counter += twice ? 2 : 1;
}

FILCH_TASK_LOCAL(bool, is_odd, (unsigned, n));

FILCH_TASK(bool, is_even, (unsigned, n))
{
    if (n == 0)
        return true;
    FILCH_SPAWN(is_odd, n - 1);
    return FILCH_SYNC(is_odd);
}

FILCH_TASK_DEF(bool, is_odd, (unsigned, n))
{
    return n != 0 && FILCH_CALL(is_even, n - 1);
}

FILCH_TASK(int, all_kinds)
{
    std::atomic<int> counter{0};
    for (int i = 0; i < 10; i++)
        FILCH_SPAWN(count, &counter, i % 2 == 0);
    FILCH_SPAWN(turned, (four{1, 2, 3, 4}), direction::down);
    const four back = FILCH_SYNC(turned);
    require(back[0] == 4 && back[3] == 1, "an array by value");
    FILCH_SYNC_ALL();
    return counter;
}

int main()
{
    std::vector<double> numbers(100000);
    std::iota(numbers.begin(), numbers.end(), 1.0);
    filch_pool *pool = nullptr;
    require(filch_pool_open(&pool, nullptr) == 0, "a pool opens");
    for (int i = 0; i < 100; i++) {
        require(FILCH_RUN(pool, sum, (span{numbers.data(), numbers.data() + numbers.size()})) == 5000050000.0,
                "the sum");
        require(FILCH_RUN(pool, all_kinds) == 15, "all children ran");
    }
    int status = 1;
    require(FILCH_TRY_RUN(&status, pool, is_even, 100u) && status == 0, "even");
    require(filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE) == 0, "the pool closes");
    require(!FILCH_TRY_RUN(&status, pool, is_even, 100u) && status == -ESHUTDOWN, "refused");
    require(FILCH_RUN(pool, is_even, 100u), "even all the same");
    filch_pool_free(pool);
    return 0;
}
