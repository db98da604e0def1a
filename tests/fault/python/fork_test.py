# SPDX-License-Identifier: MIT
"""os.fork() and multiprocessing in a process that uses filch by an extension: in the child the old pool answers ESTALE
and a new one works, the parent is untouched. Run by CTest with the extension's directory in PYTHONPATH."""
import concurrent.futures
import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import unittest

import filchtest

N = 20000
SUM = N * (N - 1) // 2
forks = 0


FORK_AND_END = """
import filchtest, os, sys
old = filchtest.Pool(3)
old.sum(20000)
child = os.fork()
if child == 0:
    new = filchtest.Pool(2)
    new.sum(20000)
    print("child")
    sys.exit(0)
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print("parent")
sys.exit(code)
"""


def errno_of(function, *arguments):
    try:
        function(*arguments)
    except OSError as error:
        return error.errno
    return 0


def use_new_pool(_=None):
    """A new pool, all of it: C tasks, tasks that call Python, close."""
    pool = filchtest.Pool(2)
    result = pool.sum(N)
    squares = pool.map(lambda x: x * x, list(range(20)))
    pool.close()
    return result == SUM and squares == [x * x for x in range(20)]


def old_pool_is_stale(pool):
    return all(errno_of(*call) == errno.ESTALE
               for call in ((pool.sum, N), (pool.map, str, [1, 2]), (pool.running,), (pool.close,)))


def in_child(function, *arguments):
    """Fork; the child's answer."""
    global forks
    forks += 1
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.alarm(60)
            code = 0 if function(*arguments) else 2
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def child_of_process(pool, results):
    results.put((old_pool_is_stale(pool), use_new_pool()))


class Fork(unittest.TestCase):
    def setUp(self):
        self.pool = filchtest.Pool(3)
        self.assertEqual(self.pool.sum(N), SUM)

    def tearDown(self):
        self.assertEqual(self.pool.sum(N), SUM)
        self.assertEqual(self.pool.map(lambda x: -x, [1, 2, 3]), [-1, -2, -3])
        self.pool.close()
        self.assertEqual(errno_of(self.pool.close), errno.EALREADY)

    def test_fork(self):
        self.assertEqual(in_child(old_pool_is_stale, self.pool), 0)
        self.assertEqual(in_child(use_new_pool), 0)

    def test_fork_under_load(self):
        stop = threading.Event()
        wrong = []

        def load():
            # No Python in the tasks: CPython 3.11 does not survive a fork while another thread makes its thread state.
            while not stop.is_set():
                if self.pool.sum(N) != SUM:
                    wrong.append(1)

        threads = [threading.Thread(target=load) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(25):
                self.assertEqual(in_child(lambda: old_pool_is_stale(self.pool) and use_new_pool()), 0)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(wrong, [])

    def test_collected_in_the_child(self):
        def collect():
            self.pool = None
            return use_new_pool()
        self.assertEqual(in_child(collect), 0)

    def test_grandchildren(self):
        def fork_again():
            mine = filchtest.Pool(1)
            return mine.sum(N) == SUM and in_child(old_pool_is_stale, mine) == 0 and in_child(use_new_pool) == 0
        self.assertEqual(in_child(fork_again), 0)

    def test_process(self):
        context = multiprocessing.get_context("fork")
        results = context.Queue()
        processes = [context.Process(target=child_of_process, args=(self.pool, results)) for _ in range(3)]
        for process in processes:
            process.start()
        self.assertEqual([results.get(timeout=60) for _ in processes], [(True, True)] * 3)
        for process in processes:
            process.join()
            self.assertEqual(process.exitcode, 0)

    def test_process_pool(self):
        for method in ("fork", "spawn"):
            with multiprocessing.get_context(method).Pool(2) as workers:
                self.assertEqual(workers.map(use_new_pool, range(8)), [True] * 8, method)

    def test_forkserver(self):
        with multiprocessing.get_context("forkserver").Pool(2) as workers:
            self.assertEqual(workers.map(use_new_pool, range(4)), [True] * 4)

    def test_a_child_that_ends_as_programs_do(self):
        """Not by _exit: both interpreters are finalised, the child's with the stale pool and with a living one."""
        done = subprocess.run([sys.executable, "-c", FORK_AND_END], capture_output=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"child\nparent\n", b""))

    def test_other_programs_are_started(self):
        for start in ({}, {"preexec_fn": os.setpgrp}):  # by vfork, by fork
            done = subprocess.run([sys.executable, "-c", "print(6 * 7)"], capture_output=True, timeout=60, **start)
            self.assertEqual((done.returncode, done.stdout), (0, b"42\n"))
            self.assertEqual(self.pool.sum(N), SUM)

    def test_executor(self):
        context = multiprocessing.get_context("fork")
        with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
            self.assertEqual(list(executor.map(use_new_pool, range(6))), [True] * 6)

    def test_fork_inside_a_task(self):
        def fork_in_task(_):
            return in_child(lambda: old_pool_is_stale(self.pool) and use_new_pool())
        for _ in range(3):  # one at a time: see load() above
            self.assertEqual(self.pool.map(fork_in_task, [0]), [0])


if __name__ == "__main__":
    program = unittest.main(exit=False, verbosity=2)
    if program.result.wasSuccessful():
        print(f"figure: P13 Python {sys.version.split()[0]}: {program.result.testsRun} tests, {forks} forks and the"
              " processes of multiprocessing, each child with a new pool")
    sys.exit(not program.result.wasSuccessful())
