/* SPDX-License-Identifier: MIT */
/* filchtest.c - a Python extension over filch, as its users write them: pools as objects, the interpreter's lock
 * released around waits, tasks that run C and tasks that call back into Python. fork_test.py forks with it. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <filch/filch.h>

struct pool_object {
    PyObject_HEAD struct filch_pool *pool;
};

static PyObject *raise_errno(int error)
{
    errno = -error;
    return PyErr_SetFromErrno(PyExc_OSError);
}

static int pool_init(PyObject *object, PyObject *arguments, PyObject *keywords)
{
    struct pool_object *self = (struct pool_object *)object;
    struct filch_pool_config config = {0};
    static char *names[] = {(char *)(uintptr_t) "limit", NULL};
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "|I", names, &config.max_concurrency))
        return -1;
    int result = filch_pool_open(&self->pool, &config);
    if (result != 0)
        (void)raise_errno(result);
    return result != 0 ? -1 : 0;
}

static PyObject *pool_close(PyObject *object, PyObject *unused)
{
    struct pool_object *self = (struct pool_object *)object;
    int result;
    (void)unused;
    Py_BEGIN_ALLOW_THREADS;
    result = filch_pool_close(self->pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE);
    Py_END_ALLOW_THREADS;
    if (result != 0)
        return raise_errno(result);
    Py_RETURN_NONE;
}

/* Collected in a forked child, where it is stale, or after its close; one that was never closed is left alone. */
static void pool_dealloc(PyObject *object)
{
    struct pool_object *self = (struct pool_object *)object;
    int result = self->pool ? filch_pool_close(self->pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE) : -EALREADY;
    if (result == 0 || result == -EALREADY || result == -ESTALE)
        filch_pool_free(self->pool);
    Py_TYPE(object)->tp_free(object);
}

/* ---- C tasks ---- */

/* Splits in two, waits for the halves, adds. */
struct half {
    struct filch_future future;
    uint64_t from, to, result;
};

static int add_up(void *data)
{
    struct half *half = data;
    if (half->to - half->from <= 64) {
        for (uint64_t i = half->from; i < half->to; i++)
            half->result += i;
        return 0;
    }
    uint64_t middle = half->from + (half->to - half->from) / 2;
    struct half parts[2] = {{.from = half->from, .to = middle}, {.from = middle, .to = half->to}};
    int result = 0;
    for (int i = 0; i < 2 && result == 0; i++)
        result = filch_submit(NULL, &parts[i].future, add_up, &parts[i]);
    for (int i = 0; i < 2; i++) {
        int status = filch_wait(&parts[i].future);
        result = result ? result : status == -EINVAL ? 0 : status; /* -EINVAL: never submitted */
        half->result += parts[i].result;
    }
    return result;
}

static PyObject *pool_sum(PyObject *object, PyObject *argument)
{
    struct pool_object *self = (struct pool_object *)object;
    struct half whole = {.to = PyLong_AsUnsignedLongLong(argument)};
    int result;
    if (PyErr_Occurred())
        return NULL;
    Py_BEGIN_ALLOW_THREADS;
    result = filch_submit(self->pool, &whole.future, add_up, &whole);
    if (result == 0)
        result = filch_wait(&whole.future);
    Py_END_ALLOW_THREADS;
    return result != 0 ? raise_errno(result) : PyLong_FromUnsignedLongLong(whole.result);
}

/* ---- tasks that call Python ---- */

struct call {
    struct filch_future future;
    PyObject *function, *item, *result;
};

/* On a thread's own stack, for the interpreter keeps thread-locals. */
static int call_python(void *data)
{
    struct call *call = data;
    PyGILState_STATE state = PyGILState_Ensure();
    call->result = PyObject_CallOneArg(call->function, call->item);
    if (!call->result)
        PyErr_WriteUnraisable(call->function);
    PyGILState_Release(state);
    return call->result ? 0 : -EIO;
}

static PyObject *collect(struct call *calls, Py_ssize_t count, int result)
{
    PyObject *list = result == 0 ? PyList_New(count) : NULL;
    for (Py_ssize_t i = 0; i < count; i++) {
        if (list)
            PyList_SET_ITEM(list, i, calls[i].result);
        else
            Py_XDECREF(calls[i].result);
    }
    PyMem_Free(calls);
    return list ? list : raise_errno(result != 0 ? result : -ENOMEM);
}

static PyObject *pool_map(PyObject *object, PyObject *arguments)
{
    struct pool_object *self = (struct pool_object *)object;
    static const struct filch_task_options options = {.name = "python", .flags = FILCH_TASK_OWN_THREAD};
    PyObject *function, *list;
    int result = 0;
    if (!PyArg_ParseTuple(arguments, "OO!", &function, &PyList_Type, &list))
        return NULL;
    Py_ssize_t count = PyList_GET_SIZE(list), submitted = 0;
    struct call *calls = PyMem_Calloc(count > 0 ? (size_t)count : 1, sizeof *calls);
    if (!calls)
        return PyErr_NoMemory();
    for (Py_ssize_t i = 0; i < count; i++)
        calls[i] = (struct call){.function = function, .item = PyList_GET_ITEM(list, i)};
    Py_BEGIN_ALLOW_THREADS;
    for (; submitted < count && result == 0; submitted++)
        result = filch_submit_with(self->pool, &calls[submitted].future, call_python, &calls[submitted], &options);
    for (Py_ssize_t i = 0; i < submitted; i++) {
        int status = filch_wait(&calls[i].future);
        result = result ? result : status;
    }
    Py_END_ALLOW_THREADS;
    return collect(calls, count, result);
}

/* ---- the module ---- */

static PyObject *pool_running(PyObject *object, PyObject *unused)
{
    struct filch_pool_stats stats;
    (void)unused;
    int result = filch_pool_get_stats(((struct pool_object *)object)->pool, &stats, sizeof stats);
    return result != 0 ? raise_errno(result) : PyLong_FromUnsignedLongLong(stats.submitted - stats.run - stats.dropped);
}

static PyMethodDef pool_methods[] = {
    {"sum", pool_sum, METH_O, "sum(n): 0 + 1 + ... + n - 1, by tasks that submit tasks and wait for them"},
    {"map", pool_map, METH_VARARGS, "map(function, list): a list of function(item), each called in a task"},
    {"running", pool_running, METH_NOARGS, "running(): tasks that were accepted and have not ended"},
    {"close", pool_close, METH_NOARGS, "close(): drain and stop the pool"},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject pool_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "filchtest.Pool",
    .tp_basicsize = sizeof(struct pool_object),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = PyType_GenericNew,
    .tp_init = pool_init,
    .tp_dealloc = pool_dealloc,
    .tp_methods = pool_methods,
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = "filchtest", .m_size = -1};

PyMODINIT_FUNC PyInit_filchtest(void);
PyMODINIT_FUNC PyInit_filchtest(void)
{
    PyObject *made = PyModule_Create(&module);
    if (!made || PyType_Ready(&pool_type) < 0 || PyModule_AddObjectRef(made, "Pool", (PyObject *)&pool_type) < 0) {
        Py_XDECREF(made);
        return NULL;
    }
    return made;
}
