/* SPDX-License-Identifier: MIT */
/* memory.c - the values of atomic objects, and which of them a load may return.
 *
 * Each object has messages (value, place in the modification order, what its writer released). A load returns any message
 * that is not below what its thread has seen; with acquire it joins the message's view. A store appends one, or, where newer
 * ones are there that its thread has not seen, may enter below them. Read-modify-writes read the last and append.
 *
 * Sequential consistency is RC11's: the accesses are events of a graph, with an edge for program order (sb), for program
 * order - happens before - program order (sb;hb;sb), for the modification order (mo), from a read to the stores that it did
 * not see (rb), and for happens-before at one object. It must have no cycle. A load may thus return an old value, though a
 * newer one was stored before it in this execution, unless a store in its past in the graph forbids it. Simplified: in
 * sb;hb;sb the accesses at both ends may be to one object, which adds edges.
 */
#include "engine.h"

#include <string.h>

enum { GAP = 64, WORDS = MC_SC_EVENTS / 64 }; /* room between neighbours in the modification order */

struct message {
    uint64_t value;
    int16_t place;
    int16_t clock; /* of its writer */
    int8_t writer; /* -1: it was there before */
    bool rmw;      /* nothing may enter before it */
    struct mc__view released;
};

static struct object {
    void *address;
    int size, count;
    int16_t message[MC_VALUES]; /* in the modification order */
} objects[MC_LOCATIONS];
static int object_count;
static struct message messages[MC_MESSAGES];
static int message_count;
static struct mc__view fences; /* what fences and sequentially consistent stores have made visible to all fences */

static struct event {
    int object;
    int8_t thread;
    bool write;
    int16_t place, clock; /* of what was read, or written */
    uint64_t before[WORDS];
} events[MC_SC_EVENTS];
static int event_count;
static int16_t event_of[MC_THREADS][MC_SC_EVENTS];

void mc__view_join(struct mc__view *view, const struct mc__view *other)
{
    int16_t *a = view->seen;
    const int16_t *b = other->seen;
    for (size_t i = 0; i < sizeof *view / sizeof *a; i++)
        a[i] = a[i] > b[i] ? a[i] : b[i];
}

void mc__memory_begin(void)
{
    object_count = message_count = event_count = 0;
    memset(&fences, 0, sizeof fences);
}

static bool acquires(int order)
{
    return order == MC_ACQUIRE || order == MC_CONSUME || order == MC_ACQ_REL || order == MC_SEQ_CST;
}

static bool releases(int order)
{
    return order == MC_RELEASE || order == MC_ACQ_REL || order == MC_SEQ_CST;
}

/* ---- the order of sequentially consistent accesses ---- */

static bool has(const uint64_t set[], int event)
{
    return set[event / 64] >> event % 64 & 1;
}

static void add_past(uint64_t set[], int event)
{
    for (int i = 0; i < WORDS; i++)
        set[i] |= events[event].before[i];
    set[event / 64] |= UINT64_C(1) << event % 64;
}

/* What is before the next such access of a thread with this past, whatever it reads. */
static void sc_past(uint64_t past[], const int16_t strong[])
{
    memset(past, 0, WORDS * sizeof *past);
    for (int i = 0; i < mc__run.threads; i++)
        if (strong[i])
            add_past(past, event_of[i][strong[i] - 1]);
}

/* No older message of the object can be read: that would put a store into the future of the load and into its past. */
static int16_t sc_floor(int object)
{
    uint64_t past[WORDS];
    int16_t floor = 0;
    sc_past(past, mc__me->now.strong);
    for (int i = 0; i < event_count; i++)
        if (events[i].object == object && events[i].write && events[i].place > floor && has(past, i))
            floor = events[i].place;
    return floor;
}

/* `read` is ordered before `event`, and with it what is before it. */
static void put_before(int read, int event)
{
    for (int i = 0; i < event_count; i++)
        if (i == event || has(events[i].before, event))
            add_past(events[i].before, read);
}

/* `strong`: from before the access, since what it acquires itself is ordered by happens-before alone. */
static void sc_access(int object, int16_t place, bool write, const int16_t strong[])
{
    struct mc__thread *me = mc__me;
    if (event_count == MC_SC_EVENTS)
        mc__fail_limit("sequentially consistent accesses");
    int new = event_count;
    struct event *event = &events[new];
    *event = (struct event){.object = object,
                            .thread = (int8_t)mc__run.me,
                            .write = write,
                            .place = place,
                            .clock = me->now.clock[mc__run.me]};
    sc_past(event->before, strong);
    for (int i = 0; i < new; i++)
        if (events[i].object == object &&
            (write || (events[i].write && events[i].place <= place &&
                       events[i].clock <= me->now.clock[(int)events[i].thread]))) /* mo, rb; hb at the object */
            add_past(event->before, i);
    event_count++;
    for (int i = 0; !write && i < new; i++)
        if (events[i].object == object && events[i].write && events[i].place > place) /* rb */
            put_before(new, i);
    event_of[mc__run.me][me->now.strong[mc__run.me]++] = (int16_t) new;
}

/* ---- messages ---- */

static uint64_t bits_at(const void *memory, int size)
{
    uint64_t value = 0;
    memcpy(&value, memory, (size_t)size); /* little-endian */
    return value;
}

static struct message *message_of(const struct object *object, int i)
{
    return &messages[object->message[i]];
}

static struct message *last_of(const struct object *object)
{
    return message_of(object, object->count - 1);
}

static struct message *new_message(struct object *object, int at)
{
    if (message_count == MC_MESSAGES || object->count == MC_VALUES)
        mc__fail_limit("values");
    for (int i = object->count++; i > at; i--)
        object->message[i] = object->message[i - 1];
    object->message[at] = (int16_t)message_count;
    return &messages[message_count++];
}

static struct object *object_at(void *address, int size, bool read, bool write)
{
    int16_t *place;
    int number = mc__atomic_at(address, size, read, write, &place);
    if (number < 0) {
        if (object_count == MC_LOCATIONS)
            mc__fail_limit("atomic objects");
        number = object_count++;
        *place = (int16_t)(number + 1);
        objects[number] = (struct object){.address = address, .size = size};
        struct message *first = new_message(&objects[number], 0);
        first->value = bits_at(address, size);
        first->place = first->clock = 0;
        first->writer = -1;
        first->rmw = false;
        memset(&first->released, 0, sizeof first->released);
        memset(&mc__accesses[number], 0, sizeof mc__accesses[number]);
    }
    int16_t clock = ++mc__me->now.clock[mc__run.me];
    if (read)
        mc__accesses[number].read[mc__run.me] = clock;
    if (write)
        mc__accesses[number].written[mc__run.me] = clock;
    return &objects[number];
}

static void read_message(const struct object *object, const struct message *message, int order)
{
    struct mc__thread *me = mc__me;
    int number = (int)(object - objects);
    if (me->now.seen[number] < message->place)
        me->now.seen[number] = message->place;
    if (acquires(order))
        mc__view_join(&me->now, &message->released);
    mc__view_join(&me->acquired, &message->released);
}

/* `at`: before which of the object's messages; `replaced`: the one that a read-modify-write has read; `strong`: sc_access(). */
static void write_message(struct object *object, int at, uint64_t value, int order, const struct message *replaced,
                          const int16_t strong[])
{
    struct mc__thread *me = mc__me;
    int number = (int)(object - objects);
    bool last = at == object->count;
    int16_t below = message_of(object, at - 1)->place;
    int16_t place = last ? (int16_t)(below + GAP) : (int16_t)((below + message_of(object, at)->place) / 2);
    struct message *message = new_message(object, at);
    message->value = value;
    message->place = place;
    message->writer = (int8_t)mc__run.me;
    message->rmw = replaced != NULL;
    message->clock = me->now.clock[mc__run.me];
    me->now.seen[number] = place;
    message->released = releases(order) ? me->now : me->released;
    message->released.seen[number] = place;
    if (replaced) /* it continues the release sequence */
        mc__view_join(&message->released, &replaced->released);
    if (order == MC_SEQ_CST) {
        sc_access(number, place, true, strong);
        fences.seen[number] = place;
    }
    me->now.clock[mc__run.me]++; /* what follows is not released */
    if (last)
        memcpy(object->address, &value, (size_t)object->size);
    mc__something_written();
}

/* How many of the newest messages may be read. */
static int readable(const struct object *object, int order)
{
    int number = (int)(object - objects);
    int16_t floor = mc__me->now.seen[number];
    if (!mc__may(mc__run.used.stale, mc__bounds.stale))
        return 1;
    if (order == MC_SEQ_CST) {
        int16_t also = sc_floor(number);
        floor = also > floor ? also : floor;
    }
    int count = 1;
    while (count < object->count && message_of(object, object->count - 1 - count)->place >= floor)
        count++;
    return count;
}

uint64_t mc__load(void *address, int size, int order, void *pc)
{
    mc__step(MC_READ, address);
    struct object *object = object_at(address, size, true, false);
    int back = mc__choose(readable(object, order), 4);
    mc__run.used.stale += back != 0;
    const struct message *message = message_of(object, object->count - 1 - back);
    int16_t strong[MC_THREADS];
    memcpy(strong, mc__me->now.strong, sizeof strong);
    read_message(object, message, order);
    if (order == MC_SEQ_CST)
        sc_access((int)(object - objects), message->place, false, strong);
    mc__trace(pc, "load %s = %lx%s", mc__name_of((uintptr_t)address), (unsigned long)message->value,
              back ? " (not the newest)" : "");
    return message->value;
}

void mc__store(void *address, int size, uint64_t value, int order, void *pc)
{
    mc__step(MC_WRITE, address);
    struct object *object = object_at(address, size, false, true);
    int below[8], count = 1; /* where it may enter */
    below[0] = object->count;
    int16_t seen = mc__me->now.seen[object - objects];
    if (order != MC_SEQ_CST && mc__may(mc__run.used.stale, mc__bounds.stale))
        for (int at = object->count - 1; at > 0 && count < 8 && message_of(object, at)->place > seen; at--)
            if (!message_of(object, at)->rmw && message_of(object, at)->place - message_of(object, at - 1)->place > 1)
                below[count++] = at;
    int chosen = mc__choose(count, 8);
    mc__run.used.stale += chosen != 0;
    write_message(object, below[chosen], value, order, NULL, mc__me->now.strong);
    mc__trace(pc, "store %s = %lx%s", mc__name_of((uintptr_t)address), (unsigned long)value,
              chosen ? " (below a newer one)" : "");
}

static uint64_t apply(enum mc__rmw operation, uint64_t old, uint64_t operand)
{
    switch (operation) {
    case MC_EXCHANGE:
        return operand;
    case MC_ADD:
        return old + operand;
    case MC_SUB:
        return old - operand;
    case MC_OR:
        return old | operand;
    case MC_AND:
        return old & operand;
    case MC_XOR:
        return old ^ operand;
    }
    return 0;
}

/* Reads the last message, for certain. */
static void replace_last(struct object *object, uint64_t value, int order)
{
    const struct message *last = last_of(object);
    int16_t strong[MC_THREADS];
    memcpy(strong, mc__me->now.strong, sizeof strong);
    read_message(object, last, order);
    write_message(object, object->count, value, order, last, strong);
}

static uint64_t cut(uint64_t value, int size)
{
    return size == 8 ? value : value & ((UINT64_C(1) << size * 8) - 1);
}

uint64_t mc__rmw(void *address, int size, uint64_t operand, enum mc__rmw operation, int order, void *pc)
{
    mc__step(MC_WRITE, address);
    struct object *object = object_at(address, size, true, true);
    uint64_t old = last_of(object)->value, value = cut(apply(operation, old, operand), size);
    replace_last(object, value, order);
    mc__trace(pc, "change %s from %lx to %lx", mc__name_of((uintptr_t)address), (unsigned long)old,
              (unsigned long)value);
    return old;
}

bool mc__cas(void *address, int size, void *expected, uint64_t desired, int order, int failure, bool weak, void *pc)
{
    mc__step(MC_WRITE, address);
    struct object *object = object_at(address, size, true, true);
    uint64_t wanted = bits_at(expected, size);
    int option[MC_VALUES + 1], count = 0; /* -1: success; otherwise which message it fails by */
    if (last_of(object)->value == wanted)
        option[count++] = -1;
    int window = readable(object, failure);
    for (int back = 0; back < window; back++)
        if (message_of(object, object->count - 1 - back)->value != wanted)
            option[count++] = object->count - 1 - back;
    if (weak && option[0] == -1 && mc__may(mc__run.used.spurious, mc__bounds.spurious))
        option[count++] = object->count - 1;
    if (!mc__may(mc__run.used.stale, mc__bounds.stale) && !weak)
        count = 1;
    int chosen = mc__choose(count, 4), from = option[chosen];
    if (from == -1) {
        replace_last(object, desired, order);
        mc__trace(pc, "cas %s from %lx to %lx", mc__name_of((uintptr_t)address), (unsigned long)wanted,
                  (unsigned long)desired);
        return true;
    }
    const struct message *found = message_of(object, from);
    if (chosen && found->value == wanted)
        mc__run.used.spurious++;
    else
        mc__run.used.stale += chosen != 0;
    read_message(object, found, failure);
    memcpy(expected, &found->value, (size_t)size);
    mc__trace(pc, "cas %s fails: expects %lx, finds %lx", mc__name_of((uintptr_t)address), (unsigned long)wanted,
              (unsigned long)found->value);
    return false;
}

uint64_t mc__newest(void *address, int size)
{
    struct object *object = object_at(address, size, true, false);
    mc__me->now.seen[object - objects] = last_of(object)->place;
    return last_of(object)->value;
}

void mc__see_all(void)
{
    for (int i = 0; i < object_count; i++)
        if (objects[i].address)
            mc__me->now.seen[i] = last_of(&objects[i])->place;
}

/* A sequentially consistent fence of that thread. */
void mc__fence(struct mc__thread *thread)
{
    mc__view_join(&thread->now, &thread->acquired);
    for (int i = 0; i < MC_LOCATIONS; i++) {
        int16_t most = thread->now.seen[i] > fences.seen[i] ? thread->now.seen[i] : fences.seen[i];
        thread->now.seen[i] = fences.seen[i] = most;
    }
    thread->released = thread->now;
}

void mc__forget(int number)
{
    objects[number].address = NULL;
}
