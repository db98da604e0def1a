/* SPDX-License-Identifier: MIT */
/* checksum.c - a Python module that works in a filch pool, and goes on working in children made by fork.
 *
 *     checksum.crc32([b"some", b"buffers"])    a list of their CRCs, as zlib.crc32 has them
 *
 * Threads do not come along into a forked child, so there the parent's pool is stale: every call on it answers -ESTALE. The
 * module then frees it, which joins nothing and touches nothing of the parent's, and opens one of the child's own.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <filch/filch.h>

static struct filch_pool *pool; /* under the interpreter's lock */
static uint32_t table[256];

/* This process's pool; NULL with an exception set. */
static struct filch_pool *pool_here(void)
{
    struct filch_pool_stats stats;
    if (pool && filch_pool_get_stats(pool, &stats, sizeof stats) == -ESTALE) {
        filch_pool_free(pool);
        pool = NULL;
    }
    int error = pool ? 0 : filch_pool_open(&pool, NULL);
    if (error) {
        errno = -error;
        PyErr_SetFromErrno(PyExc_OSError);
    }
    return pool;
}

struct part {
    struct filch_future future;
    Py_buffer buffer;
    uint32_t crc;
};

/* No Python in here: it runs without the interpreter's lock. */
static int checksum(void *data)
{
    struct part *part = data;
    const unsigned char *bytes = part->buffer.buf;
    uint32_t crc = 0xffffffff;
    for (Py_ssize_t i = 0; i < part->buffer.len; i++)
        crc = table[(crc ^ bytes[i]) & 0xff] ^ crc >> 8;
    part->crc = ~crc;
    return 0;
}

/* The buffers stay where they are until they are released. Returns how many were taken; fewer with an exception set. */
static Py_ssize_t take_buffers(PyObject *list, struct part *parts)
{
    Py_ssize_t taken = 0, count = PyList_GET_SIZE(list);
    while (taken < count && PyObject_GetBuffer(PyList_GET_ITEM(list, taken), &parts[taken].buffer, PyBUF_SIMPLE) == 0)
        taken++;
    return taken;
}

static int run_all(struct filch_pool *here, struct part *parts, Py_ssize_t count)
{
    struct filch_batch batch = {&parts->future, sizeof *parts, parts, sizeof *parts, (size_t)count};
    int error;
    Py_BEGIN_ALLOW_THREADS;
    error = filch_submit_many(here, &batch, checksum, NULL);
    for (Py_ssize_t i = 0; i < count; i++) {
        int status = filch_wait(&parts[i].future);
        error = error ? error : status;
    }
    Py_END_ALLOW_THREADS;
    return error;
}

static PyObject *make_list(const struct part *parts, Py_ssize_t count)
{
    PyObject *list = PyList_New(count);
    for (Py_ssize_t i = 0; list && i < count; i++) {
        PyObject *crc = PyLong_FromUnsignedLong(parts[i].crc);
        if (crc)
            PyList_SET_ITEM(list, i, crc);
        else
            Py_CLEAR(list);
    }
    return list;
}

static PyObject *crc32(PyObject *module, PyObject *argument)
{
    (void)module;
    if (!PyList_Check(argument))
        return PyErr_Format(PyExc_TypeError, "crc32 takes a list of buffers");
    PyObject *buffers = PyList_GetSlice(argument, 0, PyList_GET_SIZE(argument)), *result = NULL; /* nobody changes it */
    Py_ssize_t count = buffers ? PyList_GET_SIZE(buffers) : 0;
    struct part *parts = buffers ? PyMem_Calloc(count > 0 ? (size_t)count : 1, sizeof *parts) : NULL;
    struct filch_pool *here = parts ? pool_here() : NULL;
    Py_ssize_t taken = here ? take_buffers(buffers, parts) : 0;
    if (buffers && !parts)
        PyErr_NoMemory();
    if (here && taken == count) {
        int error = run_all(here, parts, count);
        errno = -error;
        result = error ? PyErr_SetFromErrno(PyExc_OSError) : make_list(parts, count);
    }
    while (taken > 0)
        PyBuffer_Release(&parts[--taken].buffer);
    PyMem_Free(parts);
    Py_XDECREF(buffers);
    return result;
}

static PyObject *running(PyObject *module, PyObject *unused)
{
    struct filch_pool_stats stats = {0};
    (void)module;
    (void)unused;
    if (pool)
        (void)filch_pool_get_stats(pool, &stats, sizeof stats); /* stale: zero */
    return PyLong_FromUnsignedLongLong(stats.submitted - stats.run - stats.dropped);
}

static PyMethodDef methods[] = {
    {"crc32", crc32, METH_O, "crc32(list of buffers): a list of their CRCs, computed in parallel"},
    {"running", running, METH_NOARGS, "running(): how many buffers are being worked on, or wait for it"},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "checksum", .m_size = -1,
                                        .m_methods = methods};

PyMODINIT_FUNC PyInit_checksum(void);
PyMODINIT_FUNC PyInit_checksum(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        table[i] = i;
        for (int bit = 0; bit < 8; bit++)
            table[i] = table[i] & 1 ? 0xedb88320 ^ table[i] >> 1 : table[i] >> 1;
    }
    return PyModule_Create(&definition);
}
